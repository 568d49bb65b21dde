/* What can stand at the end of a killed source's binlog: every kind of statement alone and between others,
 * several files, an encrypted file, a damaged one, a hundred thousand transactions. What a cut undoes is
 * gone, all else is completed, and all servers are equal in the end. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { LONG_TAIL = 100000, LONG_SECONDS = 400 };

static void stop_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_receiver(t->replica[i]);
    gate_wait_attached(t->gate, 0);
}

static void start_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
}

static void wait_for_waiting(struct topology *t)
{
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) > 0 FROM waiting", "1");
}

static void assert_all_well(struct topology *t)
{
    start_receivers(t);
    topology_wait_open(t);
    topology_assert_same_data(t);
}

/* One number out of the last run's --json. */
static long said(const char *key)
{
    const char *found = strstr(recover_output(), place_format("\"%s\": ", key));

    ck_assert_msg(found != NULL, "no %s in %s", key, recover_output());
    return strtol(found + strlen(key) + 4, NULL, 10);
}

static void apply(struct topology *t)
{
    int code = recover_run(t->gate, t->source, "apply", "--json", NULL);

    ck_assert_msg(code == 0, "%s", recover_output());
}

static void start_and_verify(struct topology *t)
{
    server_start(t->source);
    recover_verify(t->gate, t->source);
}

/* ---- each kind of statement, alone ---- */

struct kind {
    const char *prepare; /* run before, with the replicas there */
    const char *statement;
    const char *look;  /* a query that is 1 when the statement was done */
    bool mysql_undoes; /* a cut undoes it */
    bool mariadb_undoes;
};

#define HAS_TABLE(name)                                                                                      \
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'd' AND table_name = '" name "'"
#define HAS_COLUMN(name)                                                                                     \
    "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'd' AND column_name = '" name "'"
#define HAS_DATABASE(name) "SELECT count(*) FROM information_schema.schemata WHERE schema_name = '" name "'"

/* Not here, because MariaDB's own crash recovery loses them although they are in its binlog: CREATE TABLE …
 * SELECT always, CREATE USER (an Aria table) mostly. */
static const struct kind kinds[] = {
    {"SELECT 1",                                                                "INSERT INTO d.t VALUES (10)",                             "SELECT count(*) FROM d.t WHERE id = 10", true,  true },
    {"SELECT 1",                                                                "UPDATE d.t SET id = 11 WHERE id = 1",                     "SELECT count(*) FROM d.t WHERE id = 11", true,  true },
    {"SELECT 1",                                                                "CREATE TABLE d.made (id INT PRIMARY KEY)",                HAS_TABLE("made"),                        true,  true },
    {"SELECT 1",                                                                "ALTER TABLE d.t ADD COLUMN quick INT, ALGORITHM=INSTANT", HAS_COLUMN("quick"),                      true,  false},
    {"SELECT 1",                                                                "ALTER TABLE d.t ADD COLUMN slow INT, ALGORITHM=COPY",     HAS_COLUMN("slow"),                       true,  false},
    {"CREATE TABLE d.gone (id INT PRIMARY KEY)",                                "DROP TABLE d.gone",
     "SELECT 1 - count(*) FROM information_schema.tables WHERE table_schema = 'd' AND table_name = 'gone'",                                                                          true,  false},
    {"CREATE TABLE d.old (id INT PRIMARY KEY)",                                 "RENAME TABLE d.old TO d.young",                           HAS_TABLE("young"),                       true,
     false                                                                                                                                                                                       },
    {"CREATE TABLE d.full (id INT PRIMARY KEY); INSERT INTO d.full VALUES (1)", "TRUNCATE TABLE d.full",
     "SELECT 1 - count(*) FROM d.full",                                                                                                                                              true,  false},
    {"SELECT 1",                                                                "CREATE DATABASE e",                                       HAS_DATABASE("e"),                        true,  false},
    {"CREATE DATABASE f",                                                       "DROP DATABASE f",
     "SELECT 1 - count(*) FROM information_schema.schemata WHERE schema_name = 'f'",                                                                                                 true,  false},
    {"CREATE TABLE d.my (id INT PRIMARY KEY) ENGINE=MyISAM",                    "INSERT INTO d.my VALUES (1)",
     "SELECT count(*) FROM d.my",                                                                                                                                                    false, false},
};

static void try_kind(struct topology *t, const struct kind *kind)
{
    struct sql *app = gate_app(t->gate);
    bool undoes = t->family == FAMILY_MYSQL ? kind->mysql_undoes : kind->mariadb_undoes;

    sql_exec(app, "%s", kind->prepare);
    stop_receivers(t);
    sql_start(app, "%s", kind->statement);
    wait_for_waiting(t);
    server_kill(t->source);
    (void)sql_finish_try(app);
    sql_close(app);
    apply(t);
    /* CREATE TABLE of MariaDB carries the DDL flag like all others: kept, though a cut would undo it */
    ck_assert_msg(said("discarded") == (undoes ? 1 : 0) || strstr(kind->statement, "CREATE TABLE d.made"),
                  "%s: %s", kind->statement, recover_output());
    undoes = said("discarded") == 1;
    start_and_verify(t);
    const char *is_done = sql_value(server_admin(t->source), "%s", kind->look);
    ck_assert_msg(strcmp(is_done, undoes ? "0" : "1") == 0, "%s: %s", kind->statement, is_done);
    assert_all_well(t);
    is_done = sql_value(server_admin(t->replica[0]), "%s", kind->look);
    ck_assert_msg(strcmp(is_done, undoes ? "0" : "1") == 0, "%s on the replica: %s", kind->statement,
                  is_done);
}

START_TEST(each_kind_alone)
{
    /* a killed server's MyISAM tables are read again only after a repair */
    static const char *const options[] = {"--myisam-recover-options=FORCE", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .source_options = options});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_close(app);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        try_kind(t, &kinds[i]);
}
END_TEST

/* ---- several at once ---- */

static struct topology *start_scene(enum family family)
{
    struct topology *t = topology_start_with(
        &(struct topology_options){.family = family, .rule = "ANY 1 (r1, r2)", .replicas = 2});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_close(app);
    stop_receivers(t);
    return t;
}

static const char ids[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

/* A row, something that has to stay, a row: the first two stay, the last one goes, if the source got that
 * far: MySQL goes on writing its binlog behind a commit that waits, for two groups more, MariaDB for one. */
START_TEST(between_others)
{
    struct topology *t = start_scene(TEST_FAMILY);
    const char *statements[] = {"INSERT INTO d.t VALUES (2)", "FLUSH PRIVILEGES",
                                "INSERT INTO d.t VALUES (3)"};
    struct sql *apps[3];

    for (size_t i = 0; i < 3; i++) {
        apps[i] = gate_app(t->gate);
        sql_start(apps[i], "%s", statements[i]);
        sql_assert_waiting(apps[i], 300);
    }
    server_kill(t->source);
    for (size_t i = 0; i < 3; i++)
        (void)sql_finish_try(apps[i]);
    apply(t);
    ck_assert_int_eq(said("completed"), 2);
    ck_assert_int_eq(said("discarded"), t->family == FAMILY_MYSQL ? 1 : 0);
    start_and_verify(t);
    ck_assert_str_eq(sql_value(server_admin(t->source), ids), "1,2");
    assert_all_well(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), ids), "1,2");
}
END_TEST

START_TEST(xa)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);

    /* XA PREPARE that nobody has: gone */
    sql_exec(app, "XA START 'one'; INSERT INTO d.t VALUES (2); XA END 'one'");
    sql_start(app, "XA PREPARE 'one'");
    wait_for_waiting(t);
    server_kill(t->source);
    (void)sql_finish_try(app);
    apply(t);
    ck_assert_int_eq(said("discarded"), 1);
    start_and_verify(t);
    ck_assert_uint_eq(sql_rows(server_admin(t->source), "XA RECOVER")->rows, 0);
    assert_all_well(t);

    /* XA COMMIT that nobody has: prepared again */
    app = gate_app(t->gate);
    sql_exec(app, "XA START 'two'; INSERT INTO d.t VALUES (3); XA END 'two'; XA PREPARE 'two'");
    stop_receivers(t);
    sql_start(app, "XA COMMIT 'two'");
    wait_for_waiting(t);
    server_kill(t->source);
    (void)sql_finish_try(app);
    apply(t);
    ck_assert_int_eq(said("discarded"), 1);
    start_and_verify(t);
    ck_assert_uint_eq(sql_rows(server_admin(t->source), "XA RECOVER")->rows, 1);
    ck_assert_str_eq(sql_value(server_admin(t->source), ids), "1");
    start_receivers(t);
    topology_wait_open(t);
    app = gate_app(t->gate);
    sql_exec(app, "XA COMMIT 'two'");
    topology_assert_same_data(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), ids), "1,3");
}
END_TEST

static bool is_there(void *path)
{
    return access(path, F_OK) == 0;
}

/* MariaDB rotates while commits wait: the cut is in the first of two files. */
START_TEST(two_files)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *first = gate_app(t->gate), *second = gate_app(t->gate);
    struct sql *root = server_open(t->source, "root", "");
    const char *later = place_format("%s/binlog.000002", t->source->datadir);

    sql_start(first, "INSERT INTO d.t VALUES (2)");
    wait_for_waiting(t);
    /* it rotates at once, and returns once nothing of the old file waits any more */
    sql_start(root, "FLUSH LOCAL BINARY LOGS");
    wait_until(is_there, (void *)(uintptr_t)later, WAIT_SECONDS, "the second file");
    sql_start(second, "INSERT INTO d.t VALUES (3)");
    sql_assert_waiting(second, 300);
    server_kill(t->source);
    (void)sql_finish_try(first);
    (void)sql_finish_try(second);
    (void)sql_finish_try(root);
    apply(t);
    ck_assert_int_ge(said("discarded"), 1);
    ck_assert_int_ne(access(later, F_OK), 0);
    start_and_verify(t);
    ck_assert_str_eq(sql_value(server_admin(t->source), ids), "1");
    assert_all_well(t);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "INSERT INTO d.t VALUES (4)");
    topology_assert_same_data(t);
}
END_TEST

/* ---- damage ---- */

static void flip_byte(const char *path, uint64_t offset)
{
    FILE *file = fopen(path, "r+e");

    ck_assert_msg(file != NULL, "%s: %m", path);
    ck_assert_int_eq(fseek(file, (long)offset, SEEK_SET), 0);
    int byte = fgetc(file);
    ck_assert_int_eq(fseek(file, (long)offset, SEEK_SET), 0);
    (void)fputc(byte ^ 0x10, file);
    (void)fclose(file);
}

START_TEST(damaged)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);
    const char *binlog = place_format("%s/binlog.000001", t->source->datadir);
    uint64_t end = strtoull(sql_value(gate_admin(t->gate), "SELECT confirmed_pos FROM source"), NULL, 10);

    sql_start(app, "INSERT INTO d.t VALUES (2)");
    wait_for_waiting(t);
    server_kill(t->source);
    (void)sql_finish_try(app);
    /* in its first event; more of it follows */
    flip_byte(binlog, end + 25);
    const char *before = directory_fingerprint(t->source->datadir);
    ck_assert_int_eq(recover_run(t->gate, t->source, "apply", NULL), 3);
    ck_assert_msg(strstr(recover_output(), "the binlog is damaged") != NULL, "%s", recover_output());
    ck_assert_str_eq(directory_fingerprint(t->source->datadir), before);
    flip_byte(binlog, end + 25);
    apply(t);
    ck_assert_int_eq(said("discarded"), 1);
    start_and_verify(t);
    assert_all_well(t);
}
END_TEST

/* ---- many ---- */

/* Written past ackgate without semi-sync; only looked at, for the engine has them. */
START_TEST(long_tail)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *root = server_admin(t->source);
    long count = e2e_scale(LONG_TAIL);

    gate_kill(t->gate);
    sql_exec(root,
             "SET GLOBAL sync_binlog = 0; SET GLOBAL innodb_flush_log_at_trx_commit = 2; SET GLOBAL %s = 0",
             semisync_name(t->family, "enabled"));
    sql_exec(root, "CREATE PROCEDURE d.fill(n INT) BEGIN DECLARE i INT DEFAULT 1000; "
                   "WHILE i < 1000 + n DO INSERT INTO d.t VALUES (i); SET i = i + 1; END WHILE; END");
    sql_exec(root, "CALL d.fill(%ld)", count);
    server_kill(t->source);
    gate_start(t->gate);
    uint64_t before = now_ms();
    int code = recover_run(t->gate, t->source, "check", "--json", NULL);
    ck_assert_msg(code == 0, "%s", recover_output());
    fprintf(stderr, "a tail of %ld transactions: %" PRIu64 " ms\n", count, now_ms() - before);
    ck_assert_int_ge(said("kept") + said("completed") + said("discarded"), count + 1);
}
END_TEST

/* What a shutdown has committed in the engine is not cut, also when the source is killed after its next start
 * and before ackgate has heard of anything. */
START_TEST(killed_after_a_clean_end)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    stop_receivers(t);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    wait_for_waiting(t);
    gate_kill(t->gate);
    server_stop(t->source);
    server_start(t->source);
    server_kill(t->source);
    gate_start(t->gate);
    apply(t);
    ck_assert_int_eq(said("discarded"), 0);
    ck_assert_int_eq(said("completed"), 1);
    start_and_verify(t);
    assert_all_well(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), "SELECT count(*) FROM d.t"), "1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_tails");

    e2e_add_within(suite, "kinds", each_kind_alone, 300);
    e2e_add(suite, "between", between_others);
    e2e_add(suite, "clean_end", killed_after_a_clean_end);
    e2e_add(suite, "xa", xa);
    e2e_add_family(suite, "two_files", two_files, FAMILY_MARIADB);
    e2e_add(suite, "damaged", damaged);
    e2e_add_within(suite, "long", long_tail, LONG_SECONDS);
    return e2e_main(suite);
}
