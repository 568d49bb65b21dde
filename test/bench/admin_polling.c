/* What admin clients cost: commits per second with and without clients that read every table of the admin
 * port in a loop, in alternating rounds on one topology of real servers.
 *
 *     build/bench/admin_polling [CLIENTS [ROUNDS [SECONDS]]]      50 10 4, of SERVER=mysql|mariadb
 *
 * The clients run on the same machine, so their own work counts too. The replicas receive and ack, but do not
 * apply. */
#include <stdio.h>
#include <stdlib.h>

#include "test/bench/bench.h"
#include "test/bench/figures.h"
#include "test/lib/load.h"
#include "test/lib/pollers.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { WRITERS = 16 };

static long clients = 50;
static long rounds = 10;
static long seconds = 4;

static double commits_per_second(struct load *load)
{
    uint64_t before = load_oks(load);
    uint64_t began = now_ms();
    sleep_ms((unsigned)seconds * 1000);
    return (double)(load_oks(load) - before) * 1000 / (double)(now_ms() - began);
}

/* A pair of rounds; which of the two comes first changes. */
static double measure_pair(struct load *load, struct pollers *pollers, bool is_polled_first)
{
    double rate[2];
    uint64_t queries = pollers_queries(pollers);
    for (int i = 0; i < 2; i++) {
        bool is_polled = (i == 0) == is_polled_first;
        pollers_set_active(pollers, is_polled);
        sleep_ms(300);
        rate[is_polled] = commits_per_second(load);
        pollers_set_active(pollers, false);
    }
    queries = pollers_queries(pollers) - queries;
    printf("  %7.0f commits/s, polled %7.0f: %+5.1f %%   (%.0f admin queries/s)\n", rate[0], rate[1],
           (rate[1] / rate[0] - 1) * 100, (double)queries / ((double)seconds + 0.3));
    fflush(stdout);
    return rate[1] / rate[0];
}

START_TEST(polling)
{
    double ratio[ROUNDS_MAX];
    enum family family = bench_family();
    struct topology *t = topology_start(family, "ANY 1 (r1, r2)", 2);
    struct load *load = load_start(t->gate, WRITERS);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_applier(t->replica[i]);
    struct pollers *pollers = pollers_start(t->gate, (unsigned)clients);
    load_wait_oks(load, 1000);
    printf("%s, %d writers, %ld admin clients, %ld pairs of %ld s\n", family_name(family), WRITERS, clients,
           rounds, seconds);
    for (long i = 0; i < rounds; i++)
        ratio[i] = measure_pair(load, pollers, i % 2 == 1);
    pollers_stop(pollers);
    load_stop(load);
    printf("median change: %+.1f %%\n", (figures_median(ratio, (size_t)rounds) - 1) * 100);
}
END_TEST

static long argument(int argc, char **argv, int index, long fallback, long max)
{
    long value = index < argc ? atol(argv[index]) : fallback;
    return value < 1 ? 1 : value > max ? max : value;
}

int main(int argc, char **argv)
{
    clients = argument(argc, argv, 1, clients, POLLERS_MAX);
    rounds = argument(argc, argv, 2, rounds, ROUNDS_MAX);
    seconds = argument(argc, argv, 3, seconds, 600);
    return bench_main("admin_polling", polling);
}
