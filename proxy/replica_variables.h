/*
 * System variables as the source would show them, as far as replicas, binlog clients and the connectors below
 * them ask for any.
 */
#ifndef ACKGATE_PROXY_REPLICA_VARIABLES_H
#define ACKGATE_PROXY_REPLICA_VARIABLES_H

#include "proxy/replica_server.h"

/* How a boolean reads: 1 in SELECT @@x, ON in SHOW VARIABLES. */
enum replica_variable_form { VARIABLE_IN_SELECT, VARIABLE_IN_SHOW };

size_t replica_variable_count(void);
/* NULL: a server of this flavour has no such variable. Lives for ever. */
const char *replica_variable_name(const struct replica_server *server, size_t index);
/* The caller frees it. */
char *replica_variable_value(const struct replica_server *server, size_t index,
                             enum replica_variable_form form);
/* RESULT_NOT_FOUND: error 1193. */
MUST_CHECK enum result replica_variable_find(const struct replica_server *server, struct span name,
                                             size_t *ret_index);

#endif
