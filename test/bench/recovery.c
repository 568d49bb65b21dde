/* From the source's crash to the first commit that ackgate lets through again, step by step; with replicas
 * that have everything, with transactions that have to be cut, behind a last binlog file of 1 GiB (128 MiB in
 * quick runs), and with one transaction of that size to be discarded.
 *
 *     SERVER=mariadb build/bench/recovery */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/bench/comparison.h"
#include "test/bench/history.h"
#include "test/bench/report.h"
#include "test/bench/room.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { FULL_MIB = 1024, QUICK_MIB = 128, LOAD_CLIENTS = 8, WAITING = 8, OKS = 200, LARGE_SECONDS = 120 };

enum measure {
    MEASURE_DETECT, /* in milliseconds, all of them */
    MEASURE_READ,
    MEASURE_ASK,
    MEASURE_CUT,
    MEASURE_DECIDE, /* the crash to the end of ackgate-recover apply */
    MEASURE_START,
    MEASURE_ADMIT, /* the server is up to the first OK */
    MEASURE_TOTAL,
};

static struct topology *t;
static double crashed_ms;

static unsigned last_file_mib(void)
{
    return bench_setting("MIB", bench_is_full() ? FULL_MIB : QUICK_MIB, FULL_MIB);
}

static double clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- the steps ---- */

static void crash(double *ret_values)
{
    struct sql *admin = gate_admin(t->gate);
    crashed_ms = clock_ms();
    server_kill(t->source);
    while (strcmp(sql_value(admin, "SELECT state FROM source"), "open") == 0)
        continue;
    ret_values[MEASURE_DETECT] = clock_ms() - crashed_ms;
}

static double said_ms(const char *name)
{
    const char *at = strstr(recover_output(), place_format("\"%s\": ", name));
    return at == NULL ? NAN : strtod(strchr(at, ':') + 1, NULL);
}

static void decide(double *ret_values)
{
    int code = recover_run(t->gate, t->source, "apply", "--json", NULL);
    ck_assert_msg(code == 0, "ackgate-recover ended with %d: %s", code, recover_output());
    ret_values[MEASURE_DECIDE] = clock_ms() - crashed_ms;
    ret_values[MEASURE_READ] = said_ms("read_ms");
    ret_values[MEASURE_ASK] = said_ms("ask_ms");
    ret_values[MEASURE_CUT] = said_ms("cut_ms");
}

static void check_discarded(bool is_expected)
{
    bool is_so = strstr(recover_output(), "\"discarded\": 0,") == NULL;
    ck_assert_msg(is_so == is_expected, "not what this bench is about: %s", recover_output());
}

static void start_again(double *ret_values)
{
    double began_ms = clock_ms();
    server_start(t->source);
    ret_values[MEASURE_START] = clock_ms() - began_ms;
}

/* verify, as the unit's drop-in has it run; the connection is held until applications are admitted. */
static void admit(double *ret_values)
{
    double began_ms = clock_ms();
    recover_verify(t->gate, t->source);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE IF NOT EXISTS admitted");
    ret_values[MEASURE_ADMIT] = clock_ms() - began_ms;
    ret_values[MEASURE_TOTAL] = clock_ms() - crashed_ms;
    sql_close(app);
    topology_wait_open(t);
}

/* ---- the crashes ---- */

static void run_under_load(void *argument, const struct comparison *comparison, double *ret_values)
{
    (void)argument;
    (void)comparison;
    struct load *load = load_start(t->gate, LOAD_CLIENTS);
    load_wait_oks(load, OKS);
    crash(ret_values);
    decide(ret_values);
    start_again(ret_values);
    admit(ret_values);
    load_stop(load);
}

static void receivers_run(bool is_to_run)
{
    for (size_t i = 0; i < t->replica_count; i++)
        (is_to_run ? replica_start_receiver : replica_stop_receiver)(t->replica[i]);
    gate_wait_attached(t->gate, is_to_run ? (unsigned)t->replica_count : 0);
}

/* MariaDB lets one group at a time wait: the rest of them has not been written when it is killed. */
static void wait_for_waiting(unsigned count)
{
    unsigned least = t->family == FAMILY_MARIADB ? 1 : count;
    WAIT_SQL_FOR(gate_admin(t->gate), place_format("SELECT COUNT(*) >= %u FROM waiting", least), "1",
                 LARGE_SECONDS);
}

static void crash_and_cut(double *ret_values)
{
    crash(ret_values);
    decide(ret_values);
    check_discarded(true);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
    start_again(ret_values);
    admit(ret_values);
}

/* Nobody has what these sessions wait for. */
static void run_with_cut(void *argument, const struct comparison *comparison, double *ret_values)
{
    struct sql *apps[WAITING];
    (void)argument;
    (void)comparison;
    for (int i = 0; i < WAITING; i++) {
        apps[i] = gate_app(t->gate);
        sql_exec(apps[i], "CREATE DATABASE IF NOT EXISTS cut; CREATE TABLE IF NOT EXISTS cut.t (id INT)");
    }
    receivers_run(false);
    for (int i = 0; i < WAITING; i++)
        sql_start(apps[i], "INSERT INTO cut.t VALUES (%d)", i);
    wait_for_waiting(WAITING);
    crash_and_cut(ret_values);
    for (int i = 0; i < WAITING; i++) {
        (void)sql_finish_try(apps[i]);
        sql_close(apps[i]);
    }
}

static void run_with_large(void *argument, const struct comparison *comparison, double *ret_values)
{
    (void)argument;
    (void)comparison;
    struct sql *app = gate_app(t->gate);
    history_make(app);
    receivers_run(false);
    history_start_large(app, last_file_mib());
    wait_for_waiting(1);
    crash_and_cut(ret_values);
    (void)sql_finish_try(app);
    sql_close(app);
}

static void compare(const char *test, comparison_run_fn *run, unsigned rounds, bool has_target)
{
    struct comparison comparison = {
        .test = test,
        .rounds = rounds,
        .measures = {{"detected", "ms", 1},
                     {"tail read", "ms", 1},
                     {"verdict", "ms", 1},
                     {"cut", "ms", 1},
                     {"crash to verdict and cut", "ms", 0},
                     {"the server's own start", "ms", 0},
                     {"server up to the first commit", "ms", 0},
                     {"crash to the first commit", "ms", 0}},
        .ways = {{"ackgate", run, NULL} },
    };
    if (has_target)
        comparison.targets[0] = (struct comparison_target){
            "crash to verdict and cut, ms", MEASURE_DECIDE, "ackgate", NULL, TARGET_VALUE, true, 1000, 300};
    comparison_run(&comparison);
}

START_TEST(recovery)
{
    unsigned mib = last_file_mib();
    room_take(mib * 10);
    t = topology_start_with(&(struct topology_options){.family = bench_family(),
                                                       .rule = "ANY 1 (r1, r2)",
                                                       .replicas = 2,
                                                       .source_options = history_source_options,
                                                       .replica_options = history_source_options});
    gate_set(t->gate, "ackgate", "log_level = info");
    report_begin("recovery", "the source is killed");
    compare(place_format("%d writers, replicas attached", LOAD_CLIENTS), run_under_load, 0, false);
    compare(place_format("%d transactions to be cut", WAITING), run_with_cut, 0, false);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_applier(t->replica[i]);
    (void)history_fill(t->source, t->gate->app_port, HISTORY_LARGE_EVENTS, mib);
    compare(place_format("the same behind %u MiB of the last file", mib), run_with_cut, 0, true);
    compare(place_format("one transaction of %u MiB to be cut", mib), run_with_large, 1, false);
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("recovery", recovery);
}
