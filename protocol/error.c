/* Texts of the results of error.h. */
#include "protocol/error.h"

#include <assert.h>
#include <stddef.h>

static const char *const texts[RESULT_COUNT] = {
    [RESULT_OK] = "ok",
    [RESULT_AGAIN] = "not ready yet",
    [RESULT_CLOSED] = "connection closed by the peer",
    [RESULT_TRUNCATED] = "ends too early",
    [RESULT_MALFORMED] = "malformed",
    [RESULT_TOO_LARGE] = "too large",
    [RESULT_UNSUPPORTED] = "not supported",
    [RESULT_CHECKSUM] = "checksum does not match",
    [RESULT_SEQUENCE] = "packets out of order",
    [RESULT_DENIED] = "access denied",
    [RESULT_NOT_FOUND] = "not found",
    [RESULT_GONE] = "has been purged",
    [RESULT_DIVERGED] = "diverged from the history kept here",
    [RESULT_CONFLICT] = "not possible in this state",
    [RESULT_DAMAGED] = "damaged",
    [RESULT_IO] = "input/output error",
    [RESULT_FULL] = "no room left",
    [RESULT_TIMEOUT] = "timed out",
};

const char *result_text(enum result result)
{
    assert(result >= 0 && result < RESULT_COUNT && texts[result] != NULL);
    return texts[result];
}
