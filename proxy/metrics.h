/*
 * Figures for monitoring, over plain HTTP: /metrics, /healthz, /readyz, and a status page; on the replication
 * loop.
 *
 * One small GET for each connection, which is closed after the answer; who sends more than
 * METRICS_REQUEST_MAX bytes or takes longer than METRICS_TIMEOUT_MS is cut off, and the oldest of
 * METRICS_CONNECTIONS_MAX makes room for a new one. No TLS and no login: it listens on the local host unless
 * the operator says otherwise.
 */
#ifndef ACKGATE_PROXY_METRICS_H
#define ACKGATE_PROXY_METRICS_H

#include "proxy/pipeline.h"

enum { METRICS_REQUEST_MAX = 8192, METRICS_TIMEOUT_MS = 5000, METRICS_CONNECTIONS_MAX = 32 };

struct metrics;

/* Binds all addresses of config->metrics.listen (the error is logged); none at all is fine. */
MUST_CHECK enum result metrics_start(struct loop *loop, const struct config *config,
                                     struct pipeline *pipeline, struct metrics **ret_metrics);
void metrics_stop(struct metrics **metrics);

#endif
