/* What the benches count with: medians of rounds, a process's CPU time, sysbench's figures. */
#ifndef ACKGATE_TEST_BENCH_FIGURES_H
#define ACKGATE_TEST_BENCH_FIGURES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <check.h>

#include "test/lib/server.h"

enum { ROUNDS_MAX = 100 };

/* Sorts the values. */
double figures_median(double *values, size_t count);

/* What the process has used so far, in seconds, user and system. */
double figures_cpu_s(pid_t pid);

/* A number from the environment, 1 to max; what it is without one. Ends the program when it is something
 * else. */
unsigned figures_setting(const char *name, unsigned otherwise, unsigned max);
/* The next of a list such as "1,8,32": 0 at its end. */
unsigned figures_next(const char **list);
/* $SERVER; MySQL without it. */
enum family figures_family(void);

/* Database `bench` with sysbench's table of 10,000 rows, made over this port of 127.0.0.1 by user app. */
void figures_prepare(uint16_t port);

struct figures_load {
    const char *test; /* of sysbench, with options of its own: "oltp_point_select --db-ps-mode=disable" */
    uint16_t port;
    unsigned threads;
    unsigned seconds;
};

struct figures_run {
    double per_second; /* transactions */
    double p95_ms;
};

/* Ends the program when sysbench does not run to its end. */
struct figures_run figures_load(const struct figures_load *load);

/* Runs the one test of a bench in this process, so that it may read what main() set. Returns the exit code.
 */
int figures_main(const char *name, const TTest *test);

#endif
