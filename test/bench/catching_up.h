/* A replica that catches up from the oldest file on, again and again, as fast as it is sent or at the pace of
 * a network. */
#ifndef ACKGATE_TEST_BENCH_CATCHING_UP_H
#define ACKGATE_TEST_BENCH_CATCHING_UP_H

#include <stdint.h>

#include "test/lib/server.h"

struct catching_up_figures {
    double seconds;
    double mib;
    double events;
};

/* Once, from binlog.000001 to the newest event, on this thread. */
struct catching_up_figures catching_up_once(enum family family, uint16_t port);

struct catching_up;
/* On a thread, until it is stopped; mib_per_s 0: as fast as can be. */
struct catching_up *catching_up_start(enum family family, uint16_t port, unsigned mib_per_s);
struct catching_up_figures catching_up_stop(struct catching_up *catching_up);

#endif
