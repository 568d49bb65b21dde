/* Many receivers (receiver.h) on one thread: replicas that follow and ack while something else is measured.
 *
 *     struct receivers *r = receivers_start(&(struct receiver_options){…, .server_id = 500}, 8);
 *     …
 *     receivers_stop(r); */
#ifndef ACKGATE_TEST_RECEIVERS_H
#define ACKGATE_TEST_RECEIVERS_H

#include "test/lib/receiver.h"

struct receivers;

enum { RECEIVERS_MAX = 1000 };

/* With server ids from options.server_id on, one more each. Returns when all have asked for their dump. One
 * that is left by the other side fails the test at receivers_stop(). */
#define receivers_start(...) receivers_start_at(HERE, __VA_ARGS__)
struct receivers *receivers_start_at(struct place where, const struct receiver_options *options,
                                     unsigned count);
#define receivers_stop(receivers) receivers_stop_at(HERE, receivers)
void receivers_stop_at(struct place where, struct receivers *receivers);

#endif
