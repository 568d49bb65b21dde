/* The frame of a bench program: what the environment says, and its main function.
 *
 *     SERVER=mysql|mariadb   the family, MySQL without it
 *     FULL=1                 all tests and sizes; without it the few that fit into some minutes
 *     ROUNDS= SECONDS=       how often each way is measured, and for how long each time
 *     THREADS=1,8,32         of clients
 *     OUT=                   the JSON file, build/bench/figures.json without it (report.h) */
#ifndef ACKGATE_TEST_BENCH_BENCH_H
#define ACKGATE_TEST_BENCH_BENCH_H

#include <stdbool.h>

#include <check.h>

#include "test/lib/server.h"

enum { ROUNDS_MAX = 100 };

enum family bench_family(void);
bool bench_is_full(void);
/* Five in full, three without; a second each. */
unsigned bench_rounds(void);
unsigned bench_seconds(void);

/* A number from the environment, 1 to max; what it is without one. Ends the program when it is something
 * else. */
unsigned bench_setting(const char *name, unsigned otherwise, unsigned max);
/* $THREADS, or the list for the quick form, or for the full one. */
const char *bench_threads(const char *quick, const char *full);
/* Whether a comma-separated list in the environment has the name, or is not there at all. */
bool bench_wants(const char *variable, const char *name);
/* The next of such a list: 0 at its end. */
unsigned bench_next(const char **list);

/* Runs the one test of a bench in this process, so that it may read what main() set. Returns the exit code.
 */
int bench_main(const char *name, const TTest *test);

#endif
