/* A replica that catches up 5 GB (500 MB in quick runs): how fast ackgate sends against the source itself,
 * what it costs either, and what live commits notice of it. All files lie in the page cache.
 *
 *     SERVER=mariadb build/bench/catch_up */
#include <stdio.h>
#include <stdlib.h>

#include "test/bench/catching_up.h"
#include "test/bench/comparison.h"
#include "test/bench/history.h"
#include "test/bench/report.h"
#include "test/bench/room.h"
#include "test/bench/sysbench.h"
#include "test/lib/place.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum {
    FULL_MIB = 5000,
    QUICK_MIB = 500,
    SMALL_PART = 10,         /* of it, in small events */
    NETWORK_MIB_PER_S = 119, /* 1 Gbit/s */
    LIVE_THREADS = 8,
    LIVE_SECONDS_MIN = 2,
};

static struct topology *t;

static unsigned history_mib(void)
{
    return bench_setting("MIB", bench_is_full() ? FULL_MIB : QUICK_MIB, 100000);
}

/* ---- how fast ---- */

enum measure { MEASURE_RATE, MEASURE_EVENTS, MEASURE_SENDER, MEASURE_SOURCE };

static void run_once(void *argument, const struct comparison *comparison, double *ret_values)
{
    bool is_gated = *(const bool *)argument;
    (void)comparison;
    double source_s = figures_cpu_s(t->source->pid), gate_s = figures_cpu_s(t->gate->pid);
    struct catching_up_figures figures =
        catching_up_once(t->family, is_gated ? t->gate->replication_port : t->source->port);
    source_s = figures_cpu_s(t->source->pid) - source_s;
    gate_s = figures_cpu_s(t->gate->pid) - gate_s;
    ret_values[MEASURE_RATE] = figures.mib / figures.seconds;
    ret_values[MEASURE_EVENTS] = figures.events / figures.seconds / 1000;
    ret_values[MEASURE_SENDER] = (is_gated ? gate_s : source_s) / figures.mib * 1e6;
    ret_values[MEASURE_SOURCE] = source_s / figures.mib * 1e6;
}

static void compare_speed(const char *test)
{
    static const bool is_gated[] = {false, true};
    comparison_run(&(struct comparison){
        .test = test,
        .baseline = "source",
        .measures = {{"sent", "MiB/s", 0},
                     {"events", "thousand/s", 0},
                     {"CPU of the sender", "µs/MiB", 0},
                     {"CPU of the source", "µs/MiB", 0}},
        .ways = {{"source", run_once, (void *)(uintptr_t)&is_gated[0]},
                     {"ackgate", run_once, (void *)(uintptr_t)&is_gated[1]}                   },
        .targets = {{"catch-up, against the source's own sending", MEASURE_RATE, "ackgate", "source",
                     TARGET_RATIO, false, 0.8, 1.5},
                     {"source's CPU while ackgate sends, against its own sending", MEASURE_SOURCE, "ackgate",
                     "source", TARGET_RATIO, true, 0.05, 0.01}}
    });
}

/* ---- beside live commits ---- */

struct live {
    enum { NOBODY, FROM_SOURCE, FROM_ACKGATE } from;
    unsigned mib_per_s;
};

static void run_live(void *argument, const struct comparison *comparison, double *ret_values)
{
    const struct live *live = argument;
    unsigned seconds = bench_seconds() < LIVE_SECONDS_MIN ? LIVE_SECONDS_MIN : bench_seconds();
    struct sysbench_load load = {.test = comparison->test,
                                 .port = t->gate->app_port,
                                 .threads = comparison->threads,
                                 .seconds = seconds};
    uint16_t port = live->from == FROM_SOURCE ? t->source->port : t->gate->replication_port;
    struct catching_up *replica =
        live->from == NOBODY ? NULL : catching_up_start(t->family, port, live->mib_per_s);
    double source_s = figures_cpu_s(t->source->pid);
    struct sysbench_figures figures = sysbench_run(&load);
    ret_values[0] = figures.per_second;
    ret_values[1] = figures.p95_ms;
    ret_values[2] = (figures_cpu_s(t->source->pid) - source_s) / figures.count * 1e6;
    if (replica != NULL) {
        struct catching_up_figures caught = catching_up_stop(replica);
        ret_values[3] = caught.mib / caught.seconds;
    }
}

static void compare_live(void)
{
    static const struct live lives[] = {
        {NOBODY,       0                },
        {FROM_SOURCE,  NETWORK_MIB_PER_S},
        {FROM_ACKGATE, NETWORK_MIB_PER_S},
        {FROM_SOURCE,  0                },
        {FROM_ACKGATE, 0                },
    };
    static const char *const names[] = {"alone", "from the source, 1 Gbit/s", "from ackgate, 1 Gbit/s",
                                        "from the source, full speed", "from ackgate, full speed"};
    static struct comparison comparison;
    comparison = (struct comparison){
        .test = "oltp_update_index",
        .threads = LIVE_THREADS,
        .baseline = names[0],
        .measures = {{"transactions", "/s", 0},
                     {"p95", "ms", 2},
                     {"CPU of the source", "µs", 0},
                     {"sent", "MiB/s", 0}},
        .targets = {{"live commits beside a replica that catches up at 1 Gbit/s", 0, names[2], names[0],
                     TARGET_RATIO, false, 0.95, 0.99},
                     {"the same at full speed, against one that the source serves", 0, names[4], names[3],
                     TARGET_RATIO, false, 1.0, 1.1}}
    };
    for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++)
        comparison.ways[i] = (struct comparison_way){names[i], run_live, (void *)(uintptr_t)&lives[i]};
    comparison_run(&comparison);
}

START_TEST(catch_up)
{
    unsigned mib = history_mib();
    room_take(mib * 5 / 2);
    t = history_topology(bench_family());
    report_begin("catch_up", "a replica that catches up");
    (void)history_fill(t->source, t->gate->app_port, HISTORY_LARGE_EVENTS, mib);
    compare_speed(place_format("%u MiB, events of 8 KB", mib));
    sysbench_prepare(t->gate->app_port);
    compare_live();
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("catch_up", catch_up);
}
