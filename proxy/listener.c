/* The listening sockets of listener.h. */
#include "proxy/listener.h"

#include "protocol/xalloc.h"
#include "proxy/listener_inherit.h"
#include "proxy/log.h"
#include "proxy/timer.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPTS_PER_TURN = 64, PAUSE_MS = 100 };

struct listener {
    int fd;
    struct event *watcher;
    struct timer pause;
    listener_accept_fn *on_accept;
    void *argument;
    /* "": none, or it belongs to whoever handed the socket over */
    char unix_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    struct listener *listener = argument;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            listener->on_accept(listener->argument, accepted);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("listener", "cannot accept a connection: %s; trying again in %d ms. Raise LimitNOFILE",
                      strerror(errno), PAUSE_MS);
            event_del(listener->watcher);
            timer_start(&listener->pause, PAUSE_MS);
        }
        return;
    }
}

static void on_pause_over(void *argument)
{
    struct listener *listener = argument;
    event_add(listener->watcher, NULL);
}

static enum result open_unix(const char *path, bool *ret_is_inherited, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
        return RESULT_MALFORMED;
    strcpy(address.sun_path, path);
    *ret_fd = listener_inherit_take((struct sockaddr *)&address);
    *ret_is_inherited = *ret_fd >= 0;
    if (*ret_is_inherited)
        return RESULT_OK;
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path); /* left behind by a process that was killed */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return RESULT_IO;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || chmod(path, 0777) != 0) {
        close(fd);
        return RESULT_IO;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

/* Splits "host:port"; the host may be empty (any address) or in brackets. */
static enum result split_address(const char *address, char *ret_host, size_t host_max, const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0')
        return RESULT_MALFORMED;
    const char *start = address;
    const char *end = colon;
    if (end > start && *start == '[' && end[-1] == ']') {
        start++;
        end--;
    }
    if ((size_t)(end - start) >= host_max)
        return RESULT_MALFORMED;
    memcpy(ret_host, start, (size_t)(end - start));
    ret_host[end - start] = '\0';
    *ret_port = colon + 1;
    return RESULT_OK;
}

static int bind_tcp(const struct addrinfo *info)
{
    int one = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static enum result open_tcp(const char *address, bool *ret_is_inherited, int *ret_fd)
{
    char host[256];
    const char *port;
    enum result result = split_address(address, host, sizeof(host), &port);
    if (result != RESULT_OK)
        return result;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found) != 0)
        return RESULT_MALFORMED;
    int fd = listener_inherit_take(found->ai_addr);
    *ret_is_inherited = fd >= 0;
    if (fd < 0)
        fd = bind_tcp(found);
    int reason = errno;
    freeaddrinfo(found);
    errno = reason;
    if (fd < 0)
        return RESULT_IO;
    *ret_fd = fd;
    return RESULT_OK;
}

enum result listener_open(struct loop *loop, const char *address, listener_accept_fn *on_accept,
                          void *argument, struct listener **ret_listener)
{
    int fd = -1;
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    bool is_inherited = false;
    enum result result =
        is_unix ? open_unix(address + 5, &is_inherited, &fd) : open_tcp(address, &is_inherited, &fd);
    if (result != RESULT_OK)
        return result;
    if (is_inherited)
        log_info("listener", "%s was handed over by whoever started ackgate", address);
    if (listen(fd, BACKLOG) != 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return RESULT_IO;
    }
    struct listener *listener = xcalloc(1, sizeof(*listener));
    listener->fd = fd;
    listener->on_accept = on_accept;
    listener->argument = argument;
    if (is_unix && !is_inherited)
        strcpy(listener->unix_path, address + 5);
    timer_init(&listener->pause, loop, on_pause_over, listener);
    listener->watcher = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable, listener);
    assert(listener->watcher != NULL);
    event_add(listener->watcher, NULL);
    *ret_listener = listener;
    return RESULT_OK;
}

void listener_close(struct listener **listener)
{
    struct listener *old = *listener;
    if (old == NULL)
        return;
    *listener = NULL;
    event_free(old->watcher);
    timer_release(&old->pause);
    close(old->fd);
    if (old->unix_path[0] != '\0')
        unlink(old->unix_path);
    free(old);
}
