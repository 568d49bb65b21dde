/* The frame of an end-to-end test program:
 *
 *     START_TEST(commit_waits_for_quorum)
 *     {
 *         struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
 *         …
 *     }
 *     END_TEST
 *
 *     int main(void)
 *     {
 *         Suite *suite = suite_create("quorum");
 *         e2e_add(suite, "quorum", commit_waits_for_quorum);
 *         return e2e_main(suite);
 *     }
 *
 * Each test runs once per server family in a process of its own. Environment: SERVER=mysql|mariadb|both,
 * LONG=1 for full sizes, KEEP=1 keeps all directories (KEEP=failed those of failed tests), CK_RUN_CASE=name
 * one case, CK_VERBOSITY=verbose, WAIT_FACTOR multiplies all limits. */
#ifndef ACKGATE_TEST_RUNNER_H
#define ACKGATE_TEST_RUNNER_H

#include <check.h>
#include <stdbool.h>

#include "test/lib/server.h"

/* Inside of a test: the family of this run. */
#define TEST_FAMILY ((enum family)_i)

/* Seconds a test may take before Check kills it; e2e_add_within() is for long ones. */
#define E2E_TIMEOUT 120.0

/* One case per test, named so that CK_RUN_CASE finds it; run for each family that SERVER names. */
void e2e_add(Suite *suite, const char *name, const TTest *test);
void e2e_add_within(Suite *suite, const char *name, const TTest *test, double seconds);
/* For one family only. */
void e2e_add_family(Suite *suite, const char *name, const TTest *test, enum family family);
/* Runs the suite; returns the program's exit code. The last line is Check's own sum. */
int e2e_main(Suite *suite);

/* True under `make test-long` (LONG=1); e2e_scale() is the full size there and a tenth otherwise, at least 1.
 */
bool e2e_is_long(void);
long e2e_scale(long full_size);

#endif
