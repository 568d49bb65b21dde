/* A listening socket on a loop: "host:port", "[::1]:port", ":port" or "unix:/path". */
#ifndef ACKGATE_PROXY_LISTENER_H
#define ACKGATE_PROXY_LISTENER_H

#include "protocol/error.h"
#include "proxy/loop.h"

struct listener;

/* fd is the callee's from then on: a blocking-or-not connected socket for conn_open(). */
typedef void listener_accept_fn(void *argument, int fd);

/*
 * Binds (or takes the socket that was handed over for this address: listener_inherit.h), listens and accepts
 * until closed. RESULT_MALFORMED: not an address; RESULT_IO: errno says why, also
 * when another listener has the address. Out of descriptors it pauses accepting for 100 ms.
 */
MUST_CHECK enum result listener_open(struct loop *loop, const char *address, listener_accept_fn *on_accept,
                                     void *argument, struct listener **ret_listener);
void listener_close(struct listener **listener); /* removes a Unix socket's file */

#endif
