/* The connection of conn.h over sockets, libevent's readiness events and, once it is secured, tls.h. */
#include "proxy/conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool goes_on(struct conn *conn);

/* ---- what is watched ---- */

/* TLS needs more than its owner asks for: the socket's room for what is unsent; and less: what TLS has read
 * ahead is there without the socket. */
static void update_events(struct conn *conn)
{
    bool has_unsent = conn->tls != NULL && tls_has_unsent(conn->tls);
    unsigned what = conn->watched;
    if (conn->on_secured != NULL)
        what = has_unsent ? CONN_WRITE : CONN_READ;
    else if (has_unsent)
        what |= CONN_WRITE;
    unsigned changed = conn->added ^ what;
    if (changed & CONN_READ)
        (what & CONN_READ ? event_add(conn->read_watcher, NULL) : event_del(conn->read_watcher));
    if (changed & CONN_WRITE)
        (what & CONN_WRITE ? event_add(conn->write_watcher, NULL) : event_del(conn->write_watcher));
    conn->added = what;
    if (conn->tls != NULL && (what & CONN_READ) && tls_has_more(conn->tls))
        event_active(conn->read_watcher, EV_READ, 0);
}

/* ---- what TLS does for itself ---- */

static void shake_hands(struct conn *conn)
{
    enum result result = tls_flush(conn->tls);
    if (result == RESULT_OK)
        result = tls_handshake(conn->tls);
    if (result == RESULT_OK && tls_has_unsent(conn->tls))
        result = RESULT_AGAIN; /* its owner may close as soon as it is told */
    if (result == RESULT_AGAIN) {
        update_events(conn);
        return;
    }
    conn_secured_fn *on_secured = conn->on_secured;
    conn->on_secured = NULL;
    update_events(conn);
    on_secured(conn->argument, result);
}

static void end_if_sent(struct conn *conn)
{
    if (!conn->is_ending || tls_has_unsent(conn->tls))
        return;
    conn->is_ending = false;
    shutdown(conn->fd, SHUT_WR);
}

/* Returns what is for the owner, who learns of a broken connection by reading. */
static unsigned on_tls_event(struct conn *conn, unsigned what)
{
    if (conn->on_secured != NULL) {
        shake_hands(conn);
        return 0;
    }
    if (what == CONN_READ || !tls_has_unsent(conn->tls))
        return what;
    enum result result = tls_flush(conn->tls);
    if (result == RESULT_AGAIN)
        return 0;
    if (result != RESULT_OK)
        return CONN_READ;
    end_if_sent(conn);
    update_events(conn);
    return conn->watched & CONN_WRITE;
}

static void on_event(evutil_socket_t fd, short flags, void *argument)
{
    (void)fd;
    struct conn *conn = argument;
    unsigned what = flags & EV_READ ? CONN_READ : CONN_WRITE;
    if (conn->addresses != NULL && goes_on(conn))
        return;
    if (conn->tls != NULL)
        what = on_tls_event(conn, what);
    if (what != 0)
        conn->on_ready(conn->argument, what);
}

void conn_watch(struct conn *conn, unsigned what)
{
    conn->watched = what;
    update_events(conn);
}

static void set_options(int fd)
{
    int one = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    /* both fail on Unix sockets, where they are not needed */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

static void name_peer(struct conn *conn)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char host[48];
    char port[8];
    strcpy(conn->peer, "local");
    if (getpeername(conn->fd, (struct sockaddr *)&address, &length) != 0 || address.ss_family == AF_UNIX)
        return;
    if (getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(conn->peer, sizeof(conn->peer), address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

void conn_set_peer(struct conn *conn, const char *peer)
{
    snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
}

static void watch_fd(struct conn *conn, int fd)
{
    set_options(fd);
    struct event_base *base = loop_base(conn->loop);
    conn->fd = fd;
    conn->watched = conn->added = 0;
    conn->read_watcher = event_new(base, fd, EV_READ | EV_PERSIST, on_event, conn);
    conn->write_watcher = event_new(base, fd, EV_WRITE | EV_PERSIST, on_event, conn);
    assert(conn->read_watcher != NULL && conn->write_watcher != NULL);
}

static void drop_watchers(struct conn *conn)
{
    event_free(conn->read_watcher);
    event_free(conn->write_watcher);
    conn->read_watcher = conn->write_watcher = NULL;
    conn->watched = conn->added = 0;
}

static void drop_fd(struct conn *conn)
{
    drop_watchers(conn);
    close(conn->fd);
    conn->fd = -1;
}

void conn_open(struct conn *conn, struct loop *loop, int fd, conn_ready_fn *on_ready, void *argument)
{
    *conn = (struct conn){.loop = loop, .on_ready = on_ready, .argument = argument};
    watch_fd(conn, fd);
    name_peer(conn);
}

/* ---- connecting ---- */

static enum result connect_address(struct conn *conn, const struct sockaddr *address, socklen_t length)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return RESULT_IO;
    if (connect(fd, address, length) != 0 && errno != EINPROGRESS) {
        int reason = errno;
        close(fd);
        errno = reason;
        return RESULT_IO;
    }
    watch_fd(conn, fd);
    conn_watch(conn, CONN_WRITE);
    return RESULT_OK;
}

static void forget_addresses(struct conn *conn)
{
    if (conn->addresses != NULL)
        freeaddrinfo(conn->addresses);
    conn->addresses = conn->next = NULL;
}

/* Starts with the next address that can be started with. RESULT_IO: there is none, and errno is the last's.
 */
static enum result connect_next(struct conn *conn)
{
    enum result result = RESULT_IO;
    while (conn->next != NULL && result != RESULT_OK) {
        const struct addrinfo *address = conn->next;
        conn->next = address->ai_next;
        result = connect_address(conn, address->ai_addr, address->ai_addrlen);
    }
    return result;
}

static int socket_errno(const struct conn *conn)
{
    int reason = 0;
    socklen_t length = sizeof(reason);
    return getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &reason, &length) == 0 ? reason : errno;
}

/* An address has answered. True: badly, and the next one is tried. */
static bool goes_on(struct conn *conn)
{
    conn->connect_errno = socket_errno(conn);
    if (conn->connect_errno != 0 && conn->next != NULL) {
        struct conn failed = *conn;
        if (connect_next(conn) == RESULT_OK) {
            drop_fd(&failed);
            return true;
        }
        conn->connect_errno = errno;
    }
    forget_addresses(conn);
    return false;
}

static enum result connect_local(struct conn *conn, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return RESULT_TOO_LARGE;
    strcpy(address.sun_path, path);
    return connect_address(conn, (struct sockaddr *)&address, sizeof(address));
}

enum result conn_connect(struct conn *conn, struct loop *loop, const char *host, unsigned port,
                         conn_ready_fn *on_ready, void *argument)
{
    *conn = (struct conn){.loop = loop, .fd = -1, .on_ready = on_ready, .argument = argument};
    if (port == 0)
        return connect_local(conn, host);
    char service[12];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (getaddrinfo(host, service, &hints, &conn->addresses) != 0) {
        conn->addresses = NULL;
        errno = EHOSTUNREACH;
        return RESULT_NOT_FOUND;
    }
    conn->next = conn->addresses;
    enum result result = connect_next(conn);
    if (result != RESULT_OK) {
        int reason = errno;
        forget_addresses(conn);
        errno = reason;
    }
    return result;
}

enum result conn_connect_result(struct conn *conn)
{
    int reason = conn->connect_errno != 0 ? conn->connect_errno : socket_errno(conn);
    if (reason != 0) {
        errno = reason;
        return RESULT_IO;
    }
    name_peer(conn);
    return RESULT_OK;
}

void conn_close(struct conn *conn)
{
    if (!conn_is_open(conn))
        return;
    tls_free(&conn->tls);
    drop_fd(conn);
    forget_addresses(conn);
    conn->on_secured = NULL;
}

bool conn_is_open(const struct conn *conn)
{
    return conn->read_watcher != NULL;
}

void conn_end(struct conn *conn)
{
    if (conn->tls == NULL) {
        shutdown(conn->fd, SHUT_WR);
        return;
    }
    tls_end(conn->tls);
    conn->is_ending = true;
    end_if_sent(conn);
    update_events(conn);
}

/* ---- from one conn to another ---- */

struct conn_link conn_give_up(struct conn *conn)
{
    assert(conn_is_open(conn) && conn->on_secured == NULL && !conn->is_ending);
    struct conn_link link = {conn->fd, conn->tls};
    drop_watchers(conn);
    forget_addresses(conn);
    conn->fd = -1;
    conn->tls = NULL;
    return link;
}

void conn_adopt(struct conn *conn, struct loop *loop, struct conn_link link, conn_ready_fn *on_ready,
                void *argument)
{
    conn_open(conn, loop, link.fd, on_ready, argument);
    conn->tls = link.tls;
    update_events(conn);
}

void conn_link_close(struct conn_link *link)
{
    tls_free(&link->tls);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

/* ---- TLS ---- */

void conn_secure(struct conn *conn, struct tls *tls, struct span early, conn_secured_fn *on_secured)
{
    assert(conn->tls == NULL);
    conn->tls = tls;
    conn->on_secured = on_secured;
    tls_start(tls, conn->fd, early);
    update_events(conn);
    event_active(conn->read_watcher, EV_READ, 0); /* a client begins, and a server may have been sent it */
}

bool conn_is_securing(const struct conn *conn)
{
    return conn->on_secured != NULL;
}

bool conn_is_local(const struct conn *conn)
{
    return strcmp(conn->peer, "local") == 0;
}

bool conn_is_secure(const struct conn *conn)
{
    return conn->tls != NULL && conn->on_secured == NULL;
}

const char *conn_tls_error(const struct conn *conn)
{
    return conn->tls == NULL ? "" : tls_error(conn->tls);
}

bool conn_has_unsent(const struct conn *conn)
{
    return conn->tls != NULL && tls_has_unsent(conn->tls);
}

/* ---- bytes ---- */

static enum result read_tls(struct conn *conn, void *buffer, size_t room_bytes, size_t *ret_length)
{
    enum result result = tls_read(conn->tls, buffer, room_bytes, ret_length);
    update_events(conn);
    return result;
}

static enum result write_tls(struct conn *conn, const struct iovec *parts, int part_count, size_t *ret_length)
{
    enum result result = tls_write(conn->tls, parts, part_count, ret_length);
    update_events(conn);
    return result;
}

enum result conn_read(struct conn *conn, void *buffer, size_t room_bytes, size_t *ret_length)
{
    ssize_t length;
    if (conn->tls != NULL)
        return read_tls(conn, buffer, room_bytes, ret_length);
    do
        length = recv(conn->fd, buffer, room_bytes, 0);
    while (length < 0 && errno == EINTR);
    if (length > 0) {
        *ret_length = (size_t)length;
        return RESULT_OK;
    }
    if (length == 0)
        return RESULT_CLOSED;
    return errno == EAGAIN || errno == EWOULDBLOCK ? RESULT_AGAIN : RESULT_IO;
}

enum result conn_write(struct conn *conn, const struct iovec *parts, int part_count, size_t *ret_length)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)part_count};
    ssize_t length;
    if (conn->tls != NULL)
        return write_tls(conn, parts, part_count, ret_length);
    do
        length = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (length < 0 && errno == EINTR);
    if (length >= 0) {
        *ret_length = (size_t)length;
        return RESULT_OK;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? RESULT_AGAIN : RESULT_IO;
}
