/*
 * The pipeline: source → store → replicas → acks → core → journal, gate and the ack to the source.
 *
 * Owns all of them and performs what the core decides, in the written order: nothing is sent before it is
 * stored, nothing is released before it is confirmed. Everything here runs on the replication loop. The admin
 * port and the metrics read the daemon through the view functions.
 */
#ifndef ACKGATE_PROXY_PIPELINE_H
#define ACKGATE_PROXY_PIPELINE_H

#include "proxy/app.h"
#include "proxy/config.h"
#include "proxy/store.h"
#include "proxy/tls_contexts.h"
#include "proxy/view_waiting.h"

struct pipeline;
struct journal_ring;
struct journal_state;

MUST_CHECK enum result pipeline_start(struct loop *loop, const struct config *config,
                                      struct pipeline **ret_pipeline);
void pipeline_stop(struct pipeline **pipeline);
void pipeline_drain(struct pipeline *pipeline, loop_fn *on_drained, void *argument); /* SIGTERM */

/* ---- views ---- */
void pipeline_view_source(struct pipeline *pipeline, struct view_source *ret_view);
size_t pipeline_view_replicas(struct pipeline *pipeline, struct view_replica *ret_views, size_t max);
void pipeline_view_quorum(struct pipeline *pipeline, struct view_quorum *ret_view);
/* The oldest, at most max of them; free() it. */
struct view_waiting_list *pipeline_view_waiting(struct pipeline *pipeline, size_t max);
/* From any thread, as long as the pipeline lives. */
size_t pipeline_view_sessions_max(struct pipeline *pipeline); /* a little more than there are */
size_t pipeline_view_sessions(struct pipeline *pipeline, struct view_session *ret_views, size_t max);
/* How many sessions are in each state of app.h. */
void pipeline_view_session_states(struct pipeline *pipeline, uint64_t ret_counts[APP_SESSION_STATES]);
void pipeline_view_health(struct pipeline *pipeline, struct view_health *ret_view);
void pipeline_view_counters(struct pipeline *pipeline, struct view_counters *ret_view);
/* From being in the store's files to being confirmed, of all transactions confirmed in this run. */
void pipeline_view_commit_wait(struct pipeline *pipeline, struct view_histogram *ret_view);
const struct config *pipeline_config(const struct pipeline *pipeline);
struct tls_contexts *pipeline_tls(struct pipeline *pipeline);
const struct store *pipeline_store(const struct pipeline *pipeline);
const struct journal_state *pipeline_journal_state(const struct pipeline *pipeline);
const struct journal_ring *pipeline_journal(const struct pipeline *pipeline); /* the latest records */

/* ---- operator's commands; an error's text for the client goes to ret_error (an English sentence) ---- */
MUST_CHECK enum result pipeline_set_quorum_rule(struct pipeline *pipeline, const char *rule, char *ret_error,
                                                size_t error_max);
void pipeline_reconfigure(struct pipeline *pipeline); /* the config has changed: runtime.h */
void pipeline_set_paused(struct pipeline *pipeline, bool is_paused);
MUST_CHECK enum result pipeline_kill(struct pipeline *pipeline,
                                     uint64_t connection_id); /* session or replica */
MUST_CHECK enum result pipeline_purge_to(struct pipeline *pipeline, const char *file, char *ret_error,
                                         size_t error_max);

#endif
