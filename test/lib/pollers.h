/* Admin clients that read every table of the admin port in a loop, each on a thread of its own, as monitoring
 * does. What a query shows must be of one moment: that is looked at too. */
#ifndef ACKGATE_TEST_POLLERS_H
#define ACKGATE_TEST_POLLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "test/lib/gate.h"

struct pollers;

enum { POLLERS_MAX = 60 };

/* Connects them all; they are idle until pollers_set_active(). */
struct pollers *pollers_start(struct gate *gate, unsigned clients);
void pollers_set_active(struct pollers *pollers, bool is_active);
uint64_t pollers_queries(struct pollers *pollers);
/* Ends all. Fails with the first error or contradiction that one of them saw. */
#define pollers_stop(pollers) pollers_stop_at(HERE, pollers)
void pollers_stop_at(struct place where, struct pollers *pollers);

#endif
