/* Statements that have to wait, each on a thread of its own, see sql.h. */
#include <check.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/lib/sql_internal.h"
#include "test/lib/wait.h"

static void *run_pending(void *arg)
{
    struct sql *conn = arg;

    conn->pending_result = sql_run(conn, conn->pending_statement);
    atomic_store(&conn->is_done, true);
    return NULL;
}

void sql_start(struct sql *conn, const char *format, ...)
{
    va_list args;

    ck_assert_msg(!conn->is_pending, "sql_start(): a statement is running already");
    va_start(args, format);
    conn->pending_statement = sql_format(format, args);
    va_end(args);
    conn->is_pending = true;
    atomic_store(&conn->is_done, false);
    ck_assert_int_eq(pthread_create(&conn->thread, NULL, run_pending, conn), 0);
}

bool sql_is_done(struct sql *conn)
{
    return atomic_load(&conn->is_done);
}

static bool is_done(void *arg)
{
    return sql_is_done(arg);
}

/* Leaves the statement's text for the caller's message. */
static char *join(struct place where, struct sql *conn, double seconds)
{
    ck_assert_msg(conn->is_pending, "sql_finish(): nothing was started");
    char *statement = conn->pending_statement;
    if (!wait_for(is_done, conn, seconds > 0 ? seconds : WAIT_SECONDS))
        fail_at(where, "still waiting: %s", statement);
    (void)pthread_join(conn->thread, NULL);
    conn->is_pending = false;
    conn->pending_statement = NULL;
    char *text = sql_result_text(conn->pending_result);
    conn->finished_text = sql_keep_text(conn, conn->number ? "" : text);
    free(text);
    sql_result_free(conn->pending_result);
    conn->pending_result = NULL;
    return statement;
}

void sql_finish_at(struct place where, struct sql *conn, double seconds)
{
    char *statement = join(where, conn, seconds);

    sql_check(where, conn, statement);
    free(statement);
}

unsigned sql_finish_try_at(struct place where, struct sql *conn)
{
    free(join(where, conn, 0));
    return conn->number;
}

const char *sql_finished_text(struct sql *conn)
{
    return conn->finished_text;
}

void sql_assert_waiting_at(struct place where, struct sql *conn, unsigned ms)
{
    ck_assert_msg(conn->is_pending, "sql_assert_waiting(): nothing was started");
    assert_stays_false_at(where, is_done, conn, ms, conn->pending_statement);
}
