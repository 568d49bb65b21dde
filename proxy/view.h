/*
 * What the admin port and the metrics show: plain copies of the daemon's state at one moment.
 *
 * Filled by pipeline.h on the replication loop (and by app.h for sessions). Nothing in a view points into the
 * daemon.
 */
#ifndef ACKGATE_PROXY_VIEW_H
#define ACKGATE_PROXY_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VIEW_BUCKETS = 32 };

/* Durations: counts[i] of those from 2^i to below 2^(i+1) microseconds, the first and last open-ended. */
struct view_histogram {
    uint64_t counts[VIEW_BUCKETS];
    uint64_t total_us;
};

enum { VIEW_NAME = 64, VIEW_FILE = 256, VIEW_GTID = 128, VIEW_TEXT = 512, VIEW_REASON = 2048 };

struct view_position {
    char file[VIEW_FILE]; /* "" when there is none */
    uint64_t offset;
};

struct view_source {
    char host[VIEW_FILE];
    unsigned port;
    char flavor[16];
    char version[VIEW_NAME];
    char server_uuid[40];
    uint32_t server_id;
    char state[16]; /* down, connecting, verifying, recovering, open, refused */
    char reason[VIEW_REASON];
    bool is_semi_sync;
    struct view_position received;
    struct view_position durable;
    struct view_position confirmed;
    char confirmed_gtid[VIEW_GTID]; /* of the last confirmed transaction */
};

struct view_replica {
    char name[VIEW_NAME]; /* the voter's, or "observer-<connection id>" */
    bool is_voter;
    uint32_t voter; /* its number in the config, for a voter */
    char state[16]; /* detached, catching_up, streaming, refused */
    char host[VIEW_NAME];
    uint32_t server_id;
    char server_uuid[40];
    char flavor[16];
    bool is_semi_sync;
    uint64_t connection_id;
    struct view_position sent;
    struct view_position acked;
    char acked_gtid[VIEW_GTID];
    uint64_t lag_bytes;
    uint64_t ack_p50_us;
    uint64_t ack_p99_us;
    struct view_histogram ack_latency; /* since it attached */
    uint64_t attached_wall_ms;         /* 0: never */
    char last_error[VIEW_TEXT];
};

struct view_quorum {
    char rule[VIEW_TEXT];
    bool is_satisfied; /* enough voters are attached for the rule to hold */
    unsigned voters;
    unsigned attached;
    char needed_for[VIEW_TEXT]; /* names whose ack the oldest waiting transaction needs */
    uint64_t waiting_transactions;
    uint64_t oldest_wait_ms;
};

struct view_waiting {
    char gtid[VIEW_GTID];
    struct view_position end;
    uint64_t waiting_ms;
    char acked_by[VIEW_TEXT];
    char missing[VIEW_TEXT];
    uint64_t session_id; /* the source's connection that wrote it; 0: its events do not say */
};

struct view_session {
    uint64_t id; /* the source's connection id, once known */
    char user[VIEW_NAME];
    char client[VIEW_NAME];
    char db[VIEW_NAME];
    const char *command; /* constant text, e.g. "COM_QUERY" */
    const char *state;   /* constant text: login, idle, running, waiting_for_quorum, held */
    uint64_t time_ms;    /* in that state */
    char waiting_gtid[VIEW_GTID];
    bool is_tls;
};

/* What ackgate itself is up to. */
struct view_health {
    bool is_paused;         /* new sessions wait until RESUME */
    bool is_stopping;       /* SIGTERM: sessions end */
    bool is_store_failed;   /* until a restart */
    bool is_journal_failed; /* it tries again by itself */
};

struct view_counters {
    uint64_t commits_confirmed;
    uint64_t commits_held;
    uint64_t commits_unknown;
    uint64_t sessions;
    uint64_t replicas_attached;
    uint64_t store_bytes;
    uint64_t discarded_transactions;
    uint64_t epoch;
    uint64_t uptime_ms;
};

#endif
