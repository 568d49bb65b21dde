/*
 * Where a response of the source begins and ends, and which of its packets have to be looked at.
 *
 * Pure: bytes in, steps out, whatever way they are cut. Rows and definitions are passed on without being
 * looked into beyond header and first byte; OKs and the OKs that end result sets are handed out whole, so
 * that the gate can be asked. The source always speaks under CAP_DEPRECATE_EOF and CAP_SESSION_TRACK; for a
 * client without them EOFs are put in, OKs written anew and sequence ids corrected in place.
 * Manual: "Command Phase", "Text Resultset", "Binary Protocol Resultset", "COM_STMT_PREPARE Response".
 */
#ifndef ACKGATE_PROXY_SESSION_RESPONSE_H
#define ACKGATE_PROXY_SESSION_RESPONSE_H

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/flavor.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

enum { SESSION_RESPONSE_WHOLE_MAX = 1024 * 1024, SESSION_RESPONSE_EOF_BYTES = 9 };

enum response_await {
    AWAIT_NOTHING, /* no response is under way */
    AWAIT_FIRST,
    AWAIT_DEFINITIONS,
    AWAIT_ROWS,
    AWAIT_PREPARED,
    AWAIT_TEXT
};

struct session_response {
    uint64_t source_caps;
    uint64_t client_caps;
    uint32_t left;         /* bytes of the packet under way that are still to be passed */
    uint32_t definitions;  /* still to come in this block */
    uint16_t second_block; /* definitions of a prepared statement's columns, after the parameters' */
    uint16_t status;       /* of the last OK, for EOFs of our own */
    uint16_t warnings;     /* of the prepared statement whose definitions come */
    enum flavor flavor;
    uint8_t await;     /* enum response_await, after the payload under way */
    uint8_t sequence;  /* of the last packet, as the source numbered it */
    uint8_t shift;     /* packets put in: how much further the client has counted */
    bool is_differing; /* the client gets OKs and EOFs that the source did not send */
    bool is_prepared;  /* the definitions are a prepared statement's */
    bool is_infile;    /* the payload under way asks for a file */
    bool continues;    /* the next packet goes on with the payload */
    uint8_t eofs_due;  /* EOFs after definitions that the client has not got yet */
    uint8_t eof[SESSION_RESPONSE_EOF_BYTES];
};

enum response_step_kind {
    RESPONSE_STEP_PASS,   /* bytes go to the client */
    RESPONSE_STEP_INSERT, /* bytes, which live until the next step, go to the client; nothing is consumed */
    RESPONSE_STEP_OK,     /* bytes are a whole packet: look at payload, then pass or encode_ok it */
    RESPONSE_STEP_INFILE  /* as PASS, and the client answers with a file, from sequence + 1 on */
};

struct session_response_step {
    enum response_step_kind kind;
    struct span bytes;
    struct span payload; /* of an OK */
    uint16_t status;     /* of an OK */
    uint8_t sequence;    /* of an OK and an INFILE, as the client sees it */
    bool is_end;         /* of the response, once these bytes have gone */
};

/* status: of the OK that ended the login. */
void session_response_init(struct session_response *response, enum flavor flavor, uint64_t source_caps,
                           uint64_t client_caps, uint16_t status);
/* A command was sent; kind must be one that has an answer, but not AUTH. */
void session_response_begin(struct session_response *response, enum command_response kind);
bool session_response_is_open(const struct session_response *response);
/* It is open and none of its packets, or of its next result's, has come: an error may stand in its place. */
bool session_response_is_before_first(const struct session_response *response);

/*
 * The next step of the response under way; to be called until it says RESULT_AGAIN or the response ends, also
 * when all bytes are consumed. data is what came, corrected in place; it was consumed up to the
 * end of bytes, except by an INSERT. RESULT_AGAIN: nothing can be told yet, offer the same bytes again with
 * what follows; RESULT_TOO_LARGE: a packet that must be whole is over SESSION_RESPONSE_WHOLE_MAX;
 * RESULT_MALFORMED and others: the source is of no use any more.
 */
MUST_CHECK enum result session_response_next(struct session_response *response, uint8_t *data,
                                             size_t length_bytes, struct session_response_step *ret_step);

/* Whether the client gets another packet than this OK. */
bool session_response_rewrites(const struct session_response *response, struct span payload);
/* Writes the packet that the client gets for an OK; it is never longer than the source's. */
MUST_CHECK enum result session_response_encode_ok(const struct session_response *response,
                                                  const struct session_response_step *step,
                                                  struct writer *writer);

#endif
