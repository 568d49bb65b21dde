/* What tls.c needs of tls_context.c. Only these include OpenSSL's <openssl/ssl.h>. */
#ifndef ACKGATE_PROXY_TLS_INTERNAL_H
#define ACKGATE_PROXY_TLS_INTERNAL_H

#include "proxy/tls_context.h"

#include <openssl/ssl.h>

/* A fresh connection, the caller's; towards a server with the session of the connection before, to resume. */
SSL *tls_context_connect(struct tls_context *context);
enum tls_side tls_context_side(const struct tls_context *context);
/* The first thing that OpenSSL's queue of errors holds, as a phrase; empties it. */
void tls_take_error(char *ret_text, size_t text_max);

#endif
