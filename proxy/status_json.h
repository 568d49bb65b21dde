/*
 * /status.json: everything that the status page shows, as one JSON object of one moment.
 *
 * docs/operations.md describes it. Lists are bounded: a few waiting transactions and observers stand for
 * all, the counts tell how many there are.
 */
#ifndef ACKGATE_PROXY_STATUS_JSON_H
#define ACKGATE_PROXY_STATUS_JSON_H

#include "proxy/status_history.h"

#define STATUS_JSON_TYPE "application/json"

/* Allocated, with a NUL. */
char *status_json_format(struct pipeline *pipeline, const struct status_history *history);

#endif
