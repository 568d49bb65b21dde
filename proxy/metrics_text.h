/* The figures in Prometheus' text format 0.0.4, and whether the daemon is ready. */
#ifndef ACKGATE_PROXY_METRICS_TEXT_H
#define ACKGATE_PROXY_METRICS_TEXT_H

#include "proxy/pipeline.h"

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Allocated, with a NUL. */
char *metrics_text_format(struct pipeline *pipeline);

/* Ready: the source is open and the quorum rule is satisfied. ret_reason: one line either way. */
bool metrics_is_ready(struct pipeline *pipeline, char *ret_reason, size_t reason_max);

#endif
