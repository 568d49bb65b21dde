/* The figures in Prometheus' text format 0.0.4. */
#ifndef ACKGATE_PROXY_METRICS_TEXT_H
#define ACKGATE_PROXY_METRICS_TEXT_H

#include "proxy/pipeline.h"

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Allocated, with a NUL. */
char *metrics_text_format(struct pipeline *pipeline);

#endif
