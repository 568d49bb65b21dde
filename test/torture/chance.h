/* Numbers that look random and come again with the same seed. */
#ifndef ACKGATE_TEST_CHANCE_H
#define ACKGATE_TEST_CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t chance_next(struct chance *chance)
{
    uint64_t z = (chance->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline unsigned chance_below(struct chance *chance, unsigned end)
{
    return (unsigned)(chance_next(chance) % end);
}

static inline unsigned chance_between(struct chance *chance, unsigned first, unsigned last)
{
    return first + chance_below(chance, last - first + 1);
}

#endif
