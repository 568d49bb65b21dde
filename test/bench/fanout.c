/* What one more replica costs: sysbench writes to a source that has 1, 2, 4, 8, 32 semi-sync replicas of its
 * own, and to one that has only ackgate, which serves as many. One ack is waited for on both sides. The
 * replicas are receivers (receiver.h) on one thread of this process: they cost the same both ways.
 *
 *     SERVER=mariadb THREADS=32 REPLICAS=1,8 build/bench/fanout */
#include <stdio.h>
#include <stdlib.h>

#include "test/bench/comparison.h"
#include "test/bench/report.h"
#include "test/bench/sysbench.h"
#include "test/lib/place.h"
#include "test/lib/receivers.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { VOTERS_MAX = 32, FIRST_SERVER_ID = 5001, COUNTS_MAX = WAYS_MAX / 2 };

enum measure { MEASURE_RATE, MEASURE_SOURCE, MEASURE_ACKGATE, MEASURE_FURTHER, MEASURE_P95 };

static struct topology *gated;
static struct server *native;

struct way {
    unsigned replicas;
    bool is_gated;
};

/* Where the newest file ends: what was before does not matter here. */
static struct receiver_options options_of(struct server *source, uint16_t port)
{
    const struct sql_rows *status =
        sql_rows(server_admin(source),
                 source->family == FAMILY_MYSQL ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    return (struct receiver_options){
        .family = source->family,
        .port = port,
        .server_id = FIRST_SERVER_ID,
        .file = place_format("%s", sql_cell(status, 0, "File")),
        .offset = (uint32_t)strtoul(sql_cell(status, 0, "Position"), NULL, 10),
        .is_semi_sync = true,
    };
}

struct clients {
    unsigned count;
    bool is_to_write; /* the source notices that a replica has left when it sends the next event */
};

static bool has_clients(void *argument)
{
    const struct clients *clients = argument;
    if (clients->is_to_write)
        sql_exec(server_admin(native), "FLUSH BINARY LOGS");
    return strtoul(server_status(native, semisync_name(native->family, "clients")), NULL, 10) ==
           clients->count;
}

static void wait_for_clients(unsigned count)
{
    wait_until(has_clients, (&(struct clients){count, count == 0}), WAIT_SECONDS,
               "the source to count its replicas");
}

static struct receivers *attach(const struct way *way)
{
    struct server *source = way->is_gated ? gated->source : native;
    struct receiver_options options =
        options_of(source, way->is_gated ? gated->gate->replication_port : native->port);
    struct receivers *receivers = receivers_start(&options, way->replicas);
    if (way->is_gated)
        gate_wait_attached(gated->gate, way->replicas);
    else
        wait_for_clients(way->replicas);
    return receivers;
}

static void detach(const struct way *way, struct receivers *receivers)
{
    receivers_stop(receivers);
    if (way->is_gated)
        gate_wait_attached(gated->gate, 0);
    else
        wait_for_clients(0);
}

static void run(void *argument, const struct comparison *comparison, double *ret_values)
{
    static double alone_us; /* ackgate's CPU with one replica, of the same round */
    const struct way *way = argument;
    pid_t source = way->is_gated ? gated->source->pid : native->pid;
    struct sysbench_load load = {.test = comparison->test,
                                 .port = way->is_gated ? gated->gate->app_port : native->port,
                                 .threads = comparison->threads,
                                 .seconds = bench_seconds()};
    struct receivers *receivers = attach(way);
    double source_s = figures_cpu_s(source), gate_s = figures_cpu_s(gated->gate->pid);
    struct sysbench_figures figures = sysbench_run(&load);
    ret_values[MEASURE_RATE] = figures.per_second;
    ret_values[MEASURE_P95] = figures.p95_ms;
    ret_values[MEASURE_SOURCE] = (figures_cpu_s(source) - source_s) / figures.count * 1e6;
    if (way->is_gated) {
        double us = (figures_cpu_s(gated->gate->pid) - gate_s) / figures.count * 1e6;
        ret_values[MEASURE_ACKGATE] = us;
        if (way->replicas == 1)
            alone_us = us;
        else if (alone_us > 0)
            ret_values[MEASURE_FURTHER] = (us - alone_us) / (way->replicas - 1);
    }
    detach(way, receivers);
}

/* ---- the two set-ups ---- */

static void start_gated(enum family family)
{
    char rule[200];
    int length = snprintf(rule, sizeof(rule), "ANY 1 (");
    for (unsigned i = 0; i < VOTERS_MAX; i++)
        length += snprintf(rule + length, sizeof(rule) - (size_t)length, "%sr%u", i > 0 ? ", " : "", i + 1);
    (void)snprintf(rule + length, sizeof(rule) - (size_t)length, ")");
    gated = topology_start_with(
        &(struct topology_options){.family = family, .rule = rule, .no_gate_start = true});
    for (unsigned i = 0; i < VOTERS_MAX; i++)
        gate_add_voter(gated->gate, place_format("r%u", i + 1), FIRST_SERVER_ID + i);
    gate_set(gated->gate, "ackgate", "log_level = info");
    gate_start(gated->gate);
    struct receiver_options options = options_of(gated->source, gated->gate->replication_port);
    WAIT_SQL(gate_admin(gated->gate), "SELECT state IN ('open', 'completing') FROM source", "1");
    struct receivers *one = receivers_start(&options, 1);
    gate_wait_open(gated->gate);
    sysbench_prepare(gated->gate->app_port);
    receivers_stop(one);
    gate_wait_attached(gated->gate, 0);
}

static void start_native(enum family family)
{
    native = server_new(family, "native", NULL);
    server_start(native);
    sysbench_prepare(native->port);
    source_enable_semisync(native, 1);
}

static const char *way_name(bool is_gated, unsigned replicas)
{
    return place_format("%s %u", is_gated ? "ackgate" : "native", replicas);
}

static void put_targets(struct comparison *comparison)
{
    const struct comparison_target targets[] = {
        {"commits with 8 replicas, against native",       MEASURE_RATE,    "ackgate 8",  "native 8",  TARGET_RATIO,
         false,                                                                                                            1.2,  1.6 },
        {"commits with 8 replicas, against one",          MEASURE_RATE,    "ackgate 8",  "ackgate 1", TARGET_RATIO, false,
         0.90,                                                                                                                   0.97},
        {"source's CPU with 8 replicas, against one",     MEASURE_SOURCE,  "ackgate 8",  "ackgate 1", TARGET_RATIO,
         true,                                                                                                             1.05, 1.0 },
        {"source's CPU with 32 replicas, against one",    MEASURE_SOURCE,  "ackgate 32", "ackgate 1",
         TARGET_RATIO,                                                                                              true,  1.05, 1.0 },
        {"ackgate's CPU per further replica, of 8, µs",  MEASURE_FURTHER, "ackgate 8",  NULL,        TARGET_VALUE,
         true,                                                                                                             15,   8   },
        {"ackgate's CPU per further replica, of 32, µs", MEASURE_FURTHER, "ackgate 32", NULL,        TARGET_VALUE,
         true,                                                                                                             15,   8   },
    };
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
        comparison->targets[i] = targets[i];
}

static void compare(const char *counts, unsigned threads)
{
    static struct way ways[WAYS_MAX];
    static struct comparison comparison;
    size_t count = 0;
    comparison = (struct comparison){
        .test = "oltp_update_index",
        .threads = threads,
        .measures = {{"transactions", "/s", 0},
                     {"CPU of the source", "µs", 0},
                     {"CPU of ackgate", "µs", 0},
                     {"… per further replica", "µs", 1},
                     {"p95", "ms", 2}},
    };
    for (unsigned n = bench_next(&counts); n > 0 && count < COUNTS_MAX; n = bench_next(&counts), count++) {
        for (unsigned is_gated = 0; is_gated < 2; is_gated++) {
            ways[2 * count + is_gated] = (struct way){n, is_gated == 1};
            comparison.ways[2 * count + is_gated] =
                (struct comparison_way){way_name(is_gated == 1, n), run, &ways[2 * count + is_gated]};
        }
    }
    put_targets(&comparison);
    comparison_run(&comparison);
}

START_TEST(fanout)
{
    const char *replicas = getenv("REPLICAS");
    const char *list = bench_threads("32", "8,32");
    start_gated(bench_family());
    start_native(bench_family());
    report_begin("fanout", "writes with more and more replicas attached");
    for (unsigned threads = bench_next(&list); threads > 0; threads = bench_next(&list))
        compare(replicas != NULL && *replicas != '\0' ? replicas : "1,2,4,8,32", threads);
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("fanout", fanout);
}
