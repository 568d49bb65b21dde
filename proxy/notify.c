/* The datagrams of notify.h. */
#include "proxy/notify.h"

#include "proxy/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void send_state(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
        return;
    strcpy(address.sun_path, path);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
    close(fd);
}

void notify_ready(void)
{
    send_state("READY=1");
}

/* The manager tells this reload from an earlier one by the time. */
void notify_reloading(void)
{
    char state[64];
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_us());
    send_state(state);
}

void notify_stopping(void)
{
    send_state("STOPPING=1");
}

void notify_alive(void)
{
    send_state("WATCHDOG=1");
}

/* Digits only: no sign, no space, nothing behind. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return 0;
    errno = 0;
    uint64_t number = strtoull(text, NULL, 10);
    return errno == 0 ? number : 0;
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t watchdog_us = number_of("WATCHDOG_USEC");
    if (watchdog_us == 0 ||
        (getenv("WATCHDOG_PID") != NULL && number_of("WATCHDOG_PID") != (uint64_t)getpid()))
        return 0;
    uint64_t half_ms = watchdog_us / 2000;
    return half_ms > 0 ? half_ms : 1;
}
