/*
 * The one list of outcomes that a fallible function can return, and their texts.
 *
 * A result says what kind of thing went wrong; where and with which bytes is said by the caller, which knows.
 * Only a peer's or the disk's mistakes are results. Our own are assertions.
 */
#ifndef ACKGATE_PROTOCOL_ERROR_H
#define ACKGATE_PROTOCOL_ERROR_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum result {
    RESULT_OK = 0,
    RESULT_AGAIN,       /* not enough bytes yet, or the operation would block: come again */
    RESULT_CLOSED,      /* the peer closed the connection in good order */
    RESULT_TRUNCATED,   /* a length points past the end of what there is */
    RESULT_MALFORMED,   /* the bytes break the format */
    RESULT_TOO_LARGE,   /* well-formed, but over a limit of ours */
    RESULT_UNSUPPORTED, /* well-formed, but nothing we can serve */
    RESULT_CHECKSUM,    /* the checksum does not match */
    RESULT_SEQUENCE,    /* packets out of order */
    RESULT_DENIED,      /* wrong user, password or privilege */
    RESULT_NOT_FOUND,   /* no such file, position, GTID or name */
    RESULT_GONE,        /* it was there, and has been purged */
    RESULT_DIVERGED,    /* another history than ours */
    RESULT_CONFLICT,    /* already there, or not possible in this state */
    RESULT_DAMAGED,     /* stored bytes are not what was written */
    RESULT_IO,          /* the operating system said no; errno has the reason */
    RESULT_FULL,        /* no room left on the device or in a bounded queue */
    RESULT_TIMEOUT,
    RESULT_COUNT
};

/* A constant English phrase without a full stop, never NULL; it lives for ever. */
const char *result_text(enum result result);

#endif
