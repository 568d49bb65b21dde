/* layer: recovery */
/* What records do to the state, that records and states survive their bytes, and what counts as exposed. */
#include "test/unit/journal_fixture.h"

static void apply(struct journal_state *state, const struct journal_record *record)
{
    ck_assert_int_eq(journal_state_apply(state, record, state->sequence + 1, 5000), RESULT_OK);
}

static void apply_all(struct journal_state *state)
{
    journal_state_init(state);
    for (size_t i = 0; i < JOURNAL_TEST_RECORDS; i++)
        apply(state, &journal_test_records[i]);
}

START_TEST(each_record_leaves_its_mark)
{
    struct journal_state state;
    apply_all(&state);
    ck_assert_uint_eq(state.sequence, JOURNAL_TEST_RECORDS);
    ck_assert_uint_eq(state.epoch, 2);
    ck_assert(state.is_stopped);
    ck_assert_str_eq(state.own_uuid, "11111111-2222-3333-4444-555555555555");
    ck_assert(state.has_source && state.flavor == FLAVOR_MYSQL && state.source_server_id == 7);
    ck_assert_str_eq(state.source_base, "binlog");
    ck_assert(!state.is_admitted);
    ck_assert(position_equal(state.confirmed, (struct position){2, 900}));
    ck_assert_str_eq(state.confirmed_gtid, "3e11fa47-71ca-11e1-9e33-c80aa9429562:17");
    ck_assert_str_eq(state.rule, "ALL (r1, r2)");
    ck_assert_uint_eq(state.starts, 1);
    ck_assert_uint_eq(state.attaches, 2);
    const struct journal_consumer *r1 = journal_state_consumer(&state, "r1");
    const struct journal_consumer *r2 = journal_state_consumer(&state, "r2");
    ck_assert(r1->attached == 1 && r1->has_acked && r1->acked.offset == 900 && r1->server_id == 11);
    ck_assert(r2->attached == 0 && r2->has_acked && r2->acked.offset == 800 && r2->sent.offset == 950);
    ck_assert_ptr_null(journal_state_consumer(&state, "r3"));
    ck_assert_uint_eq(state.discards_count, 1);
    ck_assert_uint_eq(state.discards[0].epoch, 1);
    ck_assert_str_eq(state.discards[0].reason, "never sent");
    journal_state_release(&state);
}
END_TEST

START_TEST(a_rule_can_go_back_to_the_configs)
{
    struct journal_state state;
    apply_all(&state);
    apply(&state, &(struct journal_record){
                      .type = JOURNAL_POLICY, .policy = {"", "admin"}
    });
    ck_assert_ptr_null(state.rule);
    journal_state_release(&state);
}
END_TEST

START_TEST(exposure_has_a_bound_only_while_nobody_is_attached)
{
    struct journal_state state;
    struct position exposed = {9, 9};
    journal_state_init(&state);
    ck_assert(!journal_state_exposed(&state, &exposed)); /* nothing is known yet */
    apply(&state, &(struct journal_record){.type = JOURNAL_ADMITTED, .text = "s"});
    ck_assert(journal_state_exposed(&state, &exposed) && position_is_none(exposed));
    struct journal_record attach = {
        .type = JOURNAL_ATTACH, .attach = {"o1", 1, "", 1, {1, 400}}
    };
    struct journal_record again = {
        .type = JOURNAL_ATTACH, .attach = {"o1", 1, "", 2, {1, 500}}
    };
    struct journal_record detach = {
        .type = JOURNAL_DETACH, .detach = {"o1", 1, false, {1, 600}}
    };
    struct journal_record confirm = {
        .type = JOURNAL_CONFIRM, .confirm = {{1, 700}, "x"}
    };
    apply(&state, &attach);
    ck_assert(!journal_state_exposed(&state, &exposed));
    apply(&state, &again); /* a new connection before the end of the old one is noticed */
    apply(&state, &detach);
    ck_assert(!journal_state_exposed(&state, &exposed));
    apply(&state, &detach);
    ck_assert(journal_state_exposed(&state, &exposed) && exposed.offset == 600);
    apply(&state, &confirm);
    ck_assert(journal_state_exposed(&state, &exposed) && exposed.offset == 700);
    journal_state_release(&state);
}
END_TEST

START_TEST(an_attachment_that_a_crash_ended_counts_until_the_source_is_admitted)
{
    struct journal_state state;
    struct position exposed;
    journal_state_init(&state);
    struct journal_record started = {
        .type = JOURNAL_STARTED, .started = {"u", "v"}
    };
    struct journal_record attach = {
        .type = JOURNAL_ATTACH, .attach = {"r1", 1, "", 1, {1, 400}}
    };
    struct journal_record detach = {
        .type = JOURNAL_DETACH, .detach = {"r1", 1, false, {1, 450}}
    };
    struct journal_record confirm = {
        .type = JOURNAL_CONFIRM, .confirm = {{1, 700}, "x"}
    };
    apply(&state, &(struct journal_record){.type = JOURNAL_ADMITTED, .text = "s"});
    apply(&state, &started);
    apply(&state, &attach);
    apply(&state, &started);
    ck_assert_uint_eq(journal_state_consumer(&state, "r1")->lost, 1);
    apply(&state, &attach);
    apply(&state, &detach);
    ck_assert(!journal_state_exposed(&state, &exposed));
    apply(&state, &confirm);
    apply(&state, &(struct journal_record){.type = JOURNAL_ADMITTED, .text = "s"});
    ck_assert(journal_state_exposed(&state, &exposed) && exposed.offset == 700);
    journal_state_release(&state);
}
END_TEST

START_TEST(consumers_that_nothing_depends_on_are_forgotten)
{
    struct journal_state state;
    journal_state_init(&state);
    apply(&state, &(struct journal_record){
                      .type = JOURNAL_CONFIRM, .confirm = {{1, 5000}, "x"}
    });
    for (unsigned i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "observer-%u", i);
        struct position sent = {1, i == 500 ? 6000 : 100};
        apply(&state, &(struct journal_record){
                          .type = JOURNAL_ATTACH, .attach = {name, i, "", i, {1, 4}}
        });
        apply(&state, &(struct journal_record){
                          .type = JOURNAL_DETACH, .detach = {name, i, false, sent}
        });
    }
    ck_assert_uint_eq(state.consumers_count, 1);
    ck_assert_str_eq(state.consumers[0].name, "observer-500");
    journal_state_release(&state);
}
END_TEST

START_TEST(a_discard_ends_what_lies_behind_its_cut)
{
    struct journal_state state;
    apply_all(&state);
    struct journal_record discard = {
        .type = JOURNAL_DISCARD, .discard = {{2, 850}, {2, 990}, "g", "r", "k"}
    };
    apply(&state, &discard);
    ck_assert_uint_eq(state.epoch, 3);
    ck_assert_uint_eq(journal_state_consumer(&state, "r1")->acked.offset, 850);
    ck_assert_uint_eq(journal_state_consumer(&state, "r2")->acked.offset, 800);
    ck_assert_uint_eq(journal_state_consumer(&state, "r2")->sent.offset, 850);
    ck_assert_str_eq(state.discards[state.discards_count - 1].places, "");
    journal_state_release(&state);
}
END_TEST

/* Where each discarded transaction stood is kept in records and checkpoints since it is written at all; a
 * state that has such discards has those of earlier versions too. */
START_TEST(the_places_of_a_discard_survive)
{
    struct journal_state state, other;
    apply_all(&state);
    journal_state_init(&other);
    struct journal_record discard = {
        .type = JOURNAL_DISCARD, .discard = {{2, 850}, {2, 990}, "g", "r", "k", "g binlog.000002 850 990\n"}
    };
    size_t length;
    struct journal_record again;
    struct journal_ack acks[JOURNAL_ACKS_MAX];
    uint8_t *bytes = journal_record_encode(&discard, &length);
    struct journal_frame frame = {
        .type = JOURNAL_DISCARD, .body = {bytes, length}
    };
    ck_assert_int_eq(journal_record_decode(&frame, acks, &again), RESULT_OK);
    ck_assert_str_eq(again.discard.places, discard.discard.places);
    apply(&state, &again);
    free(bytes);
    bytes = journal_state_encode(&state, &length);
    ck_assert_int_eq(journal_state_decode(&other, (struct span){bytes, length}), RESULT_OK);
    ck_assert_uint_gt(other.discards_count, 1);
    ck_assert_str_eq(other.discards[0].places, "");
    ck_assert_str_eq(other.discards[other.discards_count - 1].places, discard.discard.places);
    free(bytes);
    journal_state_release(&state);
    journal_state_release(&other);
}
END_TEST

START_TEST(a_state_survives_its_bytes_and_refuses_any_prefix)
{
    struct journal_state state, other;
    apply_all(&state);
    apply_all(&other);
    size_t length;
    uint8_t *bytes = journal_state_encode(&state, &length);
    for (size_t shorter = 0; shorter < length; shorter++) {
        uint8_t *copy = xmalloc(shorter + 1);
        memcpy(copy, bytes, shorter);
        ck_assert_int_eq(journal_state_decode(&other, (struct span){copy, shorter}), RESULT_MALFORMED);
        free(copy);
    }
    ck_assert(journal_test_same(&state, &other));
    journal_state_release(&other);
    journal_state_init(&other);
    ck_assert_int_eq(journal_state_decode(&other, (struct span){bytes, length}), RESULT_OK);
    ck_assert(journal_test_same(&state, &other));
    free(bytes);
    journal_state_release(&state);
    journal_state_release(&other);
}
END_TEST

START_TEST(records_survive_their_bytes_and_refuse_any_prefix)
{
    struct journal_ack acks[JOURNAL_ACKS_MAX];
    for (size_t i = 0; i < JOURNAL_TEST_RECORDS; i++) {
        size_t length, again_length;
        uint8_t *body = journal_record_encode(&journal_test_records[i], &length);
        struct journal_frame frame = {
            .type = (uint8_t)journal_test_records[i].type, .body = {body, length}
        };
        struct journal_record record;
        ck_assert_int_eq(journal_record_decode(&frame, acks, &record), RESULT_OK);
        uint8_t *again = journal_record_encode(&record, &again_length);
        ck_assert_uint_eq(length, again_length);
        ck_assert_int_eq(memcmp(body, again, length), 0);
        free(again);
        for (size_t shorter = 0; shorter < length; shorter++) {
            frame.body.length = shorter;
            ck_assert_int_eq(journal_record_decode(&frame, acks, &record), RESULT_MALFORMED);
        }
        free(body);
    }
    struct journal_record record;
    ck_assert_int_eq(journal_record_decode(&(struct journal_frame){.type = JOURNAL_TYPE_END}, acks, &record),
                     RESULT_UNSUPPORTED);
    ck_assert_int_eq(journal_record_decode(&(struct journal_frame){.type = 0}, acks, &record),
                     RESULT_UNSUPPORTED);
}
END_TEST

START_TEST(texts_over_their_bound_are_cut_alike_in_bytes_and_state)
{
    char name[200];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct journal_record attach = {
        .type = JOURNAL_ATTACH, .attach = {name, 1, name, 1, {1, 4}}
    };
    struct journal_state direct, replayed;
    journal_state_init(&direct);
    journal_state_init(&replayed);
    apply(&direct, &attach);
    size_t length;
    uint8_t *body = journal_record_encode(&attach, &length);
    struct journal_ack acks[JOURNAL_ACKS_MAX];
    struct journal_record decoded;
    struct journal_frame frame = {
        .type = JOURNAL_ATTACH, .body = {body, length}
    };
    ck_assert_int_eq(journal_record_decode(&frame, acks, &decoded), RESULT_OK);
    apply(&replayed, &decoded);
    ck_assert(journal_test_same(&direct, &replayed));
    ck_assert_uint_eq(strlen(replayed.consumers[0].name), JOURNAL_CONSUMER_MAX - 1);
    free(body);
    journal_state_release(&direct);
    journal_state_release(&replayed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_state");
    TCase *tests = tcase_create("journal_state");
    tcase_add_test(tests, each_record_leaves_its_mark);
    tcase_add_test(tests, a_rule_can_go_back_to_the_configs);
    tcase_add_test(tests, exposure_has_a_bound_only_while_nobody_is_attached);
    tcase_add_test(tests, an_attachment_that_a_crash_ended_counts_until_the_source_is_admitted);
    tcase_add_test(tests, consumers_that_nothing_depends_on_are_forgotten);
    tcase_add_test(tests, a_discard_ends_what_lies_behind_its_cut);
    tcase_add_test(tests, the_places_of_a_discard_survive);
    tcase_add_test(tests, a_state_survives_its_bytes_and_refuses_any_prefix);
    tcase_add_test(tests, records_survive_their_bytes_and_refuse_any_prefix);
    tcase_add_test(tests, texts_over_their_bound_are_cut_alike_in_bytes_and_state);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
