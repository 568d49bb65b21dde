/* The thread of receivers.h. */
#include "test/lib/receivers.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/xalloc.h"

enum { READY_MAX = 64 };

struct receivers {
    pthread_t thread;
    int epoll;
    int end; /* an eventfd: the thread is to end */
    unsigned count;
    atomic_uint lost;
    struct receiver items[];
};

static void watch(struct receivers *receivers, int fd, struct receiver *receiver)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = receiver};
    ck_assert_msg(epoll_ctl(receivers->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl: %m");
}

static void *run(void *argument)
{
    struct receivers *receivers = argument;
    struct epoll_event ready[READY_MAX];
    for (;;) {
        int count = epoll_wait(receivers->epoll, ready, READY_MAX, -1);
        for (int i = 0; i < count; i++) {
            struct receiver *receiver = ready[i].data.ptr;
            if (receiver == NULL)
                return NULL;
            if (receiver_take(receiver))
                continue;
            (void)epoll_ctl(receivers->epoll, EPOLL_CTL_DEL, receiver->fd, NULL);
            receivers->lost++;
        }
    }
}

struct receivers *receivers_start_at(struct place where, const struct receiver_options *options,
                                     unsigned count)
{
    ck_assert_uint_le(count, RECEIVERS_MAX);
    struct receivers *receivers = xcalloc(1, sizeof *receivers + count * sizeof *receivers->items);
    struct receiver_options own = *options;
    receivers->count = count;
    receivers->epoll = epoll_create1(EPOLL_CLOEXEC);
    receivers->end = eventfd(0, EFD_CLOEXEC);
    watch(receivers, receivers->end, NULL);
    for (unsigned i = 0; i < count; i++) {
        own.server_id = options->server_id + i;
        receiver_open_at(where, &receivers->items[i], &own);
        watch(receivers, receivers->items[i].fd, &receivers->items[i]);
    }
    ck_assert_int_eq(pthread_create(&receivers->thread, NULL, run, receivers), 0);
    return receivers;
}

void receivers_stop_at(struct place where, struct receivers *receivers)
{
    unsigned lost;
    ck_assert_int_eq(eventfd_write(receivers->end, 1), 0);
    (void)pthread_join(receivers->thread, NULL);
    lost = receivers->lost;
    for (unsigned i = 0; i < receivers->count; i++)
        receiver_close(&receivers->items[i]);
    (void)close(receivers->epoll);
    (void)close(receivers->end);
    free(receivers);
    if (lost > 0)
        fail_at(where, "%u receivers were left", lost);
}
