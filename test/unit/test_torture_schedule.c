/* layer: protocol */
/* The schedule of the torture: a seed gives the same deeds again, and in the time of one run everything comes
 * up that can be done, to everybody. */
#include "test/torture/schedule.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 20, DEEDS_OF_A_LONG_RUN = 900 }; /* ten minutes, 0.6 s between two */

START_TEST(a_seed_gives_the_same_deeds)
{
    struct schedule a = schedule_new(7), b = schedule_new(7), c = schedule_new(8);
    unsigned different = 0;

    for (unsigned i = 0; i < 1000; i++) {
        struct deed one = schedule_next(&a), again = schedule_next(&b), other = schedule_next(&c);
        ck_assert(one.kind == again.kind && one.party == again.party && one.link == again.link &&
                  one.trouble == again.trouble && one.strength == again.strength &&
                  one.lasts_ms == again.lasts_ms && one.pause_ms == again.pause_ms);
        different += one.lasts_ms != other.lasts_ms;
    }
    ck_assert_uint_gt(different, 900);
}
END_TEST

START_TEST(everything_comes_up)
{
    struct schedule schedule = schedule_new((uint64_t)_i + 1);
    unsigned party[PARTIES][PARTY_DEEDS] = {{0}}, link[LINKS][TROUBLES] = {{0}}, kind[DEEDS] = {0};

    for (unsigned i = 0; i < DEEDS_OF_A_LONG_RUN; i++) {
        struct deed deed = schedule_next(&schedule);
        kind[deed.kind]++;
        if (deed.kind < PARTY_DEEDS)
            party[deed.party][deed.kind]++;
        else if (deed.kind == DEED_TROUBLE)
            link[deed.link][deed.trouble]++;
    }
    for (unsigned i = 0; i < DEEDS; i++)
        ck_assert_msg(kind[i] > 0, "seed %d: no deed %u", _i + 1, i);
    for (unsigned i = 0; i < PARTIES; i++)
        for (unsigned j = 0; j < PARTY_DEEDS; j++)
            ck_assert_msg(party[i][j] > 0, "seed %d: party %u, deed %u", _i + 1, i, j);
    for (unsigned i = 0; i < LINKS; i++)
        for (unsigned j = 0; j < TROUBLES; j++)
            ck_assert_msg(link[i][j] > 0, "seed %d: link %u, trouble %u", _i + 1, i, j);
}
END_TEST

/* Source and ackgate go down together: the deed on the source has no pause behind it. */
START_TEST(source_and_ackgate_fall_together)
{
    struct schedule schedule = schedule_new(1);
    unsigned together = 0;

    for (unsigned i = 0; i < 1000; i++) {
        struct deed deed = schedule_next(&schedule);
        if (deed.pause_ms > 0)
            continue;
        ck_assert_int_eq(deed.party, PARTY_SOURCE);
        deed = schedule_next(&schedule);
        ck_assert_uint_lt(deed.kind, PARTY_DEEDS);
        ck_assert_int_eq(deed.party, PARTY_GATE);
        ck_assert_uint_gt(deed.pause_ms, 0);
        together++;
    }
    ck_assert_uint_gt(together, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torture_schedule");
    TCase *tests = tcase_create("torture_schedule");

    tcase_add_test(tests, a_seed_gives_the_same_deeds);
    tcase_add_loop_test(tests, everything_comes_up, 0, SEEDS);
    tcase_add_test(tests, source_and_ackgate_fall_together);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
