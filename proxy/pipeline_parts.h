/* The pipeline's struct, shared by pipeline.c (the flow), pipeline_start.c, pipeline_view.c and
 * pipeline_command.c only. */
#ifndef ACKGATE_PROXY_PIPELINE_PARTS_H
#define ACKGATE_PROXY_PIPELINE_PARTS_H

#include "proxy/core.h"
#include "proxy/fanout.h"
#include "proxy/journal_sink.h"
#include "proxy/overdue.h"
#include "proxy/pipeline.h"
#include "proxy/source.h"
#include "proxy/timer.h"
#include "recovery/verdict.h"

struct pipeline {
    struct loop *loop;
    const struct config *config;
    struct tls_contexts tls;
    struct disk *disk;
    struct journal_sink *journal;
    struct store *store;
    struct core *core;
    struct gate *gate;
    struct fanout *fanout;
    struct app *app;
    struct source *source;
    struct overdue *overdue;
    struct timer housekeeping; /* retention, and what waiting commits are told */
    char own_uuid[JOURNAL_UUID_MAX];
    struct quorum next_rule; /* the latest: an operator's may still be on its way to the disk */
    char rule[VIEW_TEXT];    /* in force */
    char source_version[VIEW_NAME];
    char source_reason[SOURCE_REASON_MAX]; /* why applications are not admitted */
    char journaled_refusal[SOURCE_REASON_MAX];
    struct position tail;     /* where the source's binlog ended when it was asked; none: not known yet */
    struct position tail_min; /* what had been received when the question about it began */
    uint64_t commits_confirmed;
    struct view_histogram commit_wait;
    size_t discards_counted; /* pipeline_view.c: of the journal's, and the transactions in them */
    uint64_t discarded_transactions;
    uint64_t started_ms;
    bool owes_ack; /* the dump has begun where the confirmed position was when the source was looked over */
    bool is_store_failed;
    bool is_store_complete; /* it has had all that the source had, in this run */

    /* recover_source.c, recover_operator.c */
    struct position store_end_at_start;      /* all that a consumer of an earlier run can have been sent */
    bool is_store_superset;                  /* boot_mark.h: only then */
    uint64_t discarded_ms;                   /* when this run discarded last, monotonic; 0: never */
    struct position listing_start;           /* the latest that RECOVER SOURCE STATUS gave out */
    char tail_refusal[VERDICT_REASON_MAX];   /* the verdict on the source's tail, until it is admitted */
    char engine_refusal[VERDICT_REASON_MAX]; /* what ackgate-recover verify found, in this epoch: */
    uint32_t engine_refusal_epoch;
    bool is_report_unsettled; /* it found nothing, and the journal could not be written */
    uint64_t repaired_run;    /* recover_redo.c: of the start that began this file; 0: none */
    bool is_paused;
    bool is_draining; /* SIGTERM */
};

/* Tells the source and the app loops that everything up to here is confirmed. */
void pipeline_release(struct pipeline *pipeline, struct position up_to);
/* Feeds the core and does what it says. */
void pipeline_step(struct pipeline *pipeline, const struct core_input *input);

/* A store_txn_fn: feeds the core as long as it has room. */
bool pipeline_feed_stored(void *argument, uint64_t file, const struct txn *txn);

/* The callbacks that pipeline_start() hands out. */
void pipeline_on_txn(void *argument, uint64_t file, const struct txn *txn);
void pipeline_on_durable(void *argument);
void pipeline_on_store_failed(void *argument, int reason);
void pipeline_on_journal_failed(void *argument, enum result result, int reason);
void pipeline_on_journal_recovered(void *argument);
void pipeline_on_attaching(void *argument, uint64_t connection_id, uint32_t voter, bool is_semi_sync,
                           struct position from, struct position has_up_to);
void pipeline_on_ack(void *argument, uint32_t voter, struct position acked);
void pipeline_on_detached(void *argument, uint64_t connection_id, uint32_t voter, struct position sent);
void pipeline_on_source_event(void *argument, enum source_event event, const char *reason);
bool pipeline_on_facts(void *argument, const struct source_facts *facts, struct position *ret_start,
                       char *ret_file, size_t file_max, char ret_reason[SOURCE_REASON_MAX]);
bool pipeline_on_tail(void *argument, const struct source_facts *facts, char ret_reason[SOURCE_REASON_MAX]);
void pipeline_on_batch(void *argument);
/* Tells the source's connection which server the journal knows. */
void pipeline_expect_source(struct pipeline *pipeline);
/* Asks where the source's binlog ends, if that is missing and may be answered. Called now and then. */
void pipeline_consider_tail(struct pipeline *pipeline);

/* The name that the journal and the views give a consumer. Constant, or the config's. */
const char *pipeline_consumer_name(const struct pipeline *pipeline, uint32_t voter);

#endif
