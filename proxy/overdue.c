/* The look for overdue commits of overdue.h: a timer, and one question at a time on a helper thread. */
#include "proxy/overdue.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/timer.h"
#include "recovery/sql_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 200, MESSAGE_MAX = 1024, NAMES_MAX = 256, IDS_MAX = 4096 };

/* The state has the old word on MariaDB and on MySQL up to 8.0. */
static const char question[] =
    "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync ACK%' LIMIT 4096";

/* A question on its way; the thread owns all but `overdue`. */
struct question_job {
    struct overdue *overdue; /* NULL: freed meanwhile */
    struct loop *loop;
    const struct config *config;
    enum result result;
    char *error;
    uint64_t ids[IDS_MAX];
    size_t count;
};

struct overdue {
    struct loop *loop;
    const struct config *config;
    const struct core *core;
    struct app *app;
    struct timer timer;
    uint64_t commit_wait_ms;
    pthread_t thread;
    struct question_job *job; /* not NULL while one is on its way */
    struct log_limit failures;
};

/* ---- the helper thread ---- */

static void ask(struct question_job *job)
{
    struct sql_client_options options = {
        .host = job->config->source.host,
        .port = job->config->source.port,
        .user = job->config->source.user,
        .password = job->config->source.password,
        .tls = &job->config->source.tls,
        .timeout_seconds = (unsigned)(job->config->source.connect_timeout_ms / 1000 + 1),
    };
    struct sql_client *client;
    job->result = sql_client_open(&options, &client, &job->error);
    if (job->result != RESULT_OK)
        return;
    struct sql_rows *rows = NULL;
    job->result = sql_client_run(client, question, &rows);
    if (job->result != RESULT_OK)
        job->error = xstrdup(sql_client_error(client));
    for (size_t i = 0; i < sql_rows_count(rows) && i < IDS_MAX; i++)
        job->ids[job->count++] = strtoull(sql_rows_text(rows, i, 0), NULL, 10);
    sql_rows_free(&rows);
    sql_client_close(&client);
}

static void on_answered(void *argument);

static void *run(void *argument)
{
    struct question_job *job = argument;
    ask(job);
    loop_post(job->loop, on_answered, job);
    return NULL;
}

/* ---- what is told ---- */

/* The transactions that may be the session's: the one that names it, else all since its command began. */
static bool find_transactions(const struct overdue *overdue, uint64_t session_id, uint64_t since_ms,
                              const struct core_transaction **ret_first,
                              const struct core_transaction **ret_last)
{
    *ret_first = *ret_last = NULL;
    for (size_t i = 0; i < core_waiting_count(overdue->core); i++) {
        const struct core_transaction *transaction = core_waiting(overdue->core, i);
        if (transaction->session_id == session_id) {
            *ret_first = *ret_last = transaction;
            return true;
        }
        if (transaction->session_id != 0 || transaction->stored_us < since_ms * 1000)
            continue;
        if (*ret_first == NULL)
            *ret_first = transaction;
        *ret_last = transaction;
    }
    return *ret_first != NULL;
}

static void give_up(struct overdue *overdue, uint64_t session_id)
{
    uint64_t since_ms;
    const struct core_transaction *first;
    const struct core_transaction *last;
    if (!app_running_since(overdue->app, session_id, &since_ms) ||
        clock_monotonic_ms() - since_ms < overdue->commit_wait_ms ||
        !find_transactions(overdue, session_id, since_ms, &first, &last))
        return;
    char one[GTID_TEXT_MAX];
    char other[GTID_TEXT_MAX];
    char text[2 * GTID_TEXT_MAX + 16];
    char names[NAMES_MAX];
    char message[MESSAGE_MAX];
    snprintf(text, sizeof(text), first == last ? "%s" : "%s … %s", gtid_format(&first->gtid, one),
             gtid_format(&last->gtid, other));
    quorum_format_voters(overdue->config->voters, core_missing_for(overdue->core, last->end), names,
                         sizeof(names));
    app_format_unknown(message, sizeof(message), text, names);
    app_give_up(overdue->app, session_id, message);
}

static void on_answered(void *argument)
{
    struct question_job *job = argument;
    struct overdue *overdue = job->overdue;
    unsigned suppressed;
    if (overdue != NULL) {
        pthread_join(overdue->thread, NULL);
        overdue->job = NULL;
        for (size_t i = 0; i < job->count; i++)
            give_up(overdue, job->ids[i]);
        if (job->result != RESULT_OK && log_limit_allows(&overdue->failures, 1, 60000, &suppressed))
            log_warn("app",
                     "cannot ask the source which commits wait longer than app.commit_wait: %s. source.user "
                     "needs the "
                     "PROCESS privilege",
                     log_quote_text(job->error));
    }
    free(job->error);
    free(job);
}

/* ---- the timer ---- */

static bool is_something_overdue(const struct overdue *overdue)
{
    if (overdue->commit_wait_ms == 0 || core_waiting_count(overdue->core) == 0)
        return false;
    return clock_monotonic_us() - core_waiting(overdue->core, 0)->stored_us >= overdue->commit_wait_ms * 1000;
}

static void start_question(struct overdue *overdue)
{
    struct question_job *job = xcalloc(1, sizeof(*job));
    job->overdue = overdue;
    job->loop = overdue->loop;
    job->config = overdue->config;
    if (pthread_create(&overdue->thread, NULL, run, job) == 0)
        overdue->job = job;
    else
        free(job);
}

static void on_timer(void *argument)
{
    struct overdue *overdue = argument;
    if (overdue->job == NULL && is_something_overdue(overdue))
        start_question(overdue);
    if (overdue->commit_wait_ms > 0)
        timer_start(&overdue->timer, LOOK_MS);
}

struct overdue *overdue_new(struct loop *loop, const struct config *config, const struct core *core,
                            struct app *app)
{
    struct overdue *overdue = xcalloc(1, sizeof(*overdue));
    overdue->loop = loop;
    overdue->config = config;
    overdue->core = core;
    overdue->app = app;
    timer_init(&overdue->timer, loop, on_timer, overdue);
    overdue_set_commit_wait(overdue, config->app.commit_wait_ms);
    return overdue;
}

void overdue_free(struct overdue **overdue)
{
    struct overdue *old = *overdue;
    if (old == NULL)
        return;
    *overdue = NULL;
    timer_release(&old->timer);
    if (old->job != NULL) {
        pthread_join(old->thread, NULL);
        old->job->overdue = NULL; /* its answer is posted and will be dropped */
    }
    free(old);
}

void overdue_set_commit_wait(struct overdue *overdue, uint64_t commit_wait_ms)
{
    overdue->commit_wait_ms =
        overdue->config->source.is_semi_sync ? commit_wait_ms : 0; /* else the gate's OKs do it */
    timer_start(&overdue->timer, LOOK_MS);
}
