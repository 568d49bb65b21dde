/* The journal of a running ackgate: its disk is full, its bytes are damaged, it is printed, it is synced
 * before each confirm. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { START_FAILED = 2, WATCH_MS = 500, INSERTS_MAX = 2000 };

static const char *journal_dir(const struct gate *gate)
{
    return place_format("%s/journal", gate->data_dir);
}

static void print_journal(struct gate *gate, const char *how, const char *output)
{
    const char *argv[] = {getenv("ACKGATE") ? getenv("ACKGATE") : "build/ackgate", "journal",
                          journal_dir(gate), how, NULL};

    ck_assert_int_eq(process_run(argv, output), 0);
}

/* ---- a full disk ---- */

/* A file system of its own for the journal, which only this test's processes see. False: not possible here.
 */
static bool mount_journal(const struct gate *gate)
{
    const char *dir = journal_dir(gate);

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    ck_assert(mkdir(gate->data_dir, 0700) == 0 && mkdir(dir, 0700) == 0);
    return mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700") == 0;
}

static void fill(const char *path)
{
    static const char block[4096];
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_msg(file >= 0, "%s: %m", path);
    while (write(file, block, sizeof block) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    (void)close(file);
}

static bool has_failed(void *gate)
{
    return gate_has_logged(gate, "journal: cannot be written");
}

static bool is_done(void *app)
{
    return sql_is_done(app);
}

/* The journal lags behind the commits, so some more may pass. */
static int insert_until_it_waits(struct topology *t, struct sql *app)
{
    int id = 0;

    while (id < INSERTS_MAX) {
        sql_start(app, "INSERT INTO d.t VALUES (%d)", ++id);
        if (!wait_for(is_done, app, 1) || has_failed(t->gate))
            break;
        sql_finish(app);
    }
    ck_assert_int_lt(id, INSERTS_MAX);
    return id;
}

START_TEST(disk_is_full)
{
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .no_gate_start = true});
    const char *filler = place_format("%s/filler", journal_dir(t->gate));

    if (!mount_journal(t->gate)) {
        fprintf(stderr, "skipped: no mounts here\n");
        return;
    }
    gate_start(t->gate);
    for (size_t i = 0; i < t->replica_count; i++)
        topology_attach(t, i, REPLICA_GTID);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate), *other = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    fill(filler);
    int last = insert_until_it_waits(t, app);
    /* nothing is confirmed any more, and nothing is lost */
    sql_start(other, "INSERT INTO d.t VALUES (%d)", last + 1);
    sql_assert_waiting(other, WATCH_MS);
    ck_assert_int_eq(unlink(filler), 0);
    sql_finish(other);
    sql_finish(app);
    gate_wait_logged(t->gate, "journal: can be written again");
    topology_assert_same_data(t);
    gate_kill(t->gate);
    gate_start(t->gate);
    topology_wait_open(t);
    ck_assert_int_eq(sql_number(gate_app(t->gate), "SELECT count(*) FROM d.t"), last + 1);
    topology_assert_same_data(t);
}
END_TEST

/* ---- damage, and print ---- */

static void flip_byte(const char *path, long offset)
{
    FILE *file = fopen(path, "r+e");

    ck_assert_msg(file != NULL && fseek(file, offset, SEEK_SET) == 0, "%s: %m", path);
    int byte = fgetc(file);
    ck_assert_int_eq(fseek(file, offset, SEEK_SET), 0);
    (void)fputc(byte ^ 0x10, file);
    (void)fclose(file);
}

/* In front of whole records: not a torn tail. Nothing is guessed, and nothing is changed. */
START_TEST(damaged)
{
    const char *const lines[] = {"journal", "sync = always", NULL}; /* the commit's record is on disk */
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines});
    struct gate *gate = t->gate;
    const char *segment = place_format("%s/journal.000001", journal_dir(gate));

    sql_exec(gate_app(gate), "CREATE DATABASE d");
    gate_kill(gate);
    flip_byte(segment, 150);
    ck_assert_int_eq(gate_run(gate, NULL), START_FAILED);
    const char *log = place_text(gate->log);
    ck_assert_msg(strstr(log, "damaged") != NULL && strstr(log, "journal.000001") != NULL &&
                      strstr(log, "offset") != NULL,
                  "%s", log);
    flip_byte(segment, 150);
    gate_start(gate);
    topology_wait_open(t);
    sql_exec(gate_app(gate), "CREATE DATABASE e");
    topology_assert_same_data(t);
}
END_TEST

/* What the admin port shows and what the file says are the same records. */
START_TEST(printed)
{
    static const char *const types[] = {"source", "attach", "admitted", "confirm"};
    const char *const lines[] = {"journal", "sync = always", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines});
    const char *text_path = place_format("%s/text", t->gate->dir);
    const char *json_path = place_format("%s/json", t->gate->dir);

    sql_exec(gate_app(t->gate), "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    const char *shown =
        place_format("%s", sql_value(gate_admin(t->gate),
                                     "SELECT GROUP_CONCAT(type) FROM (SELECT DISTINCT type FROM journal)"));
    gate_kill(t->gate); /* synced with each confirm, so all of it is there */
    print_journal(t->gate, NULL, text_path);
    print_journal(t->gate, "--json", json_path);
    const char *text = place_text(text_path), *json = place_text(json_path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ck_assert_msg(strstr(shown, types[i]) != NULL, "%s in %s", types[i], shown);
        ck_assert_msg(strstr(text, types[i]) != NULL, "%s in\n%s", types[i], text);
        ck_assert_msg(strstr(json, place_format("\"%s\"", types[i])) != NULL, "%s in\n%s", types[i], json);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");

    e2e_add(suite, "disk_is_full", disk_is_full);
    e2e_add_family(suite, "damaged", damaged, FAMILY_MYSQL);
    e2e_add_family(suite, "printed", printed, FAMILY_MARIADB);
    return e2e_main(suite);
}
