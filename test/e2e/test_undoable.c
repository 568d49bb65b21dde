/* What a cut of the binlog cannot undo, between rows that it can: every kind of DDL on MariaDB, MyISAM on
 * both. It is kept with what stands before it and completed; what follows is discarded; all servers are
 * equal. On MySQL, where DDL is undone, all of it goes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { LONG_SECONDS = 600 };

#define COUNT_TABLE(name)                                                                                    \
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'd' AND table_name = '" name "'"
#define COUNT_COLUMN(name)                                                                                   \
    "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'd' AND column_name = '" name "'"
#define COUNT_INDEX(name)                                                                                    \
    "SELECT count(*) FROM information_schema.statistics WHERE table_schema = 'd' AND index_name = '" name "'"
#define COUNT_DATABASE(name) "SELECT count(*) FROM information_schema.schemata WHERE schema_name = '" name "'"

enum {
    STAYS_ON_MYSQL = 1,    /* on MariaDB all of them do but: */
    NOT_CRASH_SAFE = 2,    /* MyISAM, and MariaDB's accounts in Aria: the source may have lost it */
    LOCKS_OUT = 4,         /* nobody writes while it waits */
    UNDONE_BY_MARIADB = 8, /* too, from 10.6 on */
    ALWAYS = 16,           /* run without LONG=1 too */
};

struct kind {
    const char *statement;
    const char *look;    /* a query */
    const char *if_done; /* its answer when the statement was done */
    unsigned flags;
};

#define KIND(statement, look, if_done, flags)                                                                \
    {                                                                                                        \
        statement, look, if_done, flags                                                                      \
    }

/* %d: once as 1, once as 2; the objects that they need are there. */
static const struct kind kinds[] = {
    KIND("INSERT INTO d.my VALUES (%d)", "SELECT count(*) FROM d.my WHERE id = %d", "1",
         STAYS_ON_MYSQL | NOT_CRASH_SAFE | ALWAYS),
    KIND("CREATE TABLE d.made%d (id INT PRIMARY KEY)", COUNT_TABLE("made%d"), "1", ALWAYS),
    KIND("CREATE TABLE d.picked%d (PRIMARY KEY (id)) SELECT id FROM d.s", COUNT_TABLE("picked%d"), "1",
         UNDONE_BY_MARIADB | ALWAYS),
    KIND("ALTER TABLE d.s ADD COLUMN quick%d INT, ALGORITHM=INSTANT", COUNT_COLUMN("quick%d"), "1", ALWAYS),
    KIND("ALTER TABLE d.s ADD COLUMN slow%d INT, ALGORITHM=COPY", COUNT_COLUMN("slow%d"), "1", 0),
    KIND("CREATE INDEX i%d ON d.s (id)", COUNT_INDEX("i%d"), "1", 0),
    KIND("DROP TABLE d.gone%d", COUNT_TABLE("gone%d"), "0", ALWAYS),
    KIND("RENAME TABLE d.old%d TO d.young%d", COUNT_TABLE("young%d"), "1", 0),
    KIND("TRUNCATE TABLE d.full%d", "SELECT count(*) FROM d.full%d", "0", 0),
    KIND("CREATE DATABASE e%d", COUNT_DATABASE("e%d"), "1", 0),
    KIND("DROP DATABASE f%d", COUNT_DATABASE("f%d"), "0", 0),
    KIND("CREATE VIEW d.v%d AS SELECT id FROM d.s", COUNT_TABLE("v%d"), "1", 0),
    KIND("CREATE USER u%d@localhost", "SELECT count(*) FROM mysql.user WHERE user = 'u%d'", "1",
         NOT_CRASH_SAFE | LOCKS_OUT),
};

#define PREPARE(n)                                                                                           \
    "CREATE TABLE d.gone" n " (id INT PRIMARY KEY); CREATE TABLE d.old" n " (id INT PRIMARY KEY); "          \
    "CREATE TABLE d.full" n " (id INT PRIMARY KEY); INSERT INTO d.full" n " VALUES (1); "                    \
    "CREATE DATABASE f" n "; "

static const char prepare[] =
    "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); CREATE TABLE d.s (id INT PRIMARY KEY); "
    "INSERT INTO d.s VALUES (1); CREATE TABLE d.my (id INT PRIMARY KEY) ENGINE=MyISAM; " PREPARE("1")
        PREPARE("2") "SELECT 1";

/* One number out of the tool's --json. */
static long said(const char *key)
{
    const char *found = strstr(recover_output(), place_format("\"%s\": ", key));

    ck_assert_msg(found != NULL, "no %s in %s", key, recover_output());
    return strtol(found + strlen(key) + 4, NULL, 10);
}

static void stop_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_receiver(t->replica[i]);
    gate_wait_attached(t->gate, 0);
}

/* Every %d of the text as the number, %% as %. */
static const char *numbered(const char *text, int number)
{
    char *made = place_format("%s", text);
    char *out = made;

    for (const char *in = text; *in; in++) {
        if (in[0] == '%') {
            in++;
            *out++ = *in == 'd' ? (char)('0' + number) : *in;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return made;
}

static void start_and_wait(struct topology *t, struct sql *app, const char *statement, int waiting)
{
    sql_start(app, "%s", statement);
    WAIT_SQL(gate_admin(t->gate), place_format("SELECT count(*) >= %d FROM waiting", waiting), "1");
}

static bool has_row(struct server *server, int id)
{
    return sql_number(server_admin(server), "SELECT count(*) FROM d.t WHERE id = %d", id) == 1;
}

struct layout {
    int number;
    bool has_row_before;
    bool has_row_behind;
};

static const struct layout layouts[] = {
    {1, true,  true}, /* MariaDB writes the last row only when the group before it is through */
    {2, false, true},
};

static bool is_behind_written(const struct topology *t, const struct kind *kind, const struct layout *layout)
{
    return !(kind->flags & LOCKS_OUT) && (t->family == FAMILY_MYSQL || !layout->has_row_before);
}

static bool is_tried(const struct kind *kind)
{
    return e2e_is_long() || (kind->flags & ALWAYS);
}

static void kill_with_tail(struct topology *t, const struct kind *kind, const struct layout *layout, int id)
{
    struct sql *apps[3] = {gate_app(t->gate), gate_app(t->gate), gate_app(t->gate)};
    int waiting = 0;

    stop_receivers(t);
    if (layout->has_row_before)
        start_and_wait(t, apps[0], place_format("INSERT INTO d.t VALUES (%d)", id), ++waiting);
    start_and_wait(t, apps[1], numbered(kind->statement, layout->number), ++waiting);
    waiting += is_behind_written(t, kind, layout);
    start_and_wait(t, apps[2], place_format("INSERT INTO d.t VALUES (%d)", id + 1), waiting);
    server_kill(t->source);
    for (int i = layout->has_row_before ? 0 : 1; i < 3; i++)
        ck_assert_uint_ne(sql_finish_try(apps[i]), 0);
    for (int i = 0; i < 3; i++)
        sql_close(apps[i]);
}

static void assert_state(struct server *server, const struct kind *kind, const struct layout *layout, int id,
                         bool is_kept)
{
    const char *found = sql_value(server_admin(server), "%s", numbered(kind->look, layout->number));
    bool is_done = strcmp(found, kind->if_done) == 0;

    ck_assert_msg(is_done == is_kept, "%s on %s: %s", kind->statement, server->name, found);
    ck_assert_msg(has_row(server, id) == (is_kept && layout->has_row_before), "the row before %s on %s",
                  kind->statement, server->name);
    ck_assert_msg(!has_row(server, id + 1), "the row behind %s on %s", kind->statement, server->name);
}

static void try_kind(struct topology *t, const struct kind *kind, const struct layout *layout, int id)
{
    bool is_kept = t->family == FAMILY_MARIADB
                       ? !(kind->flags & UNDONE_BY_MARIADB) || !server_has_atomic_ddl(t->family)
                       : kind->flags & STAYS_ON_MYSQL;
    long before = layout->has_row_before, behind = is_behind_written(t, kind, layout);

    kill_with_tail(t, kind, layout, id);
    ck_assert_int_eq(recover_run(t->gate, t->source, "apply", "--json", NULL), 0);
    ck_assert_msg(said("completed") == (is_kept ? before + 1 : 0), "%s: %s", kind->statement,
                  recover_output());
    ck_assert_msg(said("discarded") == (is_kept ? behind : before + 1 + behind), "%s: %s", kind->statement,
                  recover_output());
    server_start(t->source);
    recover_verify(t->gate, t->source);
    if (!(kind->flags & NOT_CRASH_SAFE))
        assert_state(t->source, kind, layout, id, is_kept);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
    topology_wait_open(t);
    replica_wait_caught_up(t->replica[0], t->source);
    assert_state(t->replica[0], kind, layout, id, is_kept);
    if (kind->flags & NOT_CRASH_SAFE)
        sql_exec(server_admin(t->source), "TRUNCATE TABLE d.my");
    topology_assert_same_data(t);
}

START_TEST(between_rows)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);
    int id = 0;

    sql_exec(app, prepare);
    sql_close(app);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t j = 0; j < sizeof layouts / sizeof *layouts; j++)
            if (is_tried(&kinds[i]))
                try_kind(t, &kinds[i], &layouts[j], id += 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("undoable");

    e2e_add_within(suite, "between_rows", between_rows, e2e_is_long() ? LONG_SECONDS : 2 * E2E_TIMEOUT);
    return e2e_main(suite);
}
