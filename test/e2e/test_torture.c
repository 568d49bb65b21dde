/* Torture (test/torture): clients append and read while everything is killed, stopped, cut off and filled,
 * and a checker decides from what they did and saw. And the proof that it would notice: the same last act
 * without ackgate, where semi-sync alone loses what was seen, and on MySQL what was answered with OK.
 *
 * TORTURE_SECONDS (45; 600 with LONG=1) and SEED (another one each time) as with `make torture`. */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "test/lib/runner.h"
#include "test/torture/torture.h"

enum { SECONDS = 45, LONG_SECONDS = 600, REST_SECONDS = 400 };

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static unsigned seconds(void)
{
    return (unsigned)number_of("TORTURE_SECONDS", e2e_is_long() ? LONG_SECONDS : SECONDS);
}

START_TEST(nothing_is_lost)
{
    struct torture_options options = {
        .family = TEST_FAMILY, .seconds = seconds(), .seed = number_of("SEED", (unsigned long)time(NULL))};
    struct findings findings;

    if (!server_has_atomic_ddl(TEST_FAMILY))
        return;
    torture_run(&options, &findings);
    ck_assert_msg(findings.total == 0, "seed %llu: %zu anomalies, the first: %s: %s",
                  (unsigned long long)options.seed, findings.total, anomaly_name(findings.finding[0].anomaly),
                  findings.finding[0].text);
    ck_assert_uint_gt(findings.ok, 0);
    ck_assert_uint_gt(findings.reads, 0);
}
END_TEST

START_TEST(without_ackgate_it_is_seen)
{
    struct torture_options options = {.family = TEST_FAMILY, .without_ackgate = true, .seed = 1};
    struct findings findings;

    if (!server_has_atomic_ddl(TEST_FAMILY))
        return;
    torture_run(&options, &findings);
    ck_assert_uint_gt(findings.of_kind[ANOMALY_SEEN_GONE], 0);
    if (TEST_FAMILY == FAMILY_MYSQL)
        ck_assert_uint_gt(findings.of_kind[ANOMALY_LOST], 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torture");

    e2e_add_within(suite, "torture", nothing_is_lost, seconds() + REST_SECONDS);
    e2e_add_within(suite, "without_ackgate", without_ackgate_it_is_seen, REST_SECONDS);
    return e2e_main(suite);
}
