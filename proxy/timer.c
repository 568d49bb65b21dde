/* The one-shot timer of timer.h. */
#include "proxy/timer.h"

#include <assert.h>
#include <event2/event.h>
#include <stddef.h>

static void on_expired(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    struct timer *timer = argument;
    timer->fn(timer->argument);
}

void timer_init(struct timer *timer, struct loop *loop, loop_fn *fn, void *argument)
{
    timer->fn = fn;
    timer->argument = argument;
    timer->watcher = event_new(loop_base(loop), -1, 0, on_expired, timer);
    assert(timer->watcher != NULL);
}

void timer_release(struct timer *timer)
{
    if (timer->watcher != NULL)
        event_free(timer->watcher);
    timer->watcher = NULL;
}

void timer_start(struct timer *timer, uint64_t delay_ms)
{
    struct timeval delay = {(time_t)(delay_ms / 1000), (suseconds_t)(delay_ms % 1000 * 1000)};
    event_add(timer->watcher, &delay);
}

void timer_stop(struct timer *timer)
{
    if (timer->watcher != NULL)
        event_del(timer->watcher);
}

bool timer_is_running(const struct timer *timer)
{
    return timer->watcher != NULL && event_pending(timer->watcher, EV_TIMEOUT, NULL) != 0;
}
