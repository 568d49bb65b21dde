/*
 * A connected, non-blocking stream socket on a loop: the one seam between us and the network.
 *
 * conn tells when it can be read or written and moves bytes; it has no buffers of its own. All sessions,
 * replicas and the source's stream read and write through it, and TLS lives behind it (tls.h): once a conn is
 * secured, the same calls carry TLS. A conn is closed with conn_close() at once, and may be closed inside its
 * own callback; the memory it is embedded in must live one turn longer (loop_defer).
 */
#ifndef ACKGATE_PROXY_CONN_H
#define ACKGATE_PROXY_CONN_H

#include "protocol/error.h"
#include "proxy/loop.h"
#include "proxy/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { CONN_READ = 1, CONN_WRITE = 2 };

struct conn;
/* what: CONN_READ, CONN_WRITE or both. */
typedef void conn_ready_fn(void *argument, unsigned what);
/* RESULT_OK; else the conn is of no use any more, and conn_tls_error() says why. */
typedef void conn_secured_fn(void *argument, enum result result);

/* What a conn stands on, on its way to another one. */
struct conn_link {
    int fd;
    struct tls *tls; /* NULL: plain */
};

struct conn {
    struct loop *loop;
    struct event *read_watcher;
    struct event *write_watcher;
    conn_ready_fn *on_ready;
    void *argument;
    int fd; /* -1: closed, or never opened */
    unsigned watched;
    unsigned added;              /* … and what the watchers watch for it */
    struct tls *tls;             /* NULL: plain */
    conn_secured_fn *on_secured; /* not NULL: the handshake is under way */
    bool is_ending;              /* conn_end() waits for the last bytes to go */
    struct addrinfo *addresses;  /* while it connects to a name: what the name stands for, */
    struct addrinfo *next;       /* and which of them is tried when this one fails */
    int connect_errno;           /* how connecting ended */
    char peer[64];               /* "10.0.0.5:40123", "[::1]:40123" or "local", for people */
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
void conn_set_peer(struct conn *conn, const char *peer); /* a proxy has said who it is */
/* No more bytes will be written: the peer is told once all are on their way. Reading goes on. */
void conn_end(struct conn *conn);

/* Takes the conn from what it stands on, and puts another one there, which goes on where it was. */
struct conn_link conn_give_up(struct conn *conn);
void conn_adopt(struct conn *conn, struct loop *loop, struct conn_link link, conn_ready_fn *on_ready,
                void *argument);
void conn_link_close(struct conn_link *link);

/*
 * TLS from here on; tls is the conn's. early: what was read already and belongs to it. Watches nothing but
 * the handshake until on_secured tells how it went.
 */
void conn_secure(struct conn *conn, struct tls *tls, struct span early, conn_secured_fn *on_secured);
bool conn_is_securing(const struct conn *conn); /* the handshake is under way */
bool conn_is_secure(const struct conn *conn);   /* by TLS */
bool conn_is_local(const struct conn *conn);    /* a Unix socket */
const char *conn_tls_error(const struct conn *conn);

void conn_watch(struct conn *conn, unsigned what); /* exactly these from now on; 0: none */
/* Bytes that conn_write() has taken wait for the socket here: closing now would lose them. CONN_WRITE tells
 * when they have gone. */
bool conn_has_unsent(const struct conn *conn);

/* RESULT_OK with at least one byte, RESULT_AGAIN, RESULT_CLOSED at the end, RESULT_IO; RESULT_MALFORMED when
 * it is not TLS. */
MUST_CHECK enum result conn_read(struct conn *conn, void *buffer, size_t room_bytes, size_t *ret_length);
/* RESULT_OK when at least one byte went, RESULT_AGAIN when none could, RESULT_IO. At most IOV_MAX parts. */
MUST_CHECK enum result conn_write(struct conn *conn, const struct iovec *parts, int part_count,
                                  size_t *ret_length);

#endif
