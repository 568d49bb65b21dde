/* layer: proxy
 *
 * The whole pipeline (pipeline_fixture.h). Looked at is what an application's OK would meet at the gate.
 */
#include "pipeline_fixture.h"

/* ---- the tests ---- */

START_TEST(an_ok_passes_with_the_quorum_and_the_disk_together)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(3);
    assert_confirmed(0);
    wait_synced();
    assert_confirmed(0); /* on the disk, but with no replica */
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    assert_confirmed(2);
    source_sends(4);
    pipeline_on_ack(t.pipeline, R1, end_of(4));
    assert_confirmed(3); /* with a replica, but not all of it on the disk */
    wait_synced();
    assert_confirmed(4);
    stop();
}
END_TEST

START_TEST(all_that_the_rule_names_are_needed)
{
    start("ALL (r1, r2)");
    attach(R1, 0);
    attach(R2, 0);
    source_sends(3);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(3));
    assert_confirmed(0);
    pipeline_on_ack(t.pipeline, FANOUT_OBSERVER, end_of(3));
    assert_confirmed(0);
    pipeline_on_ack(t.pipeline, R2, end_of(1));
    assert_confirmed(1);
    pipeline_on_ack(t.pipeline, R2, end_of(3));
    assert_confirmed(3);
    stop();
}
END_TEST

/* What was confirmed stays so; what was not, waits on. */
START_TEST(a_restart_forgets_nothing)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(4);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    close_pipeline();
    for (int i = 0; i < 2; i++) {
        open_pipeline();
        assert_confirmed(2);
        ck_assert_uint_eq(core_waiting_count(t.pipeline->core), 2);
        if (i == 0)
            close_pipeline();
    }
    attach(R2, 4); /* it turns out to have everything */
    wait_synced();
    assert_confirmed(4);
    stop();
}
END_TEST

/* It lost its relay log: what it acked and does not have any more counts no longer. */
START_TEST(a_replica_that_comes_back_with_less_is_asked_again)
{
    start("ANY 1 (r1, r2)");
    attach(R1, 0);
    source_sends(1);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(1));
    source_sends(3);
    pipeline_on_ack(t.pipeline, R1, end_of(3));
    pipeline_on_detached(t.pipeline, 1, R1, end_of(3));
    attach(R1, 1);
    wait_synced();
    assert_confirmed(1);
    pipeline_on_ack(t.pipeline, R1, end_of(3));
    assert_confirmed(3);
    stop();
}
END_TEST

/* A confirm is for ever, whoever goes. */
START_TEST(a_detached_replica_takes_nothing_back)
{
    start("MAJORITY (r1, r2)");
    attach(R1, 0);
    attach(R2, 0);
    source_sends(2);
    wait_synced();
    pipeline_on_ack(t.pipeline, R1, end_of(2));
    pipeline_on_ack(t.pipeline, R2, end_of(1));
    assert_confirmed(1);
    pipeline_on_detached(t.pipeline, 2, R2, end_of(2));
    assert_confirmed(1);
    attach(R2, 0);
    assert_confirmed(1);
    pipeline_on_ack(t.pipeline, R2, end_of(2));
    assert_confirmed(2);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *tests = tcase_create("pipeline");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_ok_passes_with_the_quorum_and_the_disk_together);
    tcase_add_test(tests, all_that_the_rule_names_are_needed);
    tcase_add_test(tests, a_restart_forgets_nothing);
    tcase_add_test(tests, a_replica_that_comes_back_with_less_is_asked_again);
    tcase_add_test(tests, a_detached_replica_takes_nothing_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
