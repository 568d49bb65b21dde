/* What the world needs of the virtual loop besides proxy/loop.h. */
#ifndef ACKGATE_TEST_SIM_LOOP_H
#define ACKGATE_TEST_SIM_LOOP_H

#include "proxy/loop.h"

/* The step is over: runs what was deferred, and what that defers. */
void sim_loop_turn_over(struct loop *loop);

/* What was posted with this argument is not run: a thread that had a loop of its own has ended. */
void sim_loop_forget(struct loop *loop, const void *argument);

#endif
