/* Signals as callbacks on the replication loop. SIGPIPE is ignored for the whole process. */
#ifndef ACKGATE_PROXY_SIGNALS_H
#define ACKGATE_PROXY_SIGNALS_H

#include "proxy/loop.h"

struct signals;

/* signal_number: SIGTERM, SIGINT, SIGHUP or SIGUSR1. */
typedef void signals_fn(void *argument, int signal_number);

struct signals *signals_start(struct loop *loop, signals_fn *on_signal, void *argument);
void signals_stop(struct signals **signals);

#endif
