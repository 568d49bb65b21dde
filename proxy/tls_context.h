/*
 * The certificates and rules that TLS connections of one port, or towards the source, are made with.
 *
 * One object for each section of the config that has a key `tls`; the connections themselves are in tls.h. It
 * may be used from all threads, and read anew at any time: connections go on with what they began with. A
 * context whose mode is disabled has nothing in it, and wherever one is taken NULL means the same.
 */
#ifndef ACKGATE_PROXY_TLS_CONTEXT_H
#define ACKGATE_PROXY_TLS_CONTEXT_H

#include "protocol/error.h"
#include "recovery/tls_settings.h"

#include <stdbool.h>

struct tls_context;

enum tls_side { TLS_SERVER, TLS_CLIENT };
enum { TLS_ERROR_MAX = 512 };

/*
 * Reads the files. The settings' strings must outlive the context. On failure RESULT_MALFORMED, and ret_error
 * says which file and why, for the config's key `tls…`.
 */
MUST_CHECK enum result tls_context_new(enum tls_side side, const struct tls_settings *settings,
                                       struct tls_context **ret_context, char ret_error[TLS_ERROR_MAX]);
void tls_context_free(struct tls_context **context);
/* Reads the same files again. On failure all stays as it was. */
MUST_CHECK enum result tls_context_reload(struct tls_context *context, char ret_error[TLS_ERROR_MAX]);

enum tls_mode tls_context_mode(const struct tls_context *context);
bool tls_context_is_on(const struct tls_context *context); /* the mode is not disabled */

/* Only whether tls_context_new() would go well; for ackgate --check. */
MUST_CHECK enum result tls_settings_check(enum tls_side side, const struct tls_settings *settings,
                                          char ret_error[TLS_ERROR_MAX]);

#endif
