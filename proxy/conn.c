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

static void on_event(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    struct conn *conn = argument;
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

static void attach(struct conn *conn, struct loop *loop, int fd, conn_ready_fn *on_ready, void *argument)
{
    *conn = (struct conn){.loop = loop, .fd = fd, .on_ready = on_ready, .argument = argument};
    set_options(fd);
    struct event_base *base = loop_base(loop);
    conn->read_watcher = event_new(base, fd, EV_READ | EV_PERSIST, on_event, conn);
    conn->write_watcher = event_new(base, fd, EV_WRITE | EV_PERSIST, on_event, conn);
    assert(conn->read_watcher != NULL && conn->write_watcher != NULL);
}

void conn_open(struct conn *conn, struct loop *loop, int fd, conn_ready_fn *on_ready, void *argument)
{
    attach(conn, loop, fd, on_ready, argument);
    name_peer(conn);
}

static enum result connect_address(struct conn *conn, struct loop *loop, const struct sockaddr *address,
                                   socklen_t length, conn_ready_fn *on_ready, void *argument)
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
    attach(conn, loop, fd, on_ready, argument);
    conn_watch(conn, CONN_WRITE);
    return RESULT_OK;
}

enum result conn_connect(struct conn *conn, struct loop *loop, const char *host, unsigned port,
                         conn_ready_fn *on_ready, void *argument)
{
    if (port == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(host) >= sizeof(address.sun_path))
            return RESULT_TOO_LARGE;
        strcpy(address.sun_path, host);
        return connect_address(conn, loop, (struct sockaddr *)&address, sizeof(address), on_ready, argument);
    }
    char service[12];
    snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        errno = EHOSTUNREACH;
        return RESULT_NOT_FOUND;
    }
    enum result result = RESULT_IO;
    for (struct addrinfo *each = found; each != NULL && result != RESULT_OK; each = each->ai_next)
        result = connect_address(conn, loop, each->ai_addr, each->ai_addrlen, on_ready, argument);
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
    return result;
}

enum result conn_connect_result(struct conn *conn)
{
    int reason = 0;
    socklen_t length = sizeof(reason);
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &reason, &length) != 0)
        return RESULT_IO;
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
    event_free(conn->read_watcher);
    event_free(conn->write_watcher);
    close(conn->fd);
    conn->read_watcher = conn->write_watcher = NULL;
    conn->fd = -1;
    conn->watched = 0;
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
