/* The conversation, and when to try again. */
#include "recovery/recover_talk.h"

#include "protocol/xalloc.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 200
#define CLIENT_ERROR_MIN                                                                                     \
    2000u /* the client library's own numbers: the connection failed, not the statement */
#define CLIENT_ERROR_MAX 2999u
#define TIMEOUT_MIN_S    1u

struct call {
    const struct recover_talk *talk;
    uint64_t deadline_ms;
    char **problem;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_problem(struct call *call, char *problem)
{
    free(*call->problem);
    *call->problem = problem;
}

static enum recover_outcome connect_once(struct call *call, struct sql_client **ret_client)
{
    uint64_t now = now_ms();
    uint64_t left_s = now < call->deadline_ms ? (call->deadline_ms - now + 999) / 1000 : TIMEOUT_MIN_S;
    const struct sql_client_options options = {
        .host = call->talk->host,
        .port = call->talk->port,
        .user = call->talk->user,
        .password = call->talk->password,
        .timeout_seconds = (unsigned)left_s,
        .tls = call->talk->tls,
    };
    char *error;
    enum result result = sql_client_open(&options, ret_client, &error);
    if (result == RESULT_OK)
        return RECOVER_ANSWERED;
    set_problem(call, xasprintf("ackgate at %s:%u: %s", options.host, options.port, error));
    free(error);
    return result == RESULT_DENIED ? RECOVER_REJECTED : RECOVER_UNREACHABLE;
}

static enum recover_outcome run_sql(struct call *call, struct sql_client *client, const char *sql,
                                    struct sql_rows **ret_rows)
{
    if (sql_client_run(client, sql, ret_rows) == RESULT_OK)
        return RECOVER_ANSWERED;
    unsigned code = sql_client_error_code(client);
    set_problem(call, xasprintf("ackgate at %s:%u: %s (error %u)", call->talk->host, call->talk->port,
                                sql_client_error(client), code));
    return code >= CLIENT_ERROR_MIN && code <= CLIENT_ERROR_MAX ? RECOVER_UNREACHABLE : RECOVER_REJECTED;
}

static enum recover_outcome reject(struct call *call, const char *why)
{
    set_problem(call, xasprintf("ackgate at %s:%u gave an answer that cannot be: %s", call->talk->host,
                                call->talk->port, why));
    return RECOVER_REJECTED;
}

/* ---- where to begin ---- */

static bool parse_u64(const char *text, uint64_t *ret_number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *ret_number = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool take_status(struct recover_status *status, const char *name, const char *value)
{
    if (strcmp(name, "epoch") == 0)
        return parse_u64(value, &status->epoch);
    if (strcmp(name, "from_file") == 0)
        return span_copy_text(span_of_text(value), status->from_file, sizeof status->from_file) == RESULT_OK;
    if (strcmp(name, "from_pos") == 0)
        return value[0] == '\0' || parse_u64(value, &status->from_offset);
    return true;
}

static enum recover_outcome ask_status(struct call *call, struct sql_client *client,
                                       struct recover_status *ret_status)
{
    struct sql_rows *rows;
    struct recover_status status = {0};
    bool has_from = false, is_good = true;
    enum recover_outcome outcome = run_sql(call, client, "RECOVER SOURCE STATUS", &rows);
    if (outcome != RECOVER_ANSWERED)
        return outcome;
    for (size_t i = 0; i < sql_rows_count(rows); i++) {
        const char *name = sql_rows_text(rows, i, 0), *value = sql_rows_text(rows, i, 1);
        if (name == NULL)
            continue;
        has_from = has_from || strcmp(name, "from_file") == 0;
        is_good = is_good && take_status(&status, name, value == NULL ? "" : value);
    }
    sql_rows_free(&rows);
    if (!has_from || !is_good)
        return reject(call, "no place to begin at");
    *ret_status = status;
    return RECOVER_ANSWERED;
}

/* ---- the tail and its plan ---- */

static enum recover_outcome take_plan(struct call *call, const struct sql_rows *rows, const struct tail *tail,
                                      struct plan *ret_plan)
{
    const char *why = "";
    enum result result = RESULT_OK;
    struct plan plan;
    plan_init(&plan);
    for (size_t i = 0; result == RESULT_OK && i < sql_rows_count(rows); i++) {
        const char *cells[PLAN_COLUMNS];
        for (size_t column = 0; column < PLAN_COLUMNS; column++)
            cells[column] = sql_rows_text(rows, i, column);
        result = plan_take_row(&plan, tail, cells, &why);
    }
    if (result == RESULT_OK)
        result = plan_finish(&plan, tail, &why);
    if (result == RESULT_OK) {
        *ret_plan = plan;
        return RECOVER_ANSWERED;
    }
    plan_release(&plan);
    return reject(call, why);
}

static enum recover_outcome ask_plan(struct call *call, struct sql_client *client, const char *asks,
                                     const struct tail *tail, struct plan *ret_plan)
{
    struct sql_rows *rows;
    char *text = tail_format(tail, NULL);
    char *sql = xasprintf("RECOVER SOURCE %s '%s'", asks, text);
    enum recover_outcome outcome = run_sql(call, client, sql, &rows);
    free(sql);
    free(text);
    if (outcome != RECOVER_ANSWERED)
        return outcome;
    outcome = take_plan(call, rows, tail, ret_plan);
    sql_rows_free(&rows);
    return outcome;
}

static enum recover_outcome ask_once(struct call *call, const char *asks, struct tail *tail,
                                     struct plan *ret_plan)
{
    struct sql_client *client;
    struct recover_status status;
    enum recover_outcome outcome = connect_once(call, &client);
    if (outcome != RECOVER_ANSWERED)
        return outcome;
    outcome = ask_status(call, client, &status);
    if (outcome == RECOVER_ANSWERED) {
        char *problem = NULL;
        tail_release(tail);
        if (call->talk->read_tail(call->talk->argument, &status, tail, &problem) != RESULT_OK) {
            set_problem(call, problem);
            outcome = RECOVER_UNREADABLE;
        }
    }
    if (outcome == RECOVER_ANSWERED)
        outcome = ask_plan(call, client, asks, tail, ret_plan);
    sql_client_close(&client);
    return outcome;
}

/* False: the deadline is reached. */
static bool wait_before_retry(const struct call *call)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    if (now_ms() + RETRY_MS > call->deadline_ms)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

enum recover_outcome recover_ask(const struct recover_talk *talk, const char *asks, struct tail *ret_tail,
                                 struct plan *ret_plan, char **ret_problem)
{
    struct call call = {talk, now_ms() + talk->timeout_ms, ret_problem};
    enum recover_outcome outcome;
    do {
        outcome = ask_once(&call, asks, ret_tail, ret_plan);
    } while (outcome == RECOVER_UNREACHABLE && wait_before_retry(&call));
    if (outcome == RECOVER_ANSWERED)
        set_problem(&call, NULL);
    return outcome;
}

static enum recover_outcome tell_once(struct call *call, const char *sql)
{
    struct sql_client *client;
    enum recover_outcome outcome = connect_once(call, &client);
    if (outcome != RECOVER_ANSWERED)
        return outcome;
    outcome = run_sql(call, client, sql, NULL);
    sql_client_close(&client);
    return outcome;
}

enum recover_outcome recover_tell_engine(const struct recover_talk *talk, const struct engine_report *report,
                                         char **ret_problem)
{
    struct call call = {talk, now_ms() + talk->timeout_ms, ret_problem};
    char *text = engine_report_format(report);
    text[strcspn(text, "\n")] = '\0';
    char *sql = xasprintf("RECOVER SOURCE ENGINE '%s'", text);
    enum recover_outcome outcome;
    do {
        outcome = tell_once(&call, sql);
    } while (outcome == RECOVER_UNREACHABLE && wait_before_retry(&call));
    if (outcome == RECOVER_ANSWERED)
        set_problem(&call, NULL);
    free(sql);
    free(text);
    return outcome;
}
