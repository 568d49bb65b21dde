/* What the world needs of the virtual loop besides proxy/loop.h. */
#ifndef ACKGATE_TEST_SIM_LOOP_H
#define ACKGATE_TEST_SIM_LOOP_H

#include "proxy/loop.h"

/* The step is over: runs what was deferred, and what that defers. */
void sim_loop_turn_over(struct loop *loop);

#endif
