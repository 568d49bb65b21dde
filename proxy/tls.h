/*
 * One connection's TLS, over a non-blocking socket: the handshake, reading, writing.
 *
 * Used by conn.c, which everybody else goes through. Bytes that tls_write() has taken are sealed and are on
 * their way: what the socket does not take at once is kept here (one record at most) and goes out with
 * tls_flush(), before anything else is taken. So nobody has to offer the same bytes twice.
 */
#ifndef ACKGATE_PROXY_TLS_H
#define ACKGATE_PROXY_TLS_H

#include "protocol/reader.h"
#include "proxy/tls_context.h"

#include <stddef.h>
#include <sys/uio.h>

struct tls;

/* host: what the certificate of a server has to name, with verify_identity; NULL for clients'. The context
 * must be on. */
struct tls *tls_new(struct tls_context *context, const char *host);
/* Says good-bye to the peer as far as that goes without waiting. The descriptor stays open. */
void tls_free(struct tls **tls);
/* Which socket it is, and what was read from it already. */
void tls_start(struct tls *tls, int fd, struct span early);

/* RESULT_AGAIN: wait for the socket, for reading and, while something is unsent, for writing. RESULT_DENIED,
 * RESULT_CLOSED, RESULT_IO: it has failed, and tls_error() says how. */
MUST_CHECK enum result tls_handshake(struct tls *tls);
const char *tls_error(const struct tls *tls);

/* As of conn_read(): as much as there is and fits. RESULT_MALFORMED: not TLS, or damaged on its way. */
MUST_CHECK enum result tls_read(struct tls *tls, void *buffer, size_t room_bytes, size_t *ret_length);
/* Another tls_read() brings something though the socket may have nothing to read. */
bool tls_has_more(const struct tls *tls);

/* As of conn_write(). */
MUST_CHECK enum result tls_write(struct tls *tls, const struct iovec *parts, int part_count,
                                 size_t *ret_length);
bool tls_has_unsent(const struct tls *tls);
MUST_CHECK enum result tls_flush(struct tls *tls); /* RESULT_OK: nothing is unsent */
void tls_end(struct tls *tls);                     /* tells the peer that no more bytes will come */

/* ---- about an established connection ---- */
const char *tls_version(const struct tls *tls); /* "TLSv1.3" */
bool tls_is_resumed(const struct tls *tls);
/* The subject of the certificate that the peer has shown, and that was verified, as RFC 2253 writes it:
 * "CN=r1,O=example". Empty: it has shown none. */
void tls_peer_subject(const struct tls *tls, char *ret_subject, size_t subject_max);

#endif
