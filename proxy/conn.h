/*
 * A connected, non-blocking stream socket on a loop: the one seam between us and the network.
 *
 * conn tells when it can be read or written and moves bytes; it has no buffers of its own. All sessions,
 * replicas and the source's stream read and write through it, so that TLS has one place to live in. A conn is
 * closed with conn_close() at once, and may be closed inside its own callback; the memory it is embedded in
 * must live one turn longer (loop_defer).
 */
#ifndef ACKGATE_PROXY_CONN_H
#define ACKGATE_PROXY_CONN_H

#include "protocol/error.h"
#include "proxy/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { CONN_READ = 1, CONN_WRITE = 2 };

struct conn;
/* what: CONN_READ, CONN_WRITE or both. */
typedef void conn_ready_fn(void *argument, unsigned what);

struct conn {
    struct loop *loop;
    struct event *read_watcher;
    struct event *write_watcher;
    conn_ready_fn *on_ready;
    void *argument;
    int fd; /* -1: closed, or never opened */
    unsigned watched;
    struct addrinfo *addresses; /* while it connects to a name: what the name stands for, */
    struct addrinfo *next;      /* and which of them is tried when this one fails */
    int connect_errno;          /* how connecting ended */
    char peer[64];              /* "10.0.0.5:40123", "[::1]:40123" or "local", for people */
};

/* Takes over fd, makes it non-blocking and sets TCP_NODELAY and keep-alive. Watches nothing yet. */
void conn_open(struct conn *conn, struct loop *loop, int fd, conn_ready_fn *on_ready, void *argument);
/*
 * Starts to connect to host:port (or, with port 0, to the Unix socket `host`). `host` is resolved with
 * getaddrinfo, which may block for names; its addresses are tried one after the other. CONN_WRITE tells that
 * it is done; conn_connect_result() how.
 */
MUST_CHECK enum result conn_connect(struct conn *conn, struct loop *loop, const char *host, unsigned port,
                                    conn_ready_fn *on_ready, void *argument);
MUST_CHECK enum result conn_connect_result(struct conn *conn); /* RESULT_IO: errno says why */
void conn_close(struct conn *conn);                            /* no harm when closed already */
bool conn_is_open(const struct conn *conn);

void conn_watch(struct conn *conn, unsigned what); /* exactly these from now on; 0: none */

/* RESULT_OK with at least one byte, RESULT_AGAIN, RESULT_CLOSED at the end, RESULT_IO. */
MUST_CHECK enum result conn_read(struct conn *conn, void *buffer, size_t room_bytes, size_t *ret_length);
/* RESULT_OK when at least one byte went, RESULT_AGAIN when none could, RESULT_IO. At most IOV_MAX parts. */
MUST_CHECK enum result conn_write(struct conn *conn, const struct iovec *parts, int part_count,
                                  size_t *ret_length);

#endif
