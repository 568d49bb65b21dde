/* What ackgate keeps in memory: for an idle session, in the clear and with TLS on both sides; for one whose
 * client has stopped reading a large result; for a replica that has everything, and for one far behind; the
 * whole process while a transaction of 1 GiB passes (128 MiB in quick runs), and after an hour of mixed load,
 * if MINUTES=60 asks for it.
 *
 *     SERVER=mariadb MIB=1024 SESSIONS=5000 MINUTES=60 build/bench/memory */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "test/bench/comparison.h"
#include "test/bench/history.h"
#include "test/bench/report.h"
#include "test/bench/resident.h"
#include "test/bench/room.h"
#include "test/bench/sysbench.h"
#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/raw_client.h"
#include "test/lib/receivers.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    WARM = 50, /* sessions before the first look */
    STOPPED = 50,
    CAUGHT_UP = 32,
    BEHIND = 8,
    VOTER_SERVER_ID = 5001,
    OBSERVER_SERVER_ID = 6000,
    READ_BYTES = 1 << 20, /* before a reader stops */
    FILES_MAX = 65000,
    LARGE_SECONDS = 600,
};

static struct topology *t;
static struct receivers *voter;
static char certificates[108];

static unsigned session_count(void)
{
    return bench_setting("SESSIONS", bench_is_full() ? 5000 : 500, 30000);
}

static unsigned large_mib(void)
{
    return bench_setting("MIB", bench_is_full() ? 1024 : 128, 4000);
}

static struct receiver_options from_the_start(uint32_t server_id, bool is_semi_sync)
{
    return (struct receiver_options){.family = t->family,
                                     .port = t->gate->replication_port,
                                     .server_id = server_id,
                                     .file = "binlog.000001",
                                     .offset = 4,
                                     .is_semi_sync = is_semi_sync};
}

static void start(bool with_tls)
{
    const char *options[] = {history_source_options[0],
                             history_source_options[1],
                             history_source_options[2],
                             "--max-allowed-packet=128M",
                             place_format("--max-connections=%u", session_count() + 200),
                             "--open-files-limit=65000",
                             NULL};
    t = topology_start_with(&(struct topology_options){.family = bench_family(),
                                                       .rule = "ANY 1 (r1)",
                                                       .source_options = options,
                                                       .certificates = certificates,
                                                       .app_tls = with_tls ? "required" : NULL,
                                                       .no_gate_start = true});
    gate_add_voter(t->gate, "r1", VOTER_SERVER_ID);
    gate_set(t->gate, "ackgate", "log_level = info");
    gate_set(t->gate, "app", "max_connections = %u", session_count() + 200);
    if (with_tls)
        gate_set(t->gate, "source", "tls = required");
    gate_start(t->gate);
    WAIT_SQL(gate_admin(t->gate), "SELECT state IN ('open', 'completing') FROM source", "1");
    struct receiver_options options_of_voter = from_the_start(VOTER_SERVER_ID, true);
    voter = receivers_start(&options_of_voter, 1);
    gate_wait_open(t->gate);
}

static void end(void)
{
    receivers_stop(voter);
    topology_stop(t);
}

/* ---- one value for each ---- */

typedef double look_fn(void);

static void run(void *argument, const struct comparison *comparison, double *ret_values)
{
    (void)comparison;
    ret_values[0] = (*(look_fn *const *)argument)();
}

static void measure(const char *test, const char *unit, look_fn *fn, double must, double proud)
{
    struct comparison comparison = {
        .test = test,
        .rounds = 1,
        .measures = {{"memory", unit, 1}},
        .ways = {{"ackgate", run, &fn}},
    };
    if (must > 0)
        comparison.targets[0] = (struct comparison_target){
            place_format("%s, %s", test, unit), 0, "ackgate", NULL, TARGET_VALUE, true, must, proud};
    comparison_run(&comparison);
}

/* ---- sessions ---- */

static struct sql *open_session(bool with_tls)
{
    return sql_open_with(&(struct sql_options){
        .port = t->gate->app_port,
        .user = "app",
        .password = "app-pw",
        .tls = with_tls,
        .tls_ca = with_tls ? place_format("%s/ca.pem", certificates) : NULL,
    });
}

static double idle_sessions(bool with_tls)
{
    unsigned count = session_count();
    struct sql **sessions = xcalloc(count + WARM, sizeof *sessions);
    double before_kib = 0;
    for (unsigned i = 0; i < count + WARM; i++) {
        if (i == WARM)
            before_kib = resident_kib(t->gate->pid);
        sessions[i] = open_session(with_tls);
        sql_exec(sessions[i], "DO 1");
    }
    double each_kib = (resident_kib(t->gate->pid) - before_kib) / count;
    for (unsigned i = 0; i < count + WARM; i++)
        sql_close(sessions[i]);
    free(sessions);
    return each_kib;
}

static double idle_in_the_clear(void)
{
    return idle_sessions(false);
}

static double idle_with_tls(void)
{
    return idle_sessions(true);
}

/* 100 MB each, of which the column count is read. */
static double stopped_readers(void)
{
    static const char text[] =
        "SELECT REPEAT('r', 1000) FROM history.n a, history.n b, history.n c, history.n d, history.n e";
    static struct raw_client clients[STOPPED];
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE IF NOT EXISTS history; CREATE TABLE history.n (i INT PRIMARY KEY); INSERT "
                  "INTO history.n VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
    double before_kib = resident_kib(t->gate->pid);
    for (int i = 0; i < STOPPED; i++) {
        raw_open(&clients[i], t->gate->app_port);
        raw_login(&clients[i], "app", "app-pw", 0, 0);
        ck_assert(raw_send_command(&clients[i], COMMAND_QUERY, text, sizeof text - 1));
        ck_assert_int_eq(raw_read_packet(&clients[i]), RAW_PACKET);
    }
    sleep_ms(500); /* until all buffers on the way are full */
    double each_kib = (resident_kib(t->gate->pid) - before_kib) / STOPPED;
    for (int i = 0; i < STOPPED; i++)
        raw_abort(&clients[i]);
    sql_close(app);
    return each_kib;
}

/* ---- replicas ---- */

static void wait_for_observers(unsigned count)
{
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM replicas WHERE role = 'observer'",
             place_format("%u", count));
}

static double caught_up_replicas(void)
{
    struct receiver_options options = from_the_start(OBSERVER_SERVER_ID, false);
    struct receivers *few = receivers_start(&options, 1); /* what is there only once */
    double before_kib = resident_kib(t->gate->pid);
    options.server_id++;
    struct receivers *many = receivers_start(&options, CAUGHT_UP);
    wait_for_observers(CAUGHT_UP + 1);
    sysbench_run(&(struct sysbench_load){
        .test = "oltp_update_index", .port = t->gate->app_port, .threads = 8, .seconds = 1});
    double each_kib = (resident_kib(t->gate->pid) - before_kib) / CAUGHT_UP;
    receivers_stop(many);
    receivers_stop(few);
    wait_for_observers(0);
    return each_kib;
}

static double peak_while_large(void)
{
    struct sql *app = gate_app(t->gate);
    resident_begin(t->gate->pid);
    history_start_large(app, large_mib());
    sql_finish_within(app, LARGE_SECONDS);
    sql_close(app);
    return resident_peak_kib(t->gate->pid) / 1024;
}

/* They stand far apart, each with its own place in the store, while others write. */
static double peak_with_replicas_behind(void)
{
    static struct receiver receivers[BEHIND];
    resident_begin(t->gate->pid);
    for (unsigned i = 0; i < BEHIND; i++) {
        struct receiver_options options = from_the_start(OBSERVER_SERVER_ID + i, false);
        receiver_open(&receivers[i], &options);
        while (receivers[i].bytes < (uint64_t)READ_BYTES * (i + 1) && receiver_take(&receivers[i]))
            continue;
    }
    sysbench_run(&(struct sysbench_load){
        .test = "oltp_update_index", .port = t->gate->app_port, .threads = 8, .seconds = 2});
    double peak_mib = resident_peak_kib(t->gate->pid) / 1024;
    for (unsigned i = 0; i < BEHIND; i++)
        receiver_close(&receivers[i]);
    return peak_mib;
}

static double after_mixed_load(void)
{
    static const char *const tests[] = {"oltp_read_write", "oltp_insert", "oltp_point_select",
                                        "oltp_update_index"};
    uint64_t end_ms = now_ms() + (uint64_t)bench_setting("MINUTES", 1, 10000) * 60000;
    for (unsigned i = 0; now_ms() < end_ms; i++)
        sysbench_run(&(struct sysbench_load){
            .test = tests[i % 4], .port = t->gate->app_port, .threads = 1 + i * 7 % 64, .seconds = 10});
    return resident_kib(t->gate->pid) / 1024;
}

/* ---- all of it ---- */

static void raise_file_limit(void)
{
    struct rlimit files = {FILES_MAX, FILES_MAX};
    if (setrlimit(RLIMIT_NOFILE, &files) == 0)
        return;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

START_TEST(memory)
{
    unsigned mib = bench_is_full() ? 5000 : 500;
    room_take(mib * 5 / 2 + large_mib() * 6);
    raise_file_limit();
    report_begin("memory", "what ackgate keeps in memory");
    place_make_dir("certificates", certificates, sizeof certificates);
    certificate_make_usual(certificates);
    start(true);
    measure("idle session, TLS on both sides", "KiB", idle_with_tls, 0, 0);
    end();
    start(false);
    measure("idle session", "KiB", idle_in_the_clear, 4, 2);
    measure("session whose client has stopped reading", "KiB", stopped_readers, 0, 0);
    sysbench_prepare(t->gate->app_port);
    measure("caught-up replica", "KiB", caught_up_replicas, 64, 16);
    struct sql *app = gate_app(t->gate);
    history_make(app);
    sql_close(app);
    measure(place_format("whole process, a transaction of %u MiB", large_mib()), "MiB", peak_while_large, 128,
            64);
    (void)history_fill(t->source, t->gate->app_port, HISTORY_LARGE_EVENTS, mib);
    measure(place_format("whole process, %d replicas %u MiB behind", BEHIND, mib), "MiB",
            peak_with_replicas_behind, 128, 64);
    if (getenv("MINUTES") != NULL)
        measure(place_format("whole process after %s min of mixed load", getenv("MINUTES")), "MiB",
                after_mixed_load, 0, 0);
    end();
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("memory", memory);
}
