/* The contexts of all sections of the config that have a key `tls`. Owned by the pipeline; handed out to
 * whoever serves that port or connects to the source. */
#ifndef ACKGATE_PROXY_TLS_CONTEXTS_H
#define ACKGATE_PROXY_TLS_CONTEXTS_H

#include "proxy/config.h"
#include "proxy/tls_context.h"

#include <stddef.h>

struct tls_contexts {
    struct tls_context *source;
    struct tls_context *app;
    struct tls_context *replication;
    struct tls_context *admin;
};

/* RESULT_MALFORMED: logged. The config must outlive them. */
MUST_CHECK enum result tls_contexts_init(struct tls_contexts *contexts, const struct config *config);
void tls_contexts_release(struct tls_contexts *contexts); /* no harm when never initialised, but zero */

/*
 * Reads all certificates, keys and authorities again, from the files that the config named at the start. What
 * cannot be used stays as it was. Returns how many sections have TLS on; ret_problems says what is wrong, ""
 * if nothing.
 */
unsigned tls_contexts_reload(struct tls_contexts *contexts, char *ret_problems, size_t problems_max);

#endif
