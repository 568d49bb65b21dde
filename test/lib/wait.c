/* Polling for conditions, see wait.h. */
#include "test/lib/wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/lib/sql.h"

enum { POLL_MIN_MS = 2, POLL_MAX_MS = 20 };

uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

double wait_factor(void)
{
    const char *text = getenv("WAIT_FACTOR");
    double factor = text ? strtod(text, NULL) : 1;

    return factor > 0 ? factor : 1;
}

bool wait_for(wait_condition condition, void *arg, double seconds)
{
    uint64_t end = now_ms() + (uint64_t)(seconds * wait_factor() * 1000);
    unsigned pause = POLL_MIN_MS;

    while (!condition(arg)) {
        if (now_ms() >= end)
            return false;
        sleep_ms(pause);
        pause = pause * 2 < POLL_MAX_MS ? pause * 2 : POLL_MAX_MS;
    }
    return true;
}

void wait_until_at(struct place where, wait_condition condition, void *arg, double seconds, const char *what)
{
    if (!wait_for(condition, arg, seconds))
        fail_at(where, "waited %.0f s for %s", seconds * wait_factor(), what);
}

void assert_stays_false_at(struct place where, wait_condition condition, void *arg, unsigned ms,
                           const char *what)
{
    uint64_t end = now_ms() + ms;

    do {
        if (condition(arg))
            fail_at(where, "came true, but must not: %s", what);
        sleep_ms(5);
    } while (now_ms() < end);
}

struct sql_wait {
    struct sql *conn;
    const char *query;
    const char *expected;
    char last[2048];
};

static bool has_expected(void *arg)
{
    struct sql_wait *wait = arg;

    sql_peek(wait->conn, wait->query, wait->last, sizeof wait->last);
    return strcmp(wait->last, wait->expected) == 0;
}

void wait_sql_at(struct place where, struct sql *conn, const char *query, const char *expected,
                 double seconds)
{
    struct sql_wait wait = {.conn = conn, .query = query, .expected = expected};

    if (!wait_for(has_expected, &wait, seconds))
        fail_at(where, "waited %.0f s for \"%s\" to give \"%s\", last \"%s\"", seconds * wait_factor(), query,
                expected, wait.last);
}
