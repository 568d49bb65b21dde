/*
 * The last minutes of what the status page plots: a sample every HISTORY_INTERVAL_MS in a ring. On the
 * replication loop; its size does not change.
 */
#ifndef ACKGATE_PROXY_STATUS_HISTORY_H
#define ACKGATE_PROXY_STATUS_HISTORY_H

#include "proxy/pipeline.h"

enum { HISTORY_INTERVAL_MS = 2000, HISTORY_SAMPLES_MAX = 300 };

/* Of the time since the sample before. */
struct status_sample {
    uint64_t at_ms; /* monotonic: its end */
    uint64_t took_ms;
    uint64_t confirmed; /* commits */
    uint64_t waiting;   /* transactions, at its end */
    struct {
        uint32_t acks;
        uint32_t mean_us;        /* of their latencies */
    } voters[CONFIG_VOTERS_MAX]; /* as the config numbers them */
};

struct status_history;

struct status_history *status_history_start(struct loop *loop, struct pipeline *pipeline);
void status_history_stop(struct status_history **history);

size_t status_history_count(const struct status_history *history);
/* index 0 is the oldest. */
const struct status_sample *status_history_sample(const struct status_history *history, size_t index);

#endif
