/*
 * The service manager's watchdog: says "alive" from a timer on the replication loop, so only as long as that
 * loop turns. A loop that hangs is ended by the manager (WatchdogSec= in conf/ackgate.service) and started
 * again; nothing is lost by that, as by any other end of ackgate.
 */
#ifndef ACKGATE_PROXY_WATCHDOG_H
#define ACKGATE_PROXY_WATCHDOG_H

#include "proxy/timer.h"

struct watchdog {
    struct timer timer;
    uint64_t interval_ms; /* 0: the manager does not watch */
};

void watchdog_start(struct watchdog *watchdog, struct loop *loop);
void watchdog_stop(struct watchdog *watchdog); /* before its loop goes; also when it is zeroed only */

#endif
