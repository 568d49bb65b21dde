/* The SQLSTATEs of constants.h. */
#include "protocol/constants.h"

#include <stddef.h>

static const struct {
    uint16_t code;
    const char *sqlstate;
} states[] = {
    {ERROR_CODE_TOO_MANY_CONNECTIONS,     "08004"},
    {ERROR_CODE_BAD_HANDSHAKE,            "08S01"},
    {ERROR_CODE_DB_ACCESS_DENIED,         "42000"},
    {ERROR_CODE_ACCESS_DENIED,            "28000"},
    {ERROR_CODE_NO_DB,                    "3D000"},
    {ERROR_CODE_UNKNOWN_COMMAND,          "08S01"},
    {ERROR_CODE_BAD_DB,                   "42000"},
    {ERROR_CODE_SERVER_SHUTDOWN,          "08S01"},
    {ERROR_CODE_BAD_FIELD,                "42S22"},
    {ERROR_CODE_PARSE,                    "42000"},
    {ERROR_CODE_NO_SUCH_TABLE,            "42S02"},
    {ERROR_CODE_PACKET_TOO_LARGE,         "08S01"},
    {ERROR_CODE_PACKETS_OUT_OF_ORDER,     "08S01"},
    {ERROR_CODE_READ,                     "08S01"},
    {ERROR_CODE_READ_TIMEOUT,             "08S01"},
    {ERROR_CODE_SPECIFIC_ACCESS_DENIED,   "42000"},
    {ERROR_CODE_WRONG_VALUE_FOR_VARIABLE, "42000"},
    {ERROR_CODE_NOT_SUPPORTED_YET,        "42000"},
    {ERROR_CODE_AUTH_PLUGIN_UNSUPPORTED,  "08004"},
    {ERROR_CODE_QUERY_INTERRUPTED,        "70100"},
};

const char *error_code_sqlstate(uint16_t code)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (states[i].code == code)
            return states[i].sqlstate;
    }
    return "HY000";
}
