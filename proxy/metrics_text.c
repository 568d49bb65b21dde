/*
 * The exposition of metrics_text.h. Names are `ackgate_` and the unit at the end, in seconds and bytes.
 * Labels are bounded: voters have series of their own, observers are only counted.
 */
#include "proxy/metrics_text.h"

#include "protocol/xalloc.h"
#include "proxy/metrics_ready.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REPLICAS_MAX = 256, FIRST_BUCKET = 6, LAST_BUCKET = 26 }; /* 128 µs to 134 s */

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP ackgate_%s %s\n# TYPE ackgate_%s %s\n", name, help, name, type);
}

static void put_one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    put_head(out, name, type, help);
    fprintf(out, "ackgate_%s %" PRIu64 "\n", name, value);
}

static void put_seconds(FILE *out, const char *name, const char *help, uint64_t ms)
{
    put_head(out, name, "gauge", help);
    fprintf(out, "ackgate_%s %" PRIu64 ".%03u\n", name, ms / 1000, (unsigned)(ms % 1000));
}

/* label is `replica="r1"` or empty. The outermost buckets are folded, for all to be useful. */
static void put_histogram(FILE *out, const char *name, const char *label,
                          const struct view_histogram *histogram)
{
    uint64_t seen = 0;
    const char *comma = label[0] != '\0' ? "," : "";
    for (unsigned i = 0; i < VIEW_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (i >= FIRST_BUCKET && i <= LAST_BUCKET)
            fprintf(out, "ackgate_%s_bucket{%s%sle=\"%.6f\"} %" PRIu64 "\n", name, label, comma,
                    (double)(UINT64_C(2) << i) / 1e6, seen);
    }
    const char *open = label[0] != '\0' ? "{" : "";
    const char *close = label[0] != '\0' ? "}" : "";
    fprintf(out, "ackgate_%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma, seen);
    fprintf(out, "ackgate_%s_sum%s%s%s %.6f\n", name, open, label, close, (double)histogram->total_us / 1e6);
    fprintf(out, "ackgate_%s_count%s%s%s %" PRIu64 "\n", name, open, label, close, seen);
}

static void put_position(FILE *out, const char *what, const struct view_position *position)
{
    char name[64];
    uint64_t file = 0;
    if (binlog_name_parse(span_of_text(position->file), NULL, &file) != RESULT_OK)
        file = 0;
    snprintf(name, sizeof(name), "%s_file_number", what);
    put_one(out, name, "gauge", "Number of the source's binlog file; 0 while there is none.", file);
    snprintf(name, sizeof(name), "%s_position_bytes", what);
    put_one(out, name, "gauge", "Offset in that file.", position->offset);
}

static void put_source(FILE *out, struct pipeline *pipeline)
{
    static const char *const states[] = {"down", "connecting", "verifying", "recovering", "open", "refused"};
    struct view_source source;
    pipeline_view_source(pipeline, &source);
    put_head(out, "source_state", "gauge", "1 for the state that the source is in.");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        fprintf(out, "ackgate_source_state{state=\"%s\"} %d\n", states[i],
                strcmp(states[i], source.state) == 0);
    put_position(out, "received", &source.received);
    put_position(out, "durable", &source.durable);
    put_position(out, "confirmed", &source.confirmed);
}

static void put_quorum(FILE *out, struct pipeline *pipeline)
{
    struct view_quorum quorum;
    struct view_histogram waits;
    pipeline_view_quorum(pipeline, &quorum);
    pipeline_view_commit_wait(pipeline, &waits);
    put_one(out, "quorum_satisfied", "gauge", "Whether enough voters are attached for the rule to hold.",
            quorum.is_satisfied);
    put_one(out, "voters", "gauge", "Replicas whose ack counts.", quorum.voters);
    put_one(out, "waiting_transactions", "gauge", "Transactions that wait for the quorum.",
            quorum.waiting_transactions);
    put_seconds(out, "oldest_wait_seconds", "How long the oldest of them has waited.", quorum.oldest_wait_ms);
    put_head(out, "commit_wait_seconds", "histogram",
             "From a transaction's arrival in the store to its confirmation.");
    put_histogram(out, "commit_wait_seconds", "", &waits);
}

static void put_health(FILE *out, struct pipeline *pipeline)
{
    struct view_health health;
    char reason[READY_REASON_MAX];
    pipeline_view_health(pipeline, &health);
    put_one(out, "ready", "gauge", "Whether /readyz says so.", metrics_is_ready(pipeline, reason));
    put_one(out, "paused", "gauge", "Whether new sessions wait for RESUME.", health.is_paused);
    put_one(out, "store_failed", "gauge", "Whether the store cannot be written.", health.is_store_failed);
    put_one(out, "journal_failed", "gauge", "Whether the journal cannot be written.",
            health.is_journal_failed);
}

static void put_sessions(FILE *out, struct pipeline *pipeline, uint64_t sessions)
{
    uint64_t counts[APP_SESSION_STATES];
    pipeline_view_session_states(pipeline, counts);
    put_one(out, "sessions", "gauge", "Application sessions.", sessions);
    put_one(out, "sessions_limit", "gauge", "How many there may be: app.max_connections.",
            pipeline_config(pipeline)->app.max_connections);
    put_head(out, "sessions_in_state", "gauge", "Application sessions by what they are doing.");
    for (size_t i = 0; i < APP_SESSION_STATES; i++)
        fprintf(out, "ackgate_sessions_in_state{state=\"%s\"} %" PRIu64 "\n", app_session_states[i],
                counts[i]);
}

static void put_counters(FILE *out, struct pipeline *pipeline)
{
    struct view_counters counters;
    pipeline_view_counters(pipeline, &counters);
    put_seconds(out, "uptime_seconds", "Since the start.", counters.uptime_ms);
    put_one(out, "commits_confirmed_total", "counter", "Transactions that were confirmed.",
            counters.commits_confirmed);
    put_one(out, "commits_held_total", "counter", "OKs that had to wait at the gate.", counters.commits_held);
    put_one(out, "commits_unknown_total", "counter",
            "Commits whose client was told that the outcome is open.", counters.commits_unknown);
    put_one(out, "discarded_transactions_total", "counter", "Transactions that were discarded in recovery.",
            counters.discarded_transactions);
    put_sessions(out, pipeline, counters.sessions);
    put_one(out, "replicas_attached", "gauge", "Voters that are attached.", counters.replicas_attached);
    put_one(out, "store_bytes", "gauge", "Size of the binlog files in the store.", counters.store_bytes);
    put_one(out, "epoch", "gauge", "Number of the current epoch; each discard opens a new one.",
            counters.epoch);
}

static void put_store(FILE *out, struct pipeline *pipeline)
{
    const struct store *store = pipeline_store(pipeline);
    struct view_histogram syncs = {.total_us = 0};
    if (store != NULL)
        store_sync_histogram(store, syncs.counts, &syncs.total_us);
    put_one(out, "store_files", "gauge", "Binlog files in the store.",
            store != NULL ? store_file_count(store) : 0);
    put_head(out, "fdatasync_seconds", "histogram", "Time of the store's fdatasync calls.");
    put_histogram(out, "fdatasync_seconds", "", &syncs);
}

static bool is_attached(const struct view_replica *view)
{
    return strcmp(view->state, "catching_up") == 0 || strcmp(view->state, "streaming") == 0;
}

static void put_replica_states(FILE *out, const struct view_replica *view)
{
    static const char *const states[] = {"detached", "catching_up", "streaming", "refused"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        fprintf(out, "ackgate_replica_state{replica=\"%s\",state=\"%s\"} %d\n", view->name, states[i],
                strcmp(states[i], view->state) == 0);
}

static void put_replica_values(FILE *out, const struct view_replica *views, size_t count)
{
    char label[VIEW_NAME + 16];
    put_head(out, "replica_attached", "gauge", "Whether the voter is attached.");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "ackgate_replica_attached{replica=\"%s\"} %d\n", views[i].name, is_attached(&views[i]));
    put_head(out, "replica_state", "gauge", "1 for the state that the voter is in.");
    for (size_t i = 0; i < count; i++)
        put_replica_states(out, &views[i]);
    put_head(out, "replica_lag_bytes", "gauge", "How far the voter's acks are behind the store's end.");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "ackgate_replica_lag_bytes{replica=\"%s\"} %" PRIu64 "\n", views[i].name,
                views[i].lag_bytes);
    put_head(out, "replica_ack_latency_seconds", "histogram",
             "From sending an event that asks for an ack to the voter's ack, since it attached.");
    for (size_t i = 0; i < count; i++) {
        snprintf(label, sizeof(label), "replica=\"%s\"", views[i].name);
        put_histogram(out, "replica_ack_latency_seconds", label, &views[i].ack_latency);
    }
}

/* Voters come first; their names are plain (config_voter.c), so they need no escaping in labels. */
static void put_replicas(FILE *out, struct pipeline *pipeline)
{
    struct view_replica *views = xcalloc(REPLICAS_MAX, sizeof(views[0]));
    size_t count = pipeline_view_replicas(pipeline, views, REPLICAS_MAX);
    size_t voters = 0;
    while (voters < count && views[voters].is_voter)
        voters++;
    put_replica_values(out, views, voters);
    put_one(out, "observers_attached", "gauge", "Consumers that are no voters.", count - voters);
    free(views);
}

/* Under the names that Prometheus' own libraries give them. */
static void put_process(FILE *out)
{
    struct rusage usage;
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm != NULL) {
        if (fscanf(statm, "%*s %ld", &pages) != 1)
            pages = 0;
        fclose(statm);
    }
    getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    fprintf(out,
            "# HELP process_cpu_seconds_total Processor time, user's and system's.\n"
            "# TYPE process_cpu_seconds_total counter\n"
            "process_cpu_seconds_total %.3f\n"
            "# HELP process_resident_memory_bytes Memory that is resident.\n"
            "# TYPE process_resident_memory_bytes gauge\n"
            "process_resident_memory_bytes %ld\n",
            cpu_s, pages * sysconf(_SC_PAGESIZE));
}

char *metrics_text_format(struct pipeline *pipeline)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        abort(); /* out of memory */
    put_head(out, "build_info", "gauge", "Always 1; the version is its label.");
    fprintf(out, "ackgate_build_info{version=\"%s\"} 1\n", ACKGATE_VERSION);
    put_process(out);
    put_health(out, pipeline);
    put_source(out, pipeline);
    put_quorum(out, pipeline);
    put_counters(out, pipeline);
    put_store(out, pipeline);
    put_replicas(out, pipeline);
    fclose(out);
    return text;
}
