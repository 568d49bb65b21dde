/* A one-shot timer on a loop. Embed it in what it belongs to; it must be released before its loop. */
#ifndef ACKGATE_PROXY_TIMER_H
#define ACKGATE_PROXY_TIMER_H

#include "proxy/loop.h"

#include <stdbool.h>

struct timer {
    struct event *watcher;
    loop_fn *fn;
    void *argument;
};

void timer_init(struct timer *timer, struct loop *loop, loop_fn *fn, void *argument);
void timer_release(struct timer *timer); /* also when never initialised, as long as it is zeroed */
void timer_start(struct timer *timer, uint64_t delay_ms); /* restarts a running one */
void timer_stop(struct timer *timer);
bool timer_is_running(const struct timer *timer);

#endif
