/* Scenarios: files that say who does what when, in place of the dice's troubles; scenarios/README.md has the
 * words. And the loops in which the i-th call of a disk fails. */
#ifndef ACKGATE_TEST_SIM_SCENARIO_H
#define ACKGATE_TEST_SIM_SCENARIO_H

#include "test/sim/world.h"

/* Plays the file with each of its seeds. Ends the process when the file is wrong, or a promise is broken. */
void scenario_run(const char *file, struct world_figures *figures);

/*
 * Plays the file again and again: the first call that the host's process makes of its disk fails, then the
 * second, and so on, every `stride`-th; opening, reading, writing, syncing, renaming, listing alike. Returns
 * how many calls there were.
 */
/* The same with a death before each effect of ackgate, and of the tool: where an allocation fails, it dies.
 * Returns the number of effects. */
uint64_t scenario_run_deaths(const char *file, int host, uint64_t stride, struct world_figures *figures);
uint64_t scenario_run_faults(const char *file, int host, uint64_t stride, struct world_figures *figures);

#endif
