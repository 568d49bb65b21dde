/* The replica of catching_up.h. */
#include "test/bench/catching_up.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "protocol/xalloc.h"
#include "test/lib/receiver.h"

enum { SERVER_ID = 7000 };

struct catching_up {
    pthread_t thread;
    struct receiver_options options;
    unsigned mib_per_s;
    atomic_bool is_stopped;
    struct catching_up_figures figures;
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct receiver_options options_of(enum family family, uint16_t port)
{
    return (struct receiver_options){.family = family,
                                     .port = port,
                                     .server_id = SERVER_ID,
                                     .file = "binlog.000001",
                                     .offset = 4,
                                     .ends_at_newest = true};
}

static void count(struct catching_up_figures *figures, const struct receiver *receiver)
{
    figures->mib += (double)receiver->bytes / (1 << 20);
    figures->events += (double)receiver->events;
}

struct catching_up_figures catching_up_once(enum family family, uint16_t port)
{
    struct receiver receiver;
    struct catching_up_figures figures = {0};
    struct receiver_options options = options_of(family, port);
    receiver_prepare_at(HERE, &receiver, &options);
    double began = now_s();
    receiver_start_at(HERE, &receiver, &options);
    receiver_take_all(&receiver);
    figures.seconds = now_s() - began;
    count(&figures, &receiver);
    receiver_close(&receiver);
    return figures;
}

/* Sleeps until so many bytes are due. */
static void keep_pace(const struct catching_up *catching_up, double began, double mib)
{
    double early = catching_up->mib_per_s == 0 ? 0 : mib / catching_up->mib_per_s - (now_s() - began);
    if (early < 0.001)
        return;
    struct timespec pause = {.tv_sec = (time_t)early,
                             .tv_nsec = (long)((early - (double)(time_t)early) * 1e9)};
    (void)nanosleep(&pause, NULL);
}

static void *run(void *argument)
{
    struct catching_up *catching_up = argument;
    double began = now_s();
    while (!catching_up->is_stopped) {
        struct receiver receiver;
        receiver_open(&receiver, &catching_up->options);
        while (!catching_up->is_stopped && receiver_take(&receiver))
            keep_pace(catching_up, began, catching_up->figures.mib + (double)receiver.bytes / (1 << 20));
        count(&catching_up->figures, &receiver);
        receiver_close(&receiver);
    }
    catching_up->figures.seconds = now_s() - began;
    return NULL;
}

struct catching_up *catching_up_start(enum family family, uint16_t port, unsigned mib_per_s)
{
    struct catching_up *catching_up = xcalloc(1, sizeof(*catching_up));
    catching_up->options = options_of(family, port);
    catching_up->mib_per_s = mib_per_s;
    ck_assert_int_eq(pthread_create(&catching_up->thread, NULL, run, catching_up), 0);
    return catching_up;
}

struct catching_up_figures catching_up_stop(struct catching_up *catching_up)
{
    catching_up->is_stopped = true;
    (void)pthread_join(catching_up->thread, NULL);
    struct catching_up_figures figures = catching_up->figures;
    free(catching_up);
    return figures;
}
