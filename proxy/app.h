/*
 * The app port: accepts applications' connections and spreads their sessions over the app loops, each on its
 * own thread.
 *
 * Started and told things from the replication loop; its functions are for that thread. A session never
 * migrates.
 */
#ifndef ACKGATE_PROXY_APP_H
#define ACKGATE_PROXY_APP_H

#include "proxy/config.h"
#include "proxy/gate.h"
#include "proxy/view.h"

struct app;
struct tls_contexts;

/* Binds all addresses (the error is logged) and starts the threads. Nothing is admitted yet. config and tls
 * outlive the app. */
MUST_CHECK enum result app_start(struct loop *loop, const struct config *config,
                                 const struct tls_contexts *tls, struct gate *gate, struct app **ret_app);
/*
 * Whether the source may be used: new sessions wait up to app.hold otherwise and then get error 1105 with the
 * reason. Sessions that exist go on.
 */
void app_set_admitted(struct app *app, bool is_admitted, const char *reason);
void app_set_paused(struct app *app, bool is_paused); /* PAUSE / RESUME: new sessions wait, without a limit */
/* commit_wait, hold, auth_timeout and idle_timeout have changed in the config. */
void app_on_limits(struct app *app);
/* Where the source was looked over (source_facts.address): new sessions connect there. Copied. */
void app_set_source_address(struct app *app, const char *address);
/* Whose acks are awaited, for the error that app.commit_wait gives; "" says "the quorum". Copied. */
void app_set_missing_names(struct app *app, const char *text);

struct app_shared;
/* Says no in place of a greeting, and closes. */
void app_refuse(struct app_shared *shared, int fd, uint16_t code, const char *message);

/* The text of error 1180: the transaction as text, and whose acks are awaited ("" says "the quorum"). */
void app_format_unknown(char *ret_message, size_t message_max, const char *gtid, const char *names);

/* What a session can be doing: view_session.state is one of these. */
enum { APP_SESSION_STATES = 6 };
extern const char *const app_session_states[APP_SESSION_STATES];

/* A little more than there are at the moment. */
size_t app_sessions_max(const struct app *app);
/* Copies what there is, at most max rows; returns how many. */
size_t app_sessions(struct app *app, struct view_session *ret_sessions, size_t max);
void app_session_states_count(struct app *app, uint64_t ret_counts[APP_SESSION_STATES]);
void app_counters(struct app *app,
                  struct view_counters *counters);   /* fills commits_held, commits_unknown, sessions */
bool app_kill(struct app *app, uint64_t session_id); /* false: no such session */
/* Since when (clock_monotonic_ms) the session's command has been running. False: none runs, or no such
 * session. */
bool app_running_since(struct app *app, uint64_t session_id, uint64_t *ret_since_ms);
/*
 * The session's command is committed on the source, which holds its answer: the client gets error 1180 with
 * the message if that answer has not begun, and the answer is dropped when it comes. The next command waits
 * for it.
 */
void app_give_up(struct app *app, uint64_t session_id, const char *message);

/* Stops accepting; on_drained runs on the loop when the last session has ended, or after timeout_ms with the
 * rest cut. */
void app_drain(struct app *app, uint64_t timeout_ms, loop_fn *on_drained, void *argument);
void app_stop(struct app **app); /* at once */

#endif
