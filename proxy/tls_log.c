/* The log lines of tls_log.h. */
#include "proxy/tls_log.h"

#include "proxy/log.h"

#include <stdbool.h>
#include <stdio.h>

enum { BURST = 5, PERIOD_MS = 10000 };

/* Writes how many lines were left out, as the end of a line. False: this one is left out too. */
static bool is_allowed(char *ret_others, size_t others_max)
{
    static _Thread_local struct log_limit limit;
    unsigned suppressed = 0;
    if (!log_limit_allows(&limit, BURST, PERIOD_MS, &suppressed))
        return false;
    ret_others[0] = '\0';
    if (suppressed > 0)
        snprintf(ret_others, others_max, " (and %u like this before)", suppressed);
    return true;
}

void tls_log_failed(const char *object, const char *peer, const char *why)
{
    char others[64];
    if (is_allowed(others, sizeof(others)))
        log_warn(object, "TLS handshake with %s failed: %s%s", peer, log_quote_text(why), others);
}

void tls_log_plain(const char *object, const char *peer)
{
    char others[64];
    if (is_allowed(others, sizeof(others)))
        log_warn(object, "login from %s refused: it came without TLS, and tls = required%s", peer, others);
}
