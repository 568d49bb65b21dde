/* How long a query of the admin port, or a request for the metrics or the status page, keeps the replication
 * loop from anything else at one time: with a thousand sessions, thousands of waiting transactions and
 * hundreds of binlog files, on real servers.
 *
 *     build/bench/admin_loop [SESSIONS [WAITING [FILES [ROUNDS]]]]      1000 5000 300 100, of
 * SERVER=mysql|mariadb
 *
 * ackgate itself says so in its log at level debug. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "test/bench/bench.h"
#include "test/bench/figures.h"
#include "test/lib/http.h"
#include "test/lib/place.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { DESCRIPTORS = 20000, SAMPLES_MAX = 1000 };

static long sessions = 1000;
static long waiting = 5000;
static long files = 300;
static long rounds = 100;

static const char *const queries[] = {
    "SELECT * FROM status",
    "SELECT * FROM variables",
    "SELECT * FROM source",
    "SELECT * FROM replicas",
    "SELECT * FROM quorum",
    "SELECT * FROM sessions",
    "SELECT * FROM waiting",
    "SELECT * FROM binary_logs",
    "SELECT * FROM journal",
    "SELECT * FROM discarded",
    "SHOW PROCESSLIST",
    "SHOW BINARY LOGS",
    "SELECT count(*) FROM sessions s LEFT JOIN waiting w ON w.session_id = s.id",
    "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM waiting), (SELECT count(*) FROM "
    "binary_logs), "
    "(SELECT count(*) FROM journal), (SELECT count(*) FROM discarded), (SELECT count(*) FROM replicas), "
    "(SELECT count(*) FROM status), (SELECT count(*) FROM variables), state FROM source, quorum",
};

static const char *const paths[] = {"/metrics", "/status.json", "/", "/readyz"};

/* What was logged since. */
static size_t read_figures(struct gate *gate, long from, double *ret_figures)
{
    size_t count = 0;
    char *log = place_read_file(gate->log, NULL);
    for (const char *at = log + from; (at = strstr(at, "us of the loop")) != NULL; at++) {
        const char *number = at - 1;
        while (number > log && strchr("0123456789 ", number[-1]) != NULL)
            number--;
        if (count < SAMPLES_MAX)
            ret_figures[count++] = strtod(number, NULL);
    }
    free(log);
    return count;
}

static long log_length(struct gate *gate)
{
    size_t length;
    free(place_read_file(gate->log, &length));
    return (long)length;
}

static void report(struct gate *gate, const char *what, long from)
{
    double figures[SAMPLES_MAX];
    size_t count = read_figures(gate, from, figures);
    double median = count > 0 ? figures_median(figures, count) : 0; /* which sorts them */
    printf("  %6.0f us, at most %6.0f us (%zu)  %.60s\n", median, count > 0 ? figures[count - 1] : 0, count,
           what);
    fflush(stdout);
}

static void measure(struct topology *t)
{
    struct sql *admin = gate_admin(t->gate);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        long from = log_length(t->gate);
        for (long round = 0; round < rounds; round++)
            sql_exec(admin, "%s", queries[i]);
        sleep_ms(20);
        report(t->gate, queries[i], from);
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        long from = log_length(t->gate);
        for (long round = 0; round < rounds; round++)
            ck_assert_int_ne(http_get(t->gate->metrics_port, paths[i]).status, 0);
        sleep_ms(20);
        report(t->gate, paths[i], from);
    }
}

/* With source.semi_sync = off the source goes on without acks, so that a few connections make all of it. */
static void fill(struct topology *t)
{
    struct sql *source = server_admin(t->source);
    sql_exec(source, "SET GLOBAL sync_binlog = 0");
    sql_exec(source, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT)");
    for (long i = 0; i < files; i++)
        sql_exec(source, "FLUSH BINARY LOGS");
    replica_wait_caught_up(t->replica[0], t->source);
    for (long i = 0; i < sessions; i++)
        (void)gate_app(t->gate);
    replica_stop_receiver(t->replica[0]);
    for (long i = 0; i < waiting; i++)
        sql_exec(source, "INSERT INTO d.t VALUES ()");
    WAIT_SQL(gate_admin(t->gate), "SELECT waiting_transactions FROM quorum", place_format("%ld", waiting));
}

START_TEST(loop)
{
    static const char *const lines[] = {"source",  "semi_sync = off",   "app", "max_connections = 20000",
                                        "ackgate", "log_level = debug", NULL};
    static const char *const options[] = {"--max-connections=20000", "--open-files-limit=65000", NULL};
    struct rlimit descriptors = {DESCRIPTORS, DESCRIPTORS};
    (void)setrlimit(RLIMIT_NOFILE, &descriptors);
    struct topology *t = topology_start_with(&(struct topology_options){.family = bench_family(),
                                                                        .rule = "ANY 1 (r1)",
                                                                        .replicas = 1,
                                                                        .source_options = options,
                                                                        .gate_lines = lines});
    fill(t);
    printf("%s, %ld sessions, %ld transactions that wait, %ld binlog files\n", family_name(t->family),
           sessions, waiting, files);
    measure(t);
}
END_TEST

static long argument(int argc, char **argv, int index, long fallback)
{
    return index < argc ? atol(argv[index]) : fallback;
}

int main(int argc, char **argv)
{
    sessions = argument(argc, argv, 1, sessions);
    waiting = argument(argc, argv, 2, waiting);
    files = argument(argc, argv, 3, files);
    rounds = argument(argc, argv, 4, rounds);
    return bench_main("admin_loop", loop);
}
