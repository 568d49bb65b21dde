/* Does harm to the world (world.h) by a seeded schedule (schedule.h): up to three troubles at a time, in any
 * combination. */
#ifndef ACKGATE_TEST_NEMESIS_H
#define ACKGATE_TEST_NEMESIS_H

#include "test/torture/world.h"

/* Runs for so long and leaves the world as it is then: world_heal() is the caller's. */
void nemesis_run(struct world *world, uint64_t seed, unsigned seconds);

#endif
