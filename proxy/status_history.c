/* The ring of status_history.h: differences between what the pipeline's counters were and are. */
#include "proxy/status_history.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/timer.h"

#include <assert.h>
#include <stdlib.h>

struct acks_seen {
    uint64_t count;
    uint64_t total_us;
};

struct status_history {
    struct pipeline *pipeline;
    struct timer timer;
    uint64_t last_ms;
    uint64_t last_confirmed;
    struct acks_seen last_acks[CONFIG_VOTERS_MAX];
    struct view_replica *views; /* room for all voters that there can be: a reload adds some */
    size_t next;                /* where the next sample goes */
    size_t count;
    struct status_sample samples[HISTORY_SAMPLES_MAX];
};

static struct acks_seen acks_of(const struct view_replica *view)
{
    struct acks_seen seen = {.total_us = view->ack_latency.total_us};
    for (size_t i = 0; i < VIEW_BUCKETS; i++)
        seen.count += view->ack_latency.counts[i];
    return seen;
}

/* A voter's counters begin again when it attaches. */
static void sample_voter(struct status_history *history, const struct view_replica *view,
                         struct status_sample *sample)
{
    uint32_t voter = view->voter;
    struct acks_seen now = acks_of(view);
    struct acks_seen before = history->last_acks[voter];
    if (now.count < before.count || now.total_us < before.total_us)
        before = (struct acks_seen){0};
    uint64_t acks = now.count - before.count;
    uint64_t mean_us = acks == 0 ? 0 : (now.total_us - before.total_us) / acks;
    sample->voters[voter].acks = acks > UINT32_MAX ? UINT32_MAX : (uint32_t)acks;
    sample->voters[voter].mean_us = mean_us > UINT32_MAX ? UINT32_MAX : (uint32_t)mean_us;
    history->last_acks[voter] = now;
}

static void take_sample(struct status_history *history)
{
    struct view_counters counters;
    struct view_quorum quorum;
    uint64_t now_ms = clock_monotonic_ms();
    pipeline_view_counters(history->pipeline, &counters);
    pipeline_view_quorum(history->pipeline, &quorum);
    struct status_sample *sample = &history->samples[history->next];
    *sample = (struct status_sample){.at_ms = now_ms,
                                     .took_ms = now_ms - history->last_ms,
                                     .confirmed = counters.commits_confirmed - history->last_confirmed,
                                     .waiting = quorum.waiting_transactions};
    size_t views = pipeline_view_replicas(history->pipeline, history->views, CONFIG_VOTERS_MAX);
    for (size_t i = 0; i < views && history->views[i].is_voter; i++)
        sample_voter(history, &history->views[i], sample);
    history->last_ms = now_ms;
    history->last_confirmed = counters.commits_confirmed;
    history->next = (history->next + 1) % HISTORY_SAMPLES_MAX;
    if (history->count < HISTORY_SAMPLES_MAX)
        history->count++;
}

static void on_timer(void *argument)
{
    struct status_history *history = argument;
    take_sample(history);
    timer_start(&history->timer, HISTORY_INTERVAL_MS);
}

struct status_history *status_history_start(struct loop *loop, struct pipeline *pipeline)
{
    struct status_history *history = xcalloc(1, sizeof(*history));
    history->pipeline = pipeline;
    history->views = xcalloc(CONFIG_VOTERS_MAX, sizeof(history->views[0]));
    history->last_ms = clock_monotonic_ms();
    timer_init(&history->timer, loop, on_timer, history);
    timer_start(&history->timer, HISTORY_INTERVAL_MS);
    return history;
}

void status_history_stop(struct status_history **history)
{
    struct status_history *old = *history;
    if (old == NULL)
        return;
    *history = NULL;
    timer_release(&old->timer);
    free(old->views);
    free(old);
}

size_t status_history_count(const struct status_history *history)
{
    return history->count;
}

const struct status_sample *status_history_sample(const struct status_history *history, size_t index)
{
    assert(index < history->count);
    size_t oldest = (history->next + HISTORY_SAMPLES_MAX - history->count) % HISTORY_SAMPLES_MAX;
    return &history->samples[(oldest + index) % HISTORY_SAMPLES_MAX];
}
