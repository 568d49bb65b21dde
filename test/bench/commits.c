/* What a commit costs: sysbench's writes through ackgate, and through what else makes commits safe or does
 * not, each on a source with two replicas of its own.
 *
 *     SERVER=mariadb THREADS=1,8,32 ROUNDS=7 SECONDS=3 build/bench/commits
 *     TESTS=oltp_insert WAYS=native,ackgate …     only these
 *     ACKS=2                                      of both replicas (MySQL)
 *     REPLICAS=applying|parked                    only the part with replicas that apply, or the other
 *
 * One thread is measured on one core, in full also on all. */
#include <stdlib.h>
#include <string.h>

#include "test/bench/comparison.h"
#include "test/bench/report.h"
#include "test/bench/site.h"
#include "test/bench/sysbench.h"
#include "test/lib/place.h"

enum measure { MEASURE_RATE, MEASURE_MEAN, MEASURE_P95, MEASURE_SOURCE_CPU, MEASURE_BETWEEN_CPU };

struct way {
    const char *name;
    enum site_kind kind;
    bool is_in_all; /* measured also where only the most important ones are */
};

static const struct way parked_ways[] = {
    {"native",       SITE_NATIVE, true},
    {"asynchronous",          SITE_ASYNC, false},
    {"relay", SITE_RELAY, true},
    {"durable",         SITE_DURABLE, false},
    {"ackgate",        SITE_ACKGATE, true},
    {"ackgate-os",          SITE_ACKGATE_OS, false},
    {NULL     },
};

static const struct way applying_ways[] = {
    {"native",            SITE_NATIVE, true},
    {"Group Replication",               SITE_GROUP, true},
    {"ackgate", SITE_ACKGATE, true},
    {NULL              },
};

static struct site *sites[WAYS_MAX]; /* as the list of ways that is measured */
static const char *sysbench_test;

static void run(void *argument, const struct comparison *comparison, double *ret_values)
{
    struct site *site = argument;
    struct sysbench_load load = {.test = sysbench_test,
                                 .port = site->port,
                                 .threads = comparison->threads,
                                 .seconds = bench_seconds()};
    double source_s = figures_cpu_s(site->source->pid);
    double between_s = site_between_cpu_s(site);
    struct sysbench_figures figures = sysbench_run(&load);
    ret_values[MEASURE_RATE] = figures.per_second;
    ret_values[MEASURE_MEAN] = figures.mean_ms * 1000;
    ret_values[MEASURE_P95] = figures.p95_ms * 1000;
    ret_values[MEASURE_SOURCE_CPU] = (figures_cpu_s(site->source->pid) - source_s) / figures.count * 1e6;
    ret_values[MEASURE_BETWEEN_CPU] = (site_between_cpu_s(site) - between_s) / figures.count * 1e6;
    site_wait_idle(site);
}

static void add_target(struct comparison *comparison, struct comparison_target target)
{
    size_t i = 0;
    while (comparison->targets[i].text != NULL)
        i++;
    target.way = "ackgate";
    comparison->targets[i] = target;
}

/* Of what has to be reached at one thread, on one core. */
static void add_latency_targets(struct comparison *comparison)
{
    add_target(comparison, (struct comparison_target){.text = "added latency, µs",
                                                      .measure = MEASURE_MEAN,
                                                      .against = "native",
                                                      .kind = TARGET_DIFFERENCE,
                                                      .is_at_most = true,
                                                      .must = 180,
                                                      .proud = 140});
    add_target(comparison, (struct comparison_target){.text = "p95 against native",
                                                      .measure = MEASURE_P95,
                                                      .against = "native",
                                                      .kind = TARGET_RATIO,
                                                      .is_at_most = true,
                                                      .must = 1.35,
                                                      .proud = 1.2});
}

static void add_cpu_target(struct comparison *comparison, double must, double proud)
{
    add_target(comparison, (struct comparison_target){.text = "CPU of ackgate, µs a transaction",
                                                      .measure = MEASURE_BETWEEN_CPU,
                                                      .kind = TARGET_VALUE,
                                                      .is_at_most = true,
                                                      .must = must,
                                                      .proud = proud});
}

static void add_ratio_target(struct comparison *comparison, const char *text, const char *against,
                             double must, double proud)
{
    add_target(comparison,
               (struct comparison_target){
                   .text = text, .against = against, .kind = TARGET_RATIO, .must = must, .proud = proud});
}

static void add_targets(struct comparison *comparison, bool is_applying)
{
    if (is_applying) {
        add_ratio_target(comparison, "commits against Group Replication", "Group Replication", 1.0, 1.3);
        return;
    }
    if (comparison->threads > 1 || comparison->is_one_core)
        add_ratio_target(comparison, "commits against native semi-sync", "native", 0.85, 1.0);
    add_ratio_target(comparison, "commits against the do-nothing relay", "relay", 1.0, 1.1);
    if (comparison->is_one_core)
        add_latency_targets(comparison);
    if (comparison->threads == 32)
        add_ratio_target(comparison, "durable acks: against sync_relay_log=1", "durable", 5, 6);
    if (strcmp(comparison->test, "oltp_write_only") != 0 && comparison->threads == 1)
        add_cpu_target(comparison, 80, 65);
    if (strcmp(comparison->test, "oltp_write_only") != 0 && comparison->threads == 32)
        add_cpu_target(comparison, 50, 40);
}

static void measure(const struct way *ways, const char *test, unsigned threads, bool is_one_core, bool is_all)
{
    struct comparison comparison = {
        .test = ways == applying_ways ? place_format("%s, applying", test) : test,
        .threads = threads,
        .is_one_core = is_one_core,
        .baseline = "native",
        .measures = {{"transactions", "/s", 0},
                     {"latency, mean", "µs", 0},
                     {"latency, p95", "µs", 0},
                     {"CPU of the source", "µs a transaction", 0},
                     {"CPU between", "µs a transaction", 0}},
    };
    size_t count = 0;
    sysbench_test = test;
    for (size_t i = 0; ways[i].name != NULL; i++)
        if (sites[i] != NULL && (is_all || ways[i].is_in_all))
            comparison.ways[count++] = (struct comparison_way){ways[i].name, run, sites[i]};
    add_targets(&comparison, ways == applying_ways);
    comparison_run(&comparison);
}

static void start_sites(const struct way *ways)
{
    for (size_t i = 0; ways[i].name != NULL; i++) {
        bool is_possible = ways[i].kind != SITE_GROUP || bench_family() == FAMILY_MYSQL;
        sites[i] = NULL;
        if (is_possible && bench_wants("WAYS", ways[i].name))
            sites[i] =
                site_start(ways[i].kind, bench_setting("ACKS", 1, SITE_REPLICAS), ways == applying_ways);
    }
}

static void stop_sites(void)
{
    for (size_t i = 0; i < WAYS_MAX; i++) {
        if (sites[i] != NULL)
            site_stop(sites[i]);
        sites[i] = NULL;
    }
}

static void measure_threads(const struct way *ways, const char *test, const char *threads, bool is_all)
{
    for (unsigned count = bench_next(&threads); count > 0; count = bench_next(&threads)) {
        measure(ways, test, count, count == 1, is_all);
        if (count == 1 && bench_is_full())
            measure(ways, test, count, false, is_all);
    }
}

static void measure_parked(void)
{
    start_sites(parked_ways);
    if (bench_wants("TESTS", "oltp_update_index"))
        measure_threads(parked_ways, "oltp_update_index", bench_threads("1,8,32", "1,8,32,64,128"), true);
    if (bench_is_full() || getenv("TESTS") != NULL) {
        if (bench_wants("TESTS", "oltp_insert"))
            measure_threads(parked_ways, "oltp_insert", bench_threads("8", "1,8,32,64"), false);
        if (bench_wants("TESTS", "oltp_write_only"))
            measure_threads(parked_ways, "oltp_write_only", bench_threads("8", "1,8,32,64"), false);
    }
    stop_sites();
}

static void measure_applying(void)
{
    start_sites(applying_ways);
    measure_threads(applying_ways, "oltp_update_index", bench_threads("8", "1,8,32,64"), true);
}

START_TEST(commits)
{
    report_begin("commits", "sysbench's writes until their acks are there");
    if (bench_wants("REPLICAS", "parked"))
        measure_parked();
    if (bench_wants("REPLICAS", "applying"))
        measure_applying();
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("commits", commits);
}
