/* What a commit costs: sysbench straight to a source that waits for one native semi-sync ack of two replicas,
 * and through ackgate with the rule ANY 1 of two. The replicas' appliers are stopped, so that they do not eat
 * the machine.
 *
 *     SERVER=mariadb THREADS=1,8,32 ROUNDS=7 SECONDS=3 TEST=oltp_update_index build/bench/commits */
#include <stdio.h>
#include <stdlib.h>

#include "test/bench/comparison.h"
#include "test/bench/report.h"
#include "test/bench/sysbench.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

/* A source with two replicas of its own, without ackgate. */
static struct server *start_native(enum family family)
{
    struct server *source = server_new(family, "native", NULL);
    server_start(source);
    source_enable_semisync(source, 1);
    for (int i = 0; i < 2; i++) {
        struct server *replica = server_new(family, i == 0 ? "n1" : "n2", NULL);
        server_start(replica);
        replica_attach(replica, "127.0.0.1", source->port, "repl", "repl-pw", REPLICA_GTID);
        replica_wait_streaming(replica);
        replica_stop_applier(replica);
    }
    sysbench_prepare(source->port);
    return source;
}

static struct topology *start_gated(enum family family)
{
    struct topology *t = topology_start(family, "ANY 1 (r1, r2)", 2);
    sysbench_prepare(t->gate->app_port);
    for (int i = 0; i < 2; i++)
        replica_stop_applier(t->replica[i]);
    return t;
}

struct way {
    uint16_t port;
    pid_t pid;
};

static void run(void *argument, const struct comparison *comparison, double *ret_values)
{
    const struct way *way = argument;
    struct sysbench_load load = {comparison->test, way->port, comparison->threads,
                                 bench_seconds(),  false,     false};
    double cpu_s = way->pid == 0 ? 0 : figures_cpu_s(way->pid);
    struct sysbench_figures figures = sysbench_run(&load);
    ret_values[0] = figures.per_second;
    ret_values[1] = figures.p95_ms;
    if (way->pid != 0)
        ret_values[2] = (figures_cpu_s(way->pid) - cpu_s) / figures.count * 1e6;
}

START_TEST(commits)
{
    const char *test = getenv("TEST") == NULL ? "oltp_update_index" : getenv("TEST");
    const char *list = bench_threads("1,8,32", "1,8,32,64,128");
    struct topology *t = start_gated(bench_family());
    struct way native = {start_native(bench_family())->port, 0};
    struct way ackgate = {t->gate->app_port, t->gate->pid};
    report_begin("commits", "sysbench writes until the acks are there");
    for (unsigned threads = bench_next(&list); threads > 0; threads = bench_next(&list))
        comparison_run(&(struct comparison){
            .test = test,
            .threads = threads,
            .baseline = "native",
            .measures = {{"transactions", "/s", 0},     {"p95", "ms", 2}, {"CPU of ackgate", "µs", 0}},
            .ways = {{"native", run, &native}, {"ackgate", run, &ackgate}},
            .targets = {{.text = "commits against native semi-sync",
                         .way = "ackgate",
                         .against = "native",
                         .kind = TARGET_RATIO,
                         .must = 0.85,
                         .proud = 1.0}     }
        });
    report_end();
}
END_TEST

int main(void)
{
    return bench_main("commits", commits);
}
