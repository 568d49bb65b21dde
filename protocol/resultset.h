/*
 * Text result sets: written for our own ports, read for our own queries.
 *
 * Manual: "Text Resultset", "Protocol::ColumnDefinition41". Both with and without CAP_DEPRECATE_EOF.
 * Capabilities that change the form otherwise (CAP_OPTIONAL_METADATA, CAP_MARIADB_METADATA,
 * CAP_MARIADB_CACHE) must not have been agreed. The result sets of app sessions are not read by this: their
 * rows are moved, not looked into.
 */
#ifndef ACKGATE_PROTOCOL_RESULTSET_H
#define ACKGATE_PROTOCOL_RESULTSET_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/response.h"

struct resultset_column {
    const char *name;
    uint8_t type;   /* COLUMN_TYPE_*; 0 (DECIMAL is never used) means COLUMN_TYPE_VAR_STRING */
    uint16_t flags; /* COLUMN_FLAG_* */
};

/*
 * Collects one response (or several) as packets, headers included, ready to be sent. Order of calls: columns,
 * then for each row row_begin, one value per column, row_end; then end. Wrong order or number is asserted.
 */
struct resultset_writer {
    uint8_t *data; /* owned; take it with resultset_writer_take() or send data[0 .. length) */
    size_t length;
    size_t room;
    uint64_t caps;
    uint8_t sequence; /* of the next packet */
    size_t columns;   /* of the result set under way */
    size_t values;    /* of the row under way */
    size_t mark;      /* where the packet under way begins */
    bool in_row;
};

/* The first packet of a response to a command has sequence 1. */
void resultset_writer_init(struct resultset_writer *writer, uint64_t caps, uint8_t sequence);
void resultset_writer_release(struct resultset_writer *writer);
/* Hands over the bytes, to be released with free(), and leaves the writer empty with its sequence. */
uint8_t *resultset_writer_take(struct resultset_writer *writer, size_t *ret_length_bytes);

void resultset_writer_columns(struct resultset_writer *writer, const struct resultset_column *columns,
                              size_t count);
void resultset_writer_row_begin(struct resultset_writer *writer);
void resultset_writer_value(struct resultset_writer *writer, struct span text);
void resultset_writer_text(struct resultset_writer *writer, const char *text); /* NULL pointer: NULL */
void resultset_writer_null(struct resultset_writer *writer);
void resultset_writer_u64(struct resultset_writer *writer, uint64_t value);
void resultset_writer_row_end(struct resultset_writer *writer);
void resultset_writer_end(struct resultset_writer *writer, uint16_t status, uint16_t warnings);

/* Responses without a result set, or in its place. An error may also end a result set after any row. */
void resultset_writer_ok(struct resultset_writer *writer, const struct response_ok *ok);
void resultset_writer_error(struct resultset_writer *writer, uint16_t code, const char *message);

/* Shorthand for the many one-row, one-column answers. text NULL: the value is NULL. */
void resultset_writer_single(struct resultset_writer *writer, const char *column, const char *text,
                             uint16_t status);

enum resultset_step {
    RESULTSET_STEP_MORE, /* nothing to be seen yet: column count, definitions, EOF after them, progress report
                          */
    RESULTSET_STEP_ROW,  /* a row: resultset_row_decode() */
    RESULTSET_STEP_END,  /* the result set is complete; status has STATUS_MORE_RESULTS if another follows */
    RESULTSET_STEP_OK,   /* the answer was an OK, no result set; status as above */
    RESULTSET_STEP_ERROR, /* the answer is an ERR: response_error_decode() */
};

/* Takes one response apart, payload by payload (from a packet_joiner). */
struct resultset_reader {
    uint64_t caps;
    uint64_t columns;     /* of the result set under way */
    uint64_t definitions; /* still to come */
    uint16_t status;      /* of the last OK or EOF */
    enum { RESULTSET_AT_FIRST, RESULTSET_AT_DEFINITION, RESULTSET_AT_EOF, RESULTSET_AT_ROW } at;
};

#define RESULTSET_COLUMNS_MAX 4096

void resultset_reader_init(struct resultset_reader *reader, uint64_t caps);
/* After END, OK (without STATUS_MORE_RESULTS) and ERROR the reader is ready for the next response. */
MUST_CHECK enum result resultset_reader_next(struct resultset_reader *reader, struct span payload,
                                             enum resultset_step *ret_step);

struct resultset_value {
    struct span text; /* empty if NULL */
    bool is_null;
};

/* Splits a row into exactly count values, which point into it; else RESULT_TRUNCATED or RESULT_MALFORMED. */
MUST_CHECK enum result resultset_row_decode(struct span row, size_t count,
                                            struct resultset_value *ret_values);

#endif
