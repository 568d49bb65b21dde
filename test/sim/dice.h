/* The simulator's only source of chance: a seed gives the same numbers for ever (splitmix64). */
#ifndef ACKGATE_TEST_SIM_DICE_H
#define ACKGATE_TEST_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

void dice_start(uint64_t seed);
uint64_t dice_next(void);
uint64_t dice_below(uint64_t below);                  /* 0 … below - 1; below > 0 */
uint64_t dice_between(uint64_t least, uint64_t most); /* both included */
bool dice_chance(unsigned per_mille);

#endif
