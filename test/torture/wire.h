/* A link between a party and the others, and what can be done to it: by the router of its host (network.h),
 * or, where there are no hosts, by a relay through which its connections go. A relay cannot lose single
 * packets; what it does instead is said in wire.c. */
#ifndef ACKGATE_TEST_WIRE_H
#define ACKGATE_TEST_WIRE_H

#include <stdint.h>

#include "test/torture/network.h"

struct relay;

struct wire {
    struct host *host;   /* at its end of the link */
    struct relay *relay; /* else */
};

const char *trouble_name(enum trouble trouble);
/* Does the nearest to it that is possible here, and returns that. */
enum trouble wire_trouble(struct wire *wire, enum trouble trouble, unsigned strength);
void wire_mend(struct wire *wire);

#endif
