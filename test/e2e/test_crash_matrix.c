/* The crash matrix: a source killed with -9 while clients write, at each moment of a commit, with each fate
 * of ackgate, for each kind of statement. After ackgate-recover and admission every OK is on all servers,
 * nothing that a reader saw is gone, all servers are equal, and discarded is what the verdict table says, no
 * more.
 *
 * The rows of one test run one after the other on the same servers, so each also starts from what the ones
 * before it have left. A value is a row of d.t or a table d.n_<value>. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/recover.h"
#include "test/lib/relay.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"
#include "test/lib/writers.h"

enum { ROW_VALUES = 10, TORN_BYTES = 7, LONG_SECONDS = 900 };

enum moment {
    NOT_STORED,   /* in the source's binlog, on the way to ackgate */
    NOT_SENT,     /* stored; no replica is there, and the journal says so */
    SENT_TO_ONE,  /* r1 hangs with it unread, r2 is not there */
    ACKED_BY_ONE, /* r2 is not there */
    ACKED_BY_ALL, /* the source hangs and does not take the release */
    RELEASED,     /* the clients have their OKs */
};

enum fate { ALIVE, KILLED, TORN, EMPTIED };

/* What becomes of the transactions that stood at the moment when the source died. */
enum outcome { DISCARDED, COMPLETED, KEPT };

struct row {
    enum moment moment;
    enum fate fate;
    enum outcome outcome;
    unsigned always; /* the kinds of work for which it is run without LONG=1 too */
};

static const struct row rows[] = {
    {NOT_STORED,   ALIVE,   DISCARDED, WORK_ALL           },
    {NOT_STORED,   KILLED,  DISCARDED, WORK_DML           },
    {NOT_STORED,   TORN,    COMPLETED, WORK_MIXED         },
    {NOT_STORED,   EMPTIED, COMPLETED, WORK_XA            },
    {NOT_SENT,     ALIVE,   DISCARDED, WORK_ALL           },
    {NOT_SENT,     KILLED,  DISCARDED, WORK_DML | WORK_XA },
    {NOT_SENT,     TORN,    COMPLETED, WORK_DDL           },
    {NOT_SENT,     EMPTIED, COMPLETED, 0                  },
    {SENT_TO_ONE,  ALIVE,   COMPLETED, WORK_DML | WORK_XA },
    {SENT_TO_ONE,  KILLED,  COMPLETED, WORK_MIXED         },
    {SENT_TO_ONE,  TORN,    COMPLETED, WORK_DML           },
    {SENT_TO_ONE,  EMPTIED, COMPLETED, WORK_DDL           },
    {ACKED_BY_ONE, ALIVE,   COMPLETED, WORK_MIXED         },
    {ACKED_BY_ONE, KILLED,  COMPLETED, WORK_XA            },
    {ACKED_BY_ONE, TORN,    COMPLETED, 0                  },
    {ACKED_BY_ONE, EMPTIED, COMPLETED, WORK_DML           },
    {ACKED_BY_ALL, ALIVE,   COMPLETED, WORK_DML | WORK_DDL},
    {ACKED_BY_ALL, KILLED,  COMPLETED, WORK_DML           },
    {ACKED_BY_ALL, TORN,    COMPLETED, WORK_XA            },
    {ACKED_BY_ALL, EMPTIED, COMPLETED, 0                  },
    {RELEASED,     ALIVE,   KEPT,      WORK_DDL           },
    {RELEASED,     KILLED,  KEPT,      WORK_DML | WORK_XA },
    {RELEASED,     TORN,    KEPT,      WORK_MIXED         },
    {RELEASED,     EMPTIED, KEPT,      0                  },
};

struct matrix {
    struct writers w;
    struct relay *relay;
    const struct row *row;
    const char *waiting; /* GTIDs that waited at the moment of the kill, a line each */
};

/* ---- the moments ---- */

static bool source_waits(void *arg)
{
    struct server *source = arg;

    return atoi(server_status(source, place_format("Rpl_semi_sync_%s_wait_sessions",
                                                   source->family == FAMILY_MYSQL ? "source" : "master"))) >
           0;
}

static void wait_gate(struct matrix *m, const char *query)
{
    WAIT_SQL(gate_admin(m->w.t->gate), query, "1");
}

static void note_waiting(struct matrix *m)
{
    wait_gate(m, "SELECT count(*) > 0 FROM waiting");
    wait_gate(m, "SELECT received_file = durable_file AND received_pos = durable_pos FROM source");
    m->waiting = place_format("%s", sql_text(gate_admin(m->w.t->gate), "SELECT gtid FROM waiting"));
}

static void reach_not_stored(struct matrix *m)
{
    relay_hold(m->relay);
    writers_start(&m->w, false);
    wait_until(source_waits, m->w.t->source, WAIT_SECONDS, "a commit that waits on the source");
}

static void reach_not_sent(struct matrix *m)
{
    replica_stop_receiver(m->w.t->replica[0]);
    replica_stop_receiver(m->w.t->replica[1]);
    gate_wait_attached(m->w.t->gate, 0);
    writers_start(&m->w, false);
    note_waiting(m);
}

static void leave_r1_alone(struct matrix *m)
{
    replica_stop_receiver(m->w.t->replica[1]);
    gate_wait_attached(m->w.t->gate, 1);
}

static void reach_sent_to_one(struct matrix *m)
{
    leave_r1_alone(m);
    writers_see(&m->w, m->w.t->replica[0]);
    server_freeze(m->w.t->replica[0]);
    writers_start(&m->w, false);
    note_waiting(m);
    wait_gate(m, "SELECT count(*) > 0 FROM waiting w JOIN replicas r ON r.name = 'r1' AND "
                 "r.sent_file = w.file AND r.sent_pos >= w.end_pos");
}

static void reach_acked_by_one(struct matrix *m)
{
    leave_r1_alone(m);
    writers_start(&m->w, false);
    wait_gate(m, "SELECT count(*) > 0 FROM waiting WHERE acked_by LIKE '%r1%'");
    note_waiting(m);
}

static void reach_acked_by_all(struct matrix *m)
{
    reach_acked_by_one(m);
    writers_see(&m->w, m->w.t->source);
    server_freeze(m->w.t->source);
    replica_start_receiver(m->w.t->replica[1]);
    wait_gate(m, "SELECT count(*) = 0 FROM waiting");
}

static void reach(struct matrix *m)
{
    m->waiting = "";
    switch (m->row->moment) {
    case NOT_STORED:
        reach_not_stored(m);
        break;
    case NOT_SENT:
        reach_not_sent(m);
        break;
    case SENT_TO_ONE:
        reach_sent_to_one(m);
        break;
    case ACKED_BY_ONE:
        reach_acked_by_one(m);
        break;
    case ACKED_BY_ALL:
        reach_acked_by_all(m);
        break;
    case RELEASED:
        writers_start(&m->w, false);
        writers_finish(&m->w, false, true);
        break;
    }
}

static void let_readers_see(struct matrix *m)
{
    if (m->row->moment != ACKED_BY_ALL)
        writers_see(&m->w, m->w.t->source);
    if (m->row->moment != SENT_TO_ONE)
        writers_see(&m->w, m->w.t->replica[0]);
    writers_see(&m->w, m->w.t->replica[1]);
}

/* ---- the fates ---- */

static void tear_journal(const struct gate *gate)
{
    const char *dir = place_format("%s/journal", gate->data_dir);
    char newest[NAME_MAX + 1] = "";
    struct dirent *entry;
    struct stat status;
    DIR *names = opendir(dir);

    ck_assert_msg(names != NULL, "%s: %m", dir);
    while ((entry = readdir(names)) != NULL)
        if (strncmp(entry->d_name, "journal.", 8) == 0 && strcmp(entry->d_name, newest) > 0)
            (void)snprintf(newest, sizeof newest, "%s", entry->d_name);
    (void)closedir(names);
    const char *path = place_format("%s/%s", dir, newest);
    ck_assert_msg(stat(path, &status) == 0, "%s: %m", path);
    ck_assert_int_eq(truncate(path, status.st_size - TORN_BYTES), 0);
}

static void crash(struct matrix *m)
{
    struct gate *gate = m->w.t->gate;

    if (m->row->fate != ALIVE)
        gate_kill(gate);
    server_kill(m->w.t->source);
    relay_drop(m->relay);
    if (m->row->moment != RELEASED)
        writers_finish(&m->w, false, false);
    if (m->row->fate == TORN)
        tear_journal(gate);
    if (m->row->fate == EMPTIED)
        process_must_run("/dev/null", "rm", "-r", gate->data_dir);
    if (m->row->fate != ALIVE)
        gate_start(gate);
}

/* ---- what has to hold ---- */

/* One number out of the tool's --json. */
static long said(const char *key)
{
    const char *found = strstr(recover_output(), place_format("\"%s\": ", key));

    ck_assert_msg(found != NULL, "no %s in %s", key, recover_output());
    return strtol(found + strlen(key) + 4, NULL, 10);
}

static void recover(struct matrix *m)
{
    ck_assert_msg(recover_run(m->w.t->gate, m->w.t->source, "apply", "--json", NULL) == 0, "%s: %s",
                  m->w.title, recover_output());
}

/* MariaDB cannot undo WORK_DDL: it stays, and what stands before it. */
static bool is_undoable(const struct matrix *m)
{
    return m->w.t->family == FAMILY_MYSQL || m->w.work == WORK_DML || m->w.work == WORK_XA;
}

static void assert_waiting_was_not_discarded(struct matrix *m)
{
    if (said("discarded") == 0)
        return;
    const struct sql_rows *gone =
        sql_rows(gate_admin(m->w.t->gate),
                 "SELECT gtid FROM discarded WHERE epoch = (SELECT max(epoch) FROM discarded)");
    for (size_t i = 0; i < gone->rows; i++)
        ck_assert_msg(strstr(place_format("%s\n", m->waiting), place_format("%s\n", gone->cells[i])) == NULL,
                      "%s: %s was discarded: %s", m->w.title, gone->cells[i], recover_output());
}

static void assert_verdict(struct matrix *m)
{
    switch (m->row->outcome) {
    case DISCARDED:
        /* what was confirmed last may not be in the journal of an ackgate that was killed: it is completed */
        if (is_undoable(m))
            ck_assert_msg(said("discarded") > 0 && (said("completed") == 0 || m->row->fate != ALIVE),
                          "%s: %s", m->w.title, recover_output());
        else
            ck_assert_msg(said("discarded") + said("completed") > 0, "%s: %s", m->w.title, recover_output());
        if (!is_undoable(m) && m->w.work == WORK_DDL)
            ck_assert_msg(said("discarded") == 0, "%s: %s", m->w.title, recover_output());
        break;
    case COMPLETED:
        if (m->row->moment == NOT_STORED || m->row->fate == TORN || m->row->fate == EMPTIED)
            ck_assert_msg(said("discarded") == 0, "%s: %s", m->w.title, recover_output());
        assert_waiting_was_not_discarded(m);
        break;
    case KEPT:
        ck_assert_msg(said("discarded") == 0, "%s: %s", m->w.title, recover_output());
        break;
    }
}

/* What the clients of the second round have left on the source. */
static void assert_second_round(struct matrix *m)
{
    struct sql *root = server_admin(m->w.t->source);
    int there = 0;

    for (int i = 0; i < WRITERS; i++) {
        int value = writers_value(&m->w, i, false);
        bool has = writers_only_prepare(&m->w, i) ? writers_is_prepared(root, value) : m->w.is_there[value];
        there += has;
        if (m->row->outcome == DISCARDED && is_undoable(m)) {
            ck_assert_msg(!has, "%s: value %d is there", m->w.title, value);
            if (m->w.work == WORK_XA && !writers_only_prepare(&m->w, i))
                ck_assert_msg(writers_is_prepared(root, value), "%s: x%d is not prepared", m->w.title, value);
        }
    }
    if (m->row->outcome == COMPLETED)
        ck_assert_msg(there > 0, "%s: nothing was completed", m->w.title);
    if (m->row->outcome == KEPT)
        ck_assert_msg(there == WRITERS, "%s: %d of %d are there", m->w.title, there, WRITERS);
}

static void assert_all_well(struct matrix *m)
{
    struct topology *t = m->w.t;

    for (int i = 0; i < WRITERS; i++)
        sql_close(m->w.app[i]);
    (void)recover_obey(t->gate, t->source);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate);
    writers_look(&m->w, app);
    assert_second_round(m);
    writers_assert_promises(&m->w);
    writers_commit_prepared(&m->w, app);
    sql_exec(app, "INSERT INTO d.t VALUES (%d, 'after')", m->w.first + ROW_VALUES - 1);
    m->w.was_ok[m->w.first + ROW_VALUES - 1] = true;
    sql_close(app);
    topology_assert_same_data(t);
    for (size_t i = 0; i < t->replica_count; i++)
        ck_assert_msg(sql_rows(server_admin(t->replica[i]), "XA RECOVER")->rows == 0,
                      "%s: %s has prepared ones", m->w.title, t->replica[i]->name);
    writers_look(&m->w, server_admin(t->source));
    writers_assert_promises(&m->w);
}

/* Also those that stopped because ackgate had nothing for them for a while. */
static void bring_replicas_back(struct matrix *m)
{
    if (m->row->moment == SENT_TO_ONE)
        server_thaw(m->w.t->replica[0]);
    for (size_t i = 0; i < m->w.t->replica_count; i++) {
        replica_start_receiver(m->w.t->replica[i]);
        writers_see(&m->w, m->w.t->replica[i]);
    }
}

static void try_row(struct matrix *m)
{
    static const char *const moments[] = {"not stored",   "not sent",     "sent to one",
                                          "acked by one", "acked by all", "released"};
    static const char *const fates[] = {"alive", "killed", "torn", "emptied"};

    (void)snprintf(m->w.title, sizeof m->w.title, "%s, ackgate %s", moments[m->row->moment],
                   fates[m->row->fate]);
    writers_first_round(&m->w);
    writers_prepare(&m->w, false);
    reach(m);
    let_readers_see(m);
    crash(m);
    recover(m);
    assert_verdict(m);
    bring_replicas_back(m);
    server_start(m->w.t->source);
    recover_verify(m->w.t->gate, m->w.t->source);
    assert_all_well(m);
}

static void start_servers(struct matrix *m, enum family family)
{
    /* a connection made in the very moment of ackgate's death may be found out by this only */
    const char *const options[] = {"--loose-replica-net-timeout=5", "--loose-slave-net-timeout=5", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){.family = family,
                                                                        .rule = "ALL (r1, r2)",
                                                                        .replicas = 2,
                                                                        .replica_options = options,
                                                                        .no_gate_start = true});

    m->w.t = t;
    m->relay = relay_start(t->source->port);
    gate_set(t->gate, "source", "port = %u", relay_port(m->relay));
    gate_start(t->gate);
    for (size_t i = 0; i < t->replica_count; i++)
        topology_attach(t, i, REPLICA_GTID);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v LONGTEXT)");
    sql_close(app);
}

static void run_matrix(enum family family, enum work work)
{
    static struct matrix m;

    m.w.work = work;
    start_servers(&m, family);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        m.row = &rows[i];
        m.w.first = 1 + (int)i * ROW_VALUES;
        if ((e2e_is_long() || (m.row->always & work)))
            try_row(&m);
    }
}

START_TEST(dml)
{
    run_matrix(TEST_FAMILY, WORK_DML);
}
END_TEST

START_TEST(ddl)
{
    if (server_has_atomic_ddl(TEST_FAMILY))
        run_matrix(TEST_FAMILY, WORK_DDL);
}
END_TEST

START_TEST(mixed)
{
    if (server_has_atomic_ddl(TEST_FAMILY))
        run_matrix(TEST_FAMILY, WORK_MIXED);
}
END_TEST

START_TEST(xa)
{
    run_matrix(TEST_FAMILY, WORK_XA);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crash_matrix");
    double seconds = e2e_is_long() ? LONG_SECONDS : 2 * E2E_TIMEOUT;

    e2e_add_within(suite, "dml", dml, seconds);
    e2e_add_within(suite, "ddl", ddl, seconds);
    e2e_add_within(suite, "mixed", mixed, seconds);
    e2e_add_within(suite, "xa", xa, seconds);
    return e2e_main(suite);
}
