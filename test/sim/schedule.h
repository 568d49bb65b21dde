/*
 * Virtual time: what is going to happen, and when. One item that runs is one step of the simulation.
 *
 * Items of the same time run in the order in which they were made. A group is everything that ends with one
 * party's life.
 */
#ifndef ACKGATE_TEST_SIM_SCHEDULE_H
#define ACKGATE_TEST_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum schedule_group {
    GROUP_WORLD, /* nemesis, network */
    GROUP_DAEMON,
    GROUP_SOURCE,
    GROUP_TOOL,
    GROUP_CLIENT,
    GROUP_REPLICA /* and more, one for each replica */
};

typedef void schedule_fn(void *argument);

void schedule_reset(void);
uint64_t schedule_now_us(void);
uint64_t schedule_steps(void); /* run since the reset */
/* Returns a number to cancel it by, never 0. */
uint64_t schedule_after(uint64_t delay_us, unsigned group, schedule_fn *fn, void *argument);
/* The argument is freed when the item is dropped before it ran. */
uint64_t schedule_after_owned(uint64_t delay_us, unsigned group, schedule_fn *fn, void *argument);
void schedule_cancel(uint64_t id); /* no harm when it has run, or is 0 */
void schedule_cancel_group(unsigned group);
bool schedule_run_next(void); /* false: nothing is left to happen */

#endif
