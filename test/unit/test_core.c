/* layer: proxy */
/*
 * The core, told as stories: what happened, line by line, and what it says to do about it.
 *
 * A story's transactions end at 100, 200, 300 … in file 1 and are numbered like that.
 */
#include "proxy/core.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct config_voter voters[] = {{.name = "r1"}, {.name = "r2"}, {.name = "r3"}};
enum { VOTERS = 3, R1 = 0, R2 = 1, R3 = 2 };

static struct core *core;
static struct core_actions actions;

static struct position at(uint64_t offset)
{
    return (struct position){1, offset};
}

static struct quorum rule(const char *text)
{
    struct quorum quorum;
    char error[256];
    ck_assert_int_eq(quorum_parse(text, voters, VOTERS, &quorum, error, sizeof(error)), RESULT_OK);
    return quorum;
}

static void start(const char *text)
{
    struct quorum quorum = rule(text);
    core = core_new(&quorum, VOTERS, POSITION_NONE);
}

static void end(void)
{
    core_free(&core);
}

static void step(struct core_input input)
{
    core_step(core, &input, &actions);
}

static void stored(uint64_t end_offset)
{
    struct core_transaction transaction = {
        .gtid = gtid_of_mariadb(0, 1, end_offset / 100),
        .end = at(end_offset),
    };
    step((struct core_input){.type = CORE_STORED, .transaction = transaction});
}

static void durable(uint64_t offset)
{
    step((struct core_input){.type = CORE_DURABLE, .position = at(offset)});
}

static void attached(uint32_t voter, uint64_t has)
{
    step((struct core_input){.type = CORE_ATTACHED, .voter = voter, .position = at(has)});
}

static void ack(uint32_t voter, uint64_t offset)
{
    step((struct core_input){.type = CORE_ACK, .voter = voter, .position = at(offset)});
}

static const struct core_action *find(enum core_action_type type)
{
    for (size_t i = 0; i < actions.count; i++)
        if (actions.items[i].type == type)
            return &actions.items[i];
    return NULL;
}

static void expect_nothing(void)
{
    ck_assert_uint_eq(actions.count, 0);
}

/* The last step confirmed exactly the transactions first … last, and released up to the last one's end. */
static void expect_confirmed(uint64_t first, uint64_t last)
{
    const struct core_action *confirm = find(CORE_CONFIRM);
    ck_assert_ptr_nonnull(confirm);
    ck_assert_uint_eq(confirm->position.offset, last * 100);
    ck_assert_uint_eq(confirm->gtid_count, last - first + 1);
    for (uint64_t i = first; i <= last; i++)
        ck_assert_uint_eq(confirm->gtids[i - first].mariadb.seq, i);
    const struct core_action *release = find(CORE_RELEASE);
    ck_assert_ptr_nonnull(release);
    ck_assert(position_equal(release->position, confirm->position));
    ck_assert(confirm < release); /* the journal and the gate learn before the source is acked */
}

START_TEST(nothing_is_confirmed_before_it_is_on_disk)
{
    start("ANY 1 (r1, r2)");
    attached(R1, 4);
    stored(100);
    ack(R1, 100);
    expect_nothing();
    durable(99);
    expect_nothing();
    durable(100);
    expect_confirmed(1, 1);
    end();
}
END_TEST

START_TEST(nothing_is_confirmed_before_the_quorum_has_it)
{
    start("ALL (r1, r2)");
    attached(R1, 4);
    attached(R2, 4);
    stored(100);
    stored(200);
    durable(200);
    ack(R1, 200);
    expect_nothing();
    ck_assert_uint_eq(core_missing_for(core, at(100)), 1u << R2);
    ack(R2, 100);
    expect_confirmed(1, 1);
    ack(R2, 199); /* in the middle of the second: no ack for it */
    expect_nothing();
    ack(R2, 200);
    expect_confirmed(2, 2);
    ck_assert_uint_eq(core_waiting_count(core), 0);
    end();
}
END_TEST

START_TEST(one_ack_confirms_a_batch)
{
    start("ANY 1 (r1)");
    attached(R1, 4);
    for (uint64_t i = 1; i <= 50; i++)
        stored(i * 100);
    durable(5000);
    ack(R1, 5000);
    expect_confirmed(1, 50);
    end();
}
END_TEST

START_TEST(only_the_named_voters_count)
{
    start("ANY 1 (r1, r2)");
    attached(R3, 4);
    stored(100);
    durable(100);
    ack(R3, 100);
    expect_nothing();
    end();
}
END_TEST

START_TEST(an_ack_of_somebody_who_is_not_attached_is_ignored)
{
    start("ANY 1 (r1)");
    stored(100);
    durable(100);
    ack(R1, 100);
    expect_nothing();
    end();
}
END_TEST

START_TEST(what_a_replica_brings_along_counts_as_acked)
{
    start("ANY 1 (r1, r2)");
    stored(100);
    stored(200);
    durable(200);
    attached(R2, 100);
    expect_confirmed(1, 1);
    end();
}
END_TEST

START_TEST(a_replica_that_lost_its_relay_log_no_longer_counts_for_it)
{
    start("ALL (r1, r2)");
    attached(R1, 4);
    attached(R2, 4);
    stored(100);
    durable(100);
    ack(R1, 100);
    step((struct core_input){.type = CORE_DETACHED, .voter = R1});
    attached(R1, 4); /* came back with nothing */
    ack(R2, 100);
    expect_nothing();
    ack(R1, 100);
    expect_confirmed(1, 1);
    end();
}
END_TEST

START_TEST(a_confirm_is_never_taken_back)
{
    start("ANY 1 (r1, r2)");
    attached(R1, 4);
    stored(100);
    durable(100);
    ack(R1, 100);
    expect_confirmed(1, 1);
    attached(R1, 4);
    struct quorum stricter = rule("ALL (r1, r2)");
    step((struct core_input){.type = CORE_RULE, .rule = &stricter});
    expect_nothing();
    ck_assert(position_equal(core_confirmed(core), at(100)));
    stored(100); /* sent again after a reconnection */
    ck_assert_uint_eq(core_waiting_count(core), 0);
    end();
}
END_TEST

START_TEST(a_looser_rule_confirms_at_once)
{
    start("ALL (r1, r2)");
    attached(R1, 4);
    stored(100);
    durable(100);
    ack(R1, 100);
    expect_nothing();
    struct quorum looser = rule("ANY 1 (r1, r2)");
    step((struct core_input){.type = CORE_RULE, .rule = &looser});
    expect_confirmed(1, 1);
    end();
}
END_TEST

/* While a rule is being journaled neither the old one nor the new one confirms alone. */
START_TEST(a_coming_rule_holds_with_the_old_one)
{
    start("ANY 1 (r1)");
    attached(R1, 4);
    attached(R2, 4);
    struct quorum second = rule("ANY 1 (r2)");
    struct quorum third = rule("ALL (r1, r2)");
    stored(100);
    stored(200);
    durable(200);
    step((struct core_input){.type = CORE_RULE_COMING, .rule = &second});
    ack(R1, 100);
    expect_nothing();
    ck_assert_uint_ne(core_missing_for(core, at(100)), 0);
    ack(R2, 100);
    expect_confirmed(1, 1);
    step((struct core_input){.type = CORE_RULE_COMING, .rule = &third});
    step((struct core_input){.type = CORE_RULE, .rule = &third}); /* the second one's turn */
    ack(R1, 200);
    expect_nothing();
    step((struct core_input){.type = CORE_RULE, .rule = &third});
    expect_nothing();
    ack(R2, 200);
    expect_confirmed(2, 2);
    end();
}
END_TEST

START_TEST(the_source_opens_when_its_tail_is_stored_and_confirmed)
{
    start("ANY 1 (r1)");
    attached(R1, 4);
    step((struct core_input){.type = CORE_TAIL, .position = at(250)});
    expect_nothing();
    stored(100);
    stored(200);
    durable(200);
    ack(R1, 200);
    expect_confirmed(1, 2);
    ck_assert_ptr_null(find(CORE_ADMIT)); /* its tail is at 250 and not here yet */
    durable(250);
    ck_assert_ptr_nonnull(find(CORE_ADMIT));
    ck_assert_int_eq(core_source_state(core), CORE_SOURCE_OPEN);
    stored(300);
    durable(300);
    ck_assert_ptr_null(find(CORE_SHUT)); /* a waiting commit does not close it again */
    end();
}
END_TEST

START_TEST(a_tail_in_doubt_keeps_the_source_shut)
{
    start("ANY 1 (r1)");
    step((struct core_input){.type = CORE_TAIL, .position = at(100)});
    stored(100);
    durable(100);
    expect_nothing();
    attached(R1, 100);
    ck_assert_ptr_nonnull(find(CORE_ADMIT));
    step((struct core_input){.type = CORE_SOURCE, .source = CORE_SOURCE_DOWN});
    ck_assert_ptr_nonnull(find(CORE_SHUT));
    end();
}
END_TEST

START_TEST(a_long_history_is_taken_in_portions)
{
    start("ANY 1 (r1)");
    uint64_t total = CORE_QUEUE_MAX + 1000;
    for (uint64_t i = 1; i <= total; i++)
        stored(i * 100);
    ck_assert_uint_eq(core_waiting_count(core), CORE_QUEUE_MAX);
    ck_assert(!core_has_room(core));
    durable(total * 100);
    attached(R1, total * 100);
    ck_assert_uint_eq(core_confirmed(core).offset, (uint64_t)CORE_QUEUE_MAX * 100);
    const struct core_action *refill = find(CORE_REFILL);
    ck_assert_ptr_nonnull(refill);
    ck_assert_uint_eq(refill->position.offset, (uint64_t)CORE_QUEUE_MAX * 100);
    for (uint64_t i = CORE_QUEUE_MAX + 1; i <= total; i++)
        stored(i * 100);
    durable(total * 100);
    ck_assert_uint_eq(core_confirmed(core).offset, total * 100);
    end();
}
END_TEST

/* What was discarded waits no more, acks for it are gone, and other transactions come in its place. */
START_TEST(the_store_is_cut)
{
    start("ALL (r1, r2)");
    attached(R1, 0);
    attached(R2, 0);
    for (uint64_t offset = 100; offset <= 400; offset += 100)
        stored(offset);
    durable(400);
    step((struct core_input){.type = CORE_ACK, .voter = R1, .position = at(300)});
    step((struct core_input){.type = CORE_ACK, .voter = R2, .position = at(100)});
    ck_assert_uint_eq(core_confirmed(core).offset, 100);
    step((struct core_input){.type = CORE_CUT, .position = at(200)});
    expect_nothing();
    ck_assert_uint_eq(core_waiting_count(core), 1);
    ck_assert_uint_eq(core_acked(core, R1).offset, 200);
    step((struct core_input){.type = CORE_ACK, .voter = R2, .position = at(200)});
    ck_assert_uint_eq(core_confirmed(core).offset, 200);
    stored(300); /* another one */
    durable(300);
    expect_nothing();
    step((struct core_input){.type = CORE_ACK, .voter = R1, .position = at(300)});
    expect_nothing();
    step((struct core_input){.type = CORE_ACK, .voter = R2, .position = at(300)});
    ck_assert_uint_eq(core_confirmed(core).offset, 300);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core");
    TCase *tests = tcase_create("core");
    tcase_add_test(tests, nothing_is_confirmed_before_it_is_on_disk);
    tcase_add_test(tests, nothing_is_confirmed_before_the_quorum_has_it);
    tcase_add_test(tests, one_ack_confirms_a_batch);
    tcase_add_test(tests, only_the_named_voters_count);
    tcase_add_test(tests, an_ack_of_somebody_who_is_not_attached_is_ignored);
    tcase_add_test(tests, what_a_replica_brings_along_counts_as_acked);
    tcase_add_test(tests, a_replica_that_lost_its_relay_log_no_longer_counts_for_it);
    tcase_add_test(tests, a_confirm_is_never_taken_back);
    tcase_add_test(tests, a_looser_rule_confirms_at_once);
    tcase_add_test(tests, a_coming_rule_holds_with_the_old_one);
    tcase_add_test(tests, the_source_opens_when_its_tail_is_stored_and_confirmed);
    tcase_add_test(tests, a_tail_in_doubt_keeps_the_source_shut);
    tcase_add_test(tests, a_long_history_is_taken_in_portions);
    tcase_add_test(tests, the_store_is_cut);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
