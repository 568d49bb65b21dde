/*
 * OK, ERR and EOF packets, and what a response's packets are.
 *
 * Manual: "OK_Packet", "ERR_Packet", "EOF_Packet", "Protocol::LOCAL INFILE Request". With CAP_DEPRECATE_EOF
 * an OK whose header is 0xFE ends a result set; without it, an EOF. caps is always what was agreed on that
 * connection: greeting & login. What an OK tells about the session is taken apart by track.h.
 */
#ifndef ACKGATE_PROTOCOL_RESPONSE_H
#define ACKGATE_PROTOCOL_RESPONSE_H

#include "protocol/error.h"
#include "protocol/flavor.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

#define RESPONSE_HEADER_OK     0x00
#define RESPONSE_HEADER_INFILE 0xFB
#define RESPONSE_HEADER_EOF    0xFE /* EOF, and the OK that replaces it */
#define RESPONSE_HEADER_ERR    0xFF

enum response_kind {
    RESPONSE_OK,        /* decode with response_ok_decode() */
    RESPONSE_ERR,       /* ends the whole response */
    RESPONSE_EOF,       /* decode with response_eof_decode() */
    RESPONSE_INFILE,    /* the client sends a file now, ended by an empty packet; then comes OK or ERR */
    RESPONSE_PROGRESS,  /* MariaDB's progress report (CAP_MARIADB_PROGRESS): the real answer is still to come
                         */
    RESPONSE_ROW,       /* a row, text or binary */
    RESPONSE_RESULTSET, /* column count of a result set */
    RESPONSE_INVALID    /* no such packet can stand here */
};

/*
 * The first packet of a response to a command that gives OK or a result set. length is the packet's whole
 * length; of its bytes only the first three are looked at, so start may be cut short.
 */
enum response_kind response_kind_of_first(struct span start, size_t length_bytes, uint64_t caps);
/* A packet where rows stand: ROW, OK or EOF (the end), ERR. first is the first byte; length is the packet's.
 */
enum response_kind response_kind_of_row(uint8_t first, size_t length_bytes, uint64_t caps);
bool response_is_error(struct span payload);

struct response_ok {
    uint8_t header; /* RESPONSE_HEADER_OK or RESPONSE_HEADER_EOF */
    uint64_t affected_rows;
    uint64_t last_insert_id;
    uint16_t status; /* STATUS_* */
    uint16_t warnings;
    struct span
        info; /* human readable, mostly empty; with its length on the wire in any case, see response.c */
    struct span state; /* session-state changes for track.h; empty unless STATUS_SESSION_STATE_CHANGED */
};

MUST_CHECK enum result response_ok_decode(struct span payload, uint64_t caps, struct response_ok *ret_ok);
/* Under caps without CAP_SESSION_TRACK the state is left out and its status flag cleared. */
void response_ok_encode(struct writer *writer, const struct response_ok *ok, uint64_t caps);

struct response_error {
    uint16_t code;
    char sqlstate[6]; /* "HY000" if the packet had none, as before login */
    struct span message;
};

MUST_CHECK enum result response_error_decode(struct span payload, struct response_error *ret_error);
/* The message is cut at 512 bytes, as servers do. */
void response_error_encode(struct writer *writer, uint16_t code, struct span message);

struct response_eof {
    uint16_t warnings;
    uint16_t status; /* STATUS_* */
};

MUST_CHECK enum result response_eof_decode(struct span payload, struct response_eof *ret_eof);
void response_eof_encode(struct writer *writer, struct response_eof eof);

/* Status flags of an OK or EOF, without decoding the rest. */
MUST_CHECK enum result response_status(struct span payload, uint64_t caps, uint16_t *ret_status);

/*
 * For a client that agreed to less than was agreed with the source. True: OK packets must be rewritten.
 */
bool response_differs(uint64_t source_caps, uint64_t client_caps);
/*
 * Writes the payload that a client under client_caps expects in place of the OK received under source_caps:
 * without session state if it has no CAP_SESSION_TRACK; as an EOF if it has no CAP_DEPRECATE_EOF and the
 * header is 0xFE.
 */
MUST_CHECK enum result response_ok_rewrite(struct span payload, uint64_t source_caps, uint64_t client_caps,
                                           enum flavor flavor, struct writer *writer);

#endif
