/* What the metrics port answers to which path. */
#ifndef ACKGATE_PROXY_METRICS_ROUTES_H
#define ACKGATE_PROXY_METRICS_ROUTES_H

#include "proxy/metrics_http.h"
#include "proxy/pipeline.h"

struct status_history;

/* The caller releases it. history: of the status page's plots. */
struct http_response metrics_answer(struct pipeline *pipeline, const struct status_history *history,
                                    const struct http_request *request);

#endif
