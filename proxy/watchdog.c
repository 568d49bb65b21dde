/* The timer of watchdog.h. */
#include "proxy/watchdog.h"

#include "proxy/notify.h"

static void on_due(void *argument)
{
    struct watchdog *watchdog = argument;
    notify_alive();
    timer_start(&watchdog->timer, watchdog->interval_ms);
}

void watchdog_start(struct watchdog *watchdog, struct loop *loop)
{
    watchdog->interval_ms = notify_watchdog_ms();
    if (watchdog->interval_ms == 0)
        return;
    timer_init(&watchdog->timer, loop, on_due, watchdog);
    timer_start(&watchdog->timer, 0);
}

void watchdog_stop(struct watchdog *watchdog)
{
    timer_release(&watchdog->timer);
}
