/* MySQL Group Replication, as it is by itself: single primary, three members of one machine. */
#ifndef ACKGATE_TEST_BENCH_GROUP_H
#define ACKGATE_TEST_BENCH_GROUP_H

#include <stddef.h>

#include "test/lib/server.h"

/* What a member has to be started with. */
void group_add_options(struct server *server);
/* Makes a group of servers that run; the first is the primary. Returns when all are ONLINE. */
void group_start(struct server *primary, struct server *const *others, size_t count);

#endif
