/* Waiting for a condition instead of sleeping: polls every few ms, and fails the test with what it last saw.
 *
 * All limits are multiplied by the environment's WAIT_FACTOR (default 1; `make asan` sets 3). */
#ifndef ACKGATE_TEST_WAIT_H
#define ACKGATE_TEST_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "test/lib/fail.h"

struct sql;

typedef bool (*wait_condition)(void *arg);

#define WAIT_SECONDS 20.0

/* Monotonic time. */
uint64_t now_ms(void);
void sleep_ms(unsigned ms);
double wait_factor(void);

/* False when `seconds` passed without the condition becoming true. */
bool wait_for(wait_condition condition, void *arg, double seconds);

/* The same, failing the test with "waited … s for WHAT". */
#define wait_until(condition, arg, seconds, what) wait_until_at(HERE, condition, arg, seconds, what)
void wait_until_at(struct place where, wait_condition condition, void *arg, double seconds, const char *what);

/* Asserts that the condition stays false for `ms`: the one place where a test has to spend time. */
#define assert_stays_false(condition, arg, ms, what) assert_stays_false_at(HERE, condition, arg, ms, what)
void assert_stays_false_at(struct place where, wait_condition condition, void *arg, unsigned ms,
                           const char *what);

/* Repeats the query until its whole result, as sql_text() gives it (cells by tab, rows by newline, NULL as
 * "NULL"), is `expected`. An error counts as one more value to wait through. */
#define WAIT_SQL(conn, query, expected)              wait_sql_at(HERE, conn, query, expected, WAIT_SECONDS)
#define WAIT_SQL_FOR(conn, query, expected, seconds) wait_sql_at(HERE, conn, query, expected, seconds)
void wait_sql_at(struct place where, struct sql *conn, const char *query, const char *expected,
                 double seconds);

#endif
