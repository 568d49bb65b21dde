/* The dice of dice.h. */
#include "test/sim/dice.h"

#include <assert.h>

static uint64_t state;

void dice_start(uint64_t seed)
{
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
}

uint64_t dice_next(void)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t dice_below(uint64_t below)
{
    assert(below > 0);
    return dice_next() % below;
}

uint64_t dice_between(uint64_t least, uint64_t most)
{
    return least + dice_below(most - least + 1);
}

bool dice_chance(unsigned per_mille)
{
    return dice_below(1000) < per_mille;
}
