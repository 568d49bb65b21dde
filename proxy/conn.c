/* The connection of conn.h over plain sockets and libevent's readiness events. */
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

static void on_event(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    struct conn *conn = argument;
    if (conn->addresses != NULL && goes_on(conn))
        return;
    conn->on_ready(conn->argument, what & EV_READ ? CONN_READ : CONN_WRITE);
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

static void watch_fd(struct conn *conn, int fd)
{
    set_options(fd);
    struct event_base *base = loop_base(conn->loop);
    conn->fd = fd;
    conn->watched = 0;
    conn->read_watcher = event_new(base, fd, EV_READ | EV_PERSIST, on_event, conn);
    conn->write_watcher = event_new(base, fd, EV_WRITE | EV_PERSIST, on_event, conn);
    assert(conn->read_watcher != NULL && conn->write_watcher != NULL);
}

static void drop_fd(struct conn *conn)
{
    event_free(conn->read_watcher);
    event_free(conn->write_watcher);
    close(conn->fd);
    conn->read_watcher = conn->write_watcher = NULL;
    conn->fd = -1;
    conn->watched = 0;
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
    drop_fd(conn);
    forget_addresses(conn);
}

bool conn_is_open(const struct conn *conn)
{
    return conn->read_watcher != NULL;
}

void conn_watch(struct conn *conn, unsigned what)
{
    unsigned changed = conn->watched ^ what;
    if (changed & CONN_READ)
        (what & CONN_READ ? event_add(conn->read_watcher, NULL) : event_del(conn->read_watcher));
    if (changed & CONN_WRITE)
        (what & CONN_WRITE ? event_add(conn->write_watcher, NULL) : event_del(conn->write_watcher));
    conn->watched = what;
}

enum result conn_read(struct conn *conn, void *buffer, size_t room_bytes, size_t *ret_length)
{
    ssize_t length;
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
    do
        length = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (length < 0 && errno == EINTR);
    if (length >= 0) {
        *ret_length = (size_t)length;
        return RESULT_OK;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? RESULT_AGAIN : RESULT_IO;
}
