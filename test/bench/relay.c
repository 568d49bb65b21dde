/* A TCP relay that does nothing: what any program between two others costs at least.
 *
 *     build/bench/relay LISTEN TARGET      ports of 127.0.0.1
 *
 * One thread, readiness events, one read of at most 64 KiB and one write for each; what does not fit into the
 * other's socket is held, and the end it came from is not read meanwhile. Runs until it is killed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/xalloc.h"

enum { BUFFER_BYTES = 64 * 1024, EVENTS_MAX = 64, BACKLOG = 512 };

/* Of a pair of connections. */
struct end {
    int fd;
    struct end *peer;
    struct end *next_dead;
    size_t held_from; /* what is still to be sent to this end */
    size_t held_to;
    uint8_t held[BUFFER_BYTES];
};

static int epoll_fd;
static struct end *dead; /* freed when no event can name them any more */

static struct sockaddr_in address(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(struct end *end, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(epoll_fd, operation, end->fd, &event) != 0) {
        perror("epoll_ctl");
        exit(EXIT_FAILURE);
    }
}

static void close_end(struct end *end)
{
    (void)close(end->fd);
    end->fd = -1;
    end->next_dead = dead;
    dead = end;
}

static void close_pair(struct end *end)
{
    close_end(end->peer);
    close_end(end);
}

/* False when the connection is over; 0 bytes when it would have to wait. */
static bool has_moved(ssize_t *moved)
{
    if (*moved >= 0)
        return true;
    *moved = 0;
    return errno == EAGAIN || errno == EINTR;
}

static void on_readable(struct end *end)
{
    static uint8_t buffer[BUFFER_BYTES];
    ssize_t got = recv(end->fd, buffer, sizeof(buffer), 0);
    if (got == 0 || !has_moved(&got)) {
        close_pair(end);
        return;
    }
    ssize_t sent = got == 0 ? 0 : send(end->peer->fd, buffer, (size_t)got, MSG_NOSIGNAL);
    if (!has_moved(&sent)) {
        close_pair(end);
        return;
    }
    if (sent == got)
        return;
    end->peer->held_from = 0;
    end->peer->held_to = (size_t)(got - sent);
    memcpy(end->peer->held, buffer + sent, end->peer->held_to);
    watch(end, EPOLL_CTL_MOD, end->held_to > 0 ? EPOLLOUT : 0);
    watch(end->peer, EPOLL_CTL_MOD, EPOLLOUT | (end->held_to > 0 ? 0 : EPOLLIN));
}

static void on_writable(struct end *end)
{
    ssize_t sent = send(end->fd, end->held + end->held_from, end->held_to - end->held_from, MSG_NOSIGNAL);
    if (!has_moved(&sent)) {
        close_pair(end);
        return;
    }
    end->held_from += (size_t)sent;
    if (end->held_from < end->held_to)
        return;
    end->held_from = end->held_to = 0;
    watch(end, EPOLL_CTL_MOD, end->peer->held_to > 0 ? 0 : EPOLLIN);
    watch(end->peer, EPOLL_CTL_MOD, EPOLLIN | (end->peer->held_to > 0 ? EPOLLOUT : 0));
}

static struct end *new_end(int fd)
{
    const int yes = 1;
    struct end *end = xcalloc(1, sizeof(*end));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    end->fd = fd;
    return end;
}

static void on_connection(int listener, const struct sockaddr_in *target)
{
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client < 0 || server < 0 ||
        (connect(server, (const struct sockaddr *)target, sizeof(*target)) != 0 && errno != EINPROGRESS)) {
        (void)close(client);
        (void)close(server);
        return;
    }
    struct end *one = new_end(client);
    struct end *other = new_end(server);
    one->peer = other;
    other->peer = one;
    watch(one, EPOLL_CTL_ADD, EPOLLIN);
    watch(other, EPOLL_CTL_ADD, EPOLLIN);
}

static void on_event(struct end *end, uint32_t events)
{
    if (end->fd >= 0 && (events & EPOLLOUT) != 0)
        on_writable(end);
    if (end->fd < 0 || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    if (end->peer->held_to == 0)
        on_readable(end);
    else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
        close_pair(end);
}

static void free_dead(void)
{
    while (dead != NULL) {
        struct end *end = dead;
        dead = end->next_dead;
        free(end);
    }
}

static int listen_at(const char *port)
{
    const int yes = 1;
    struct sockaddr_in at = address(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    perror("listen");
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    if (argc != 3) {
        fprintf(stderr, "usage: %s LISTEN TARGET\n", argv[0]);
        return EXIT_FAILURE;
    }
    int listener = listen_at(argv[1]);
    struct sockaddr_in target = address(argv[2]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                on_connection(listener, &target);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        free_dead();
    }
}
