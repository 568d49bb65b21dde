/* The writing clients of writers.h. */
#include "test/lib/writers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/sql.h"

/* ---- what is written ---- */

static enum work work_of(const struct writers *w, int client)
{
    static const enum work mixed[WRITERS] = {WORK_DML, WORK_DDL, WORK_XA, WORK_DML};

    return w->work == WORK_MIXED ? mixed[client] : w->work;
}

/* Every other XA client prepares at the moment, the others commit then. */
bool writers_only_prepare(const struct writers *w, int client)
{
    return work_of(w, client) == WORK_XA && client % 2 == 0;
}

static void prepare_client(struct writers *w, int client, int value)
{
    struct sql *app = w->app[client];

    if (work_of(w, client) != WORK_XA)
        return;
    sql_exec(app, "XA START 'x%d'; INSERT INTO d.t VALUES (%d, 'xa'); XA END 'x%d'", value, value, value);
    if (!writers_only_prepare(w, client))
        sql_exec(app, "XA PREPARE 'x%d'", value);
}

static void start_client(struct writers *w, int client, int value)
{
    struct sql *app = w->app[client];

    switch (work_of(w, client)) {
    case WORK_DDL:
        sql_start(app, "CREATE TABLE d.n_%d (id INT PRIMARY KEY)", value);
        break;
    case WORK_XA:
        sql_start(app, "XA %s 'x%d'", writers_only_prepare(w, client) ? "PREPARE" : "COMMIT", value);
        break;
    default:
        sql_start(app,
                  "BEGIN; INSERT INTO d.t VALUES (%d, REPEAT('x', %d)); UPDATE d.t SET v = 'y' WHERE id "
                  "= %d; COMMIT",
                  value, 1 + client * 30000, value);
    }
}

int writers_value(const struct writers *w, int client, bool is_first)
{
    return w->first + client + (is_first ? 0 : WRITERS);
}

void writers_prepare(struct writers *w, bool is_first)
{
    for (int i = 0; i < WRITERS; i++)
        prepare_client(w, i, writers_value(w, i, is_first));
}

void writers_start(struct writers *w, bool is_first)
{
    for (int i = 0; i < WRITERS; i++)
        start_client(w, i, writers_value(w, i, is_first));
}

void writers_finish(struct writers *w, bool is_first, bool must_succeed)
{
    for (int i = 0; i < WRITERS; i++) {
        bool is_ok = sql_finish_try(w->app[i]) == 0;
        ck_assert_msg(is_ok || !must_succeed, "%s: client %d: %s", w->title, i, sql_error(w->app[i]));
        if (is_ok)
            w->was_ok[writers_value(w, i, is_first)] = true;
    }
}

/* A first round of commits, all answered with OK; what was only prepared is committed too. */
void writers_first_round(struct writers *w)
{
    for (int i = 0; i < WRITERS; i++)
        w->app[i] = gate_app(w->t->gate);
    writers_prepare(w, true);
    writers_start(w, true);
    writers_finish(w, true, true);
    for (int i = 0; i < WRITERS; i++)
        if (writers_only_prepare(w, i))
            sql_exec(w->app[i], "XA COMMIT 'x%d'", writers_value(w, i, true));
}

/* ---- what is read ---- */

static const char rows_query[] = "SELECT id FROM d.t";
static const char tables_query[] =
    "SELECT CAST(SUBSTRING(table_name, 3) AS UNSIGNED) FROM information_schema.tables "
    "WHERE table_schema = 'd' AND table_name LIKE 'n\\_%'";

static void read_values(struct sql *conn, const char *query, bool *values)
{
    const struct sql_rows *found = sql_rows(conn, "%s", query);

    for (size_t i = 0; i < found->rows; i++) {
        int value = atoi(found->cells[i * found->columns]);
        ck_assert(value >= 0 && value < WRITERS_VALUES_MAX);
        values[value] = true;
    }
}

/* MariaDB shows a table before it is in the binlog, and takes it back after a crash: not for us to judge. */
void writers_see(struct writers *w, struct server *server)
{
    read_values(server_admin(server), rows_query, w->was_seen);
    if (server != w->t->source || server->family == FAMILY_MYSQL)
        read_values(server_admin(server), tables_query, w->was_seen);
}

void writers_look(struct writers *w, struct sql *conn)
{
    memset(w->is_there, 0, sizeof w->is_there);
    read_values(conn, rows_query, w->is_there);
    read_values(conn, tables_query, w->is_there);
    for (size_t i = 0; i < WRITERS_VALUES_MAX; i++)
        w->was_seen[i] = w->was_seen[i] || w->is_there[i];
}

bool writers_is_prepared(struct sql *conn, int value)
{
    const struct sql_rows *found = sql_rows(conn, "XA RECOVER");
    const char *name = place_format("x%d", value);

    for (size_t i = 0; i < found->rows; i++)
        if (strcmp(sql_cell(found, i, "data"), name) == 0)
            return true;
    return false;
}

/* ---- what has to be there ---- */

/* A prepared one counts as there: its rows come with its commit. */
void writers_assert_promises(struct writers *w)
{
    for (int value = 0; value < WRITERS_VALUES_MAX; value++) {
        if ((!w->was_ok[value] && !w->was_seen[value]) || w->is_there[value])
            continue;
        ck_assert_msg(!w->was_seen[value], "%s: value %d was seen and is gone", w->title, value);
        ck_assert_msg(writers_is_prepared(server_admin(w->t->source), value),
                      "%s: value %d got its OK and is gone", w->title, value);
    }
}

/* So that the servers' tables can be compared. */
void writers_commit_prepared(struct writers *w, struct sql *app)
{
    const struct sql_rows *found = sql_rows(app, "XA RECOVER");

    for (size_t i = 0; i < found->rows; i++) {
        const char *name = sql_cell(found, i, "data");
        sql_exec(app, "XA COMMIT '%s'", name);
        w->was_ok[atoi(name + 1)] = true;
    }
}
