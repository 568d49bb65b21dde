/* What a commit costs: sysbench straight to a source that waits for one native semi-sync ack of two replicas,
 * and through ackgate with the rule ANY 1 of two, in alternating rounds. The replicas' appliers are stopped,
 * so that they do not eat the machine.
 *
 *     SERVER=mariadb THREADS=1,8,32 ROUNDS=7 SECONDS=3 TEST=oltp_update_index build/bench/commits
 *
 * Prints a line of a Markdown table for each number of threads. */
#include <stdio.h>
#include <stdlib.h>

#include "test/bench/figures.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

struct rounds {
    double native[ROUNDS_MAX]; /* transactions per second */
    double gated[ROUNDS_MAX];
    double ratio[ROUNDS_MAX];
    double p95_ratio[ROUNDS_MAX];
    double cpu_us[ROUNDS_MAX]; /* of ackgate, for each transaction */
};

static const char *test;
static unsigned round_count;
static unsigned seconds;

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
    sql_exec(server_admin(source), "CREATE DATABASE bench"); /* which already waits for an ack */
    figures_prepare(source->port);
    return source;
}

static struct topology *start_gated(enum family family)
{
    struct topology *t = topology_start(family, "ANY 1 (r1, r2)", 2);
    sql_exec(gate_app(t->gate), "CREATE DATABASE bench");
    figures_prepare(t->gate->app_port);
    for (int i = 0; i < 2; i++)
        replica_stop_applier(t->replica[i]);
    return t;
}

static void measure_round(const struct server *native, const struct gate *gate, unsigned threads, unsigned i,
                          struct rounds *rounds)
{
    struct figures_load direct = {test, native->port, threads, seconds};
    struct figures_load through = {test, gate->app_port, threads, seconds};
    struct figures_run before = figures_load(&direct);
    double cpu_s = figures_cpu_s(gate->pid);
    struct figures_run after = figures_load(&through);
    rounds->native[i] = before.per_second;
    rounds->gated[i] = after.per_second;
    rounds->ratio[i] = after.per_second / before.per_second;
    rounds->p95_ratio[i] = after.p95_ms / before.p95_ms;
    rounds->cpu_us[i] = (figures_cpu_s(gate->pid) - cpu_s) / (after.per_second * seconds) * 1e6;
}

static void measure(const struct server *native, const struct gate *gate, unsigned threads)
{
    struct rounds rounds;
    for (unsigned i = 0; i < round_count; i++)
        measure_round(native, gate, threads, i, &rounds);
    double ratio = figures_median(rounds.ratio, round_count);
    printf("| %s | %s | %u | %.0f | %.0f | %.2f | %.2f–%.2f | %.2f | %.0f |\n", family_name(figures_family()),
           test, threads, figures_median(rounds.native, round_count),
           figures_median(rounds.gated, round_count), ratio, rounds.ratio[0], rounds.ratio[round_count - 1],
           figures_median(rounds.p95_ratio, round_count), figures_median(rounds.cpu_us, round_count));
    fflush(stdout);
}

START_TEST(commits)
{
    const char *list = getenv("THREADS") == NULL ? "1,8,32" : getenv("THREADS");
    struct topology *t = start_gated(figures_family());
    struct server *native = start_native(figures_family());
    for (unsigned threads = figures_next(&list); threads > 0; threads = figures_next(&list))
        measure(native, t->gate, threads);
}
END_TEST

int main(void)
{
    test = getenv("TEST") == NULL ? "oltp_update_index" : getenv("TEST");
    round_count = figures_setting("ROUNDS", 7, ROUNDS_MAX);
    seconds = figures_setting("SECONDS", 3, 600);
    puts("| server | test | threads | native semi-sync /s | ackgate /s | ratio, median | ratio, range | p95 "
         "ratio | ackgate CPU µs |\n|---|---|---|---|---|---|---|---|---|");
    return figures_main("commits", commits);
}
