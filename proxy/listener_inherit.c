/* The inherited sockets of listener_inherit.h. */
#include "proxy/listener_inherit.h"

#include "proxy/log.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3, SOCKETS_MAX = 32, NAME_MAX_BYTES = 300 };

static int sockets[SOCKETS_MAX]; /* -1: taken */
static int socket_count;

/* 0 when it is not set or no number. */
static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    long number = text == NULL ? 0 : strtol(text, &end, 10);
    return text == NULL || end == text || *end != '\0' ? 0 : number;
}

static bool is_listening_stream(int fd)
{
    int type = 0;
    int accepts = 0;
    socklen_t length = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM)
        return false;
    length = sizeof(accepts);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 && accepts != 0;
}

void listener_inherit_start(void)
{
    long count = number_of("LISTEN_PID") == (long)getpid() ? number_of("LISTEN_FDS") : 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (int fd = FIRST_FD; fd < FIRST_FD + count && socket_count < SOCKETS_MAX; fd++) {
        if (!is_listening_stream(fd)) {
            log_warn("listener", "descriptor %d of LISTEN_FDS is no stream socket that listens: left alone",
                     fd);
            continue;
        }
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        sockets[socket_count++] = fd;
    }
}

/* One socket for IPv6 and IPv4, as systemd opens it for a port alone, serves 0.0.0.0 too. */
static bool is_any_of_both(const struct sockaddr *bound, const struct sockaddr *wanted)
{
    const struct sockaddr_in6 *six = (const void *)bound;
    const struct sockaddr_in *four = (const void *)wanted;
    return bound->sa_family == AF_INET6 && wanted->sa_family == AF_INET && six->sin6_port == four->sin_port &&
           four->sin_addr.s_addr == htonl(INADDR_ANY) && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

static bool is_same_address(const struct sockaddr *bound, const struct sockaddr *wanted)
{
    if (bound->sa_family != wanted->sa_family)
        return is_any_of_both(bound, wanted);
    if (bound->sa_family == AF_UNIX)
        return strcmp(((const struct sockaddr_un *)(const void *)bound)->sun_path,
                      ((const struct sockaddr_un *)(const void *)wanted)->sun_path) == 0;
    if (bound->sa_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const void *)bound, *b = (const void *)wanted;
        return a->sin6_port == b->sin6_port &&
               memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
    }
    const struct sockaddr_in *a = (const void *)bound, *b = (const void *)wanted;
    return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

int listener_inherit_take(const struct sockaddr *address)
{
    for (int i = 0; i < socket_count; i++) {
        struct sockaddr_storage bound = {0};
        socklen_t length = sizeof(bound);
        int fd = sockets[i];
        if (fd < 0 || getsockname(fd, (struct sockaddr *)&bound, &length) != 0 ||
            !is_same_address((struct sockaddr *)&bound, address))
            continue;
        sockets[i] = -1;
        return fd;
    }
    return -1;
}

static void format_bound(int fd, char ret_name[NAME_MAX_BYTES])
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof(bound);
    char host[128] = "?";
    char port[32] = "?";
    if (getsockname(fd, (struct sockaddr *)&bound, &length) == 0 && bound.ss_family == AF_UNIX) {
        snprintf(ret_name, NAME_MAX_BYTES, "unix:%s", ((struct sockaddr_un *)&bound)->sun_path);
        return;
    }
    (void)getnameinfo((struct sockaddr *)&bound, length, host, sizeof(host), port, sizeof(port),
                      NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(ret_name, NAME_MAX_BYTES, "%s:%s", host, port);
}

void listener_inherit_end(void)
{
    for (int i = 0; i < socket_count; i++) {
        char name[NAME_MAX_BYTES];
        if (sockets[i] < 0)
            continue;
        format_bound(sockets[i], name);
        log_warn("listener", "a socket for %s was handed over, and no `listen` names that address: closed",
                 name);
        close(sockets[i]);
    }
    socket_count = 0;
}
