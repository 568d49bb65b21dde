/* layer: protocol */
/* MariaDB's GTID lists: order and content as the server keeps them, and where a replica's reading begins. */
#include "protocol/gtid_state.h"

#include "test/unit/binlog_golden.h"

static struct binlog_golden golden;

static struct gtid_list parsed(const char *text)
{
    struct gtid_list list;
    gtid_list_init(&list);
    ck_assert_msg(gtid_list_parse(&list, span_of_text(text)) == RESULT_OK, "%s", text);
    return list;
}

static void assert_list(const struct gtid_list *list, const char *text)
{
    char *formatted = gtid_list_format(list);
    ck_assert_str_eq(formatted, text);
    free(formatted);
}

START_TEST(text_is_grouped_by_domain_in_the_order_of_coming)
{
    static const struct {
        const char *given;
        const char *printed;
        const char *last;
    } rows[] = {
        {"",                                           "",                                           ""           },
        {" \n",                                        "",                                           ""           },
        {"0-1-8",                                      "0-1-8",                                      "0-1-8"      },
        {" 0-1-8 ,\n1-2-5 ",                           "0-1-8,1-2-5",                                "0-1-8,1-2-5"},
        {"1-2-5,0-1-8",                                "0-1-8,1-2-5",                                "0-1-8,1-2-5"},
        {"0-1-8,0-2-9",                                "0-1-8,0-2-9",                                "0-2-9"      },
        {"0-2-9,0-1-8",                                "0-2-9,0-1-8",                                "0-1-8"      },
        {"0-1-8,0-2-9,0-1-10",                         "0-2-9,0-1-10",                               "0-1-10"     },
        {"0-1-8,0-1-3",                                "0-1-8",                                      "0-1-8"      },
        {"4294967295-4294967295-18446744073709551615", "4294967295-4294967295-18446744073709551615",
         "4294967295-4294967295-18446744073709551615"                                                             },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gtid_list list = parsed(rows[i].given);
        assert_list(&list, rows[i].printed);
        char text[256] = "";
        struct writer writer;
        writer_init(&writer, text, sizeof text - 1);
        gtid_list_write_last(&writer, &list);
        ck_assert_str_eq(text, rows[i].last);
        gtid_list_release(&list);
    }
}
END_TEST

START_TEST(other_text_is_refused_and_changes_nothing)
{
    static const char *const texts[] = {"x",
                                        "0",
                                        "0-1",
                                        "0-1-",
                                        "0-1-x",
                                        "0-1-8,",
                                        ",0-1-8",
                                        "0-1-8 0-2-9",
                                        "0-1-8,,0-2-9",
                                        "4294967296-1-1",
                                        "0-4294967296-1",
                                        "0-1-18446744073709551616",
                                        "-1-1-1",
                                        "0--1-1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gtid_list list = parsed("0-1-7");
        ck_assert_msg(gtid_list_parse(&list, span_of_text(texts[i])) == RESULT_MALFORMED, "%s", texts[i]);
        assert_list(&list, "0-1-7");
        gtid_list_release(&list);
    }
}
END_TEST

START_TEST(updates_keep_the_order_and_never_go_back)
{
    struct gtid_list list = parsed("0-1-8,0-2-9,5-1-3");
    gtid_list_update(&list, &(struct gtid_mariadb){0, 1, 10});
    assert_list(&list, "0-2-9,0-1-10,5-1-3");
    gtid_list_update(&list, &(struct gtid_mariadb){0, 2, 7});
    assert_list(&list, "0-1-10,0-2-9,5-1-3");
    gtid_list_update(&list, &(struct gtid_mariadb){3, 1, 1});
    assert_list(&list, "0-1-10,0-2-9,3-1-1,5-1-3");
    gtid_list_raise(&list, &(struct gtid_mariadb){0, 1, 20});
    gtid_list_raise(&list, &(struct gtid_mariadb){0, 1, 15});
    gtid_list_raise(&list, &(struct gtid_mariadb){0, 9, 2});
    assert_list(&list, "0-9-2,0-1-20,0-2-9,3-1-1,5-1-3");
    ck_assert_uint_eq(gtid_list_last(&list, 0)->server, 2);
    ck_assert_ptr_null(gtid_list_last(&list, 4));
    ck_assert_uint_eq(gtid_list_find(&list, 0, 1)->seq, 20);
    ck_assert_ptr_null(gtid_list_find(&list, 0, 7));
    const struct gtid_mariadb *place = list.gtids;
    for (uint64_t seq = 21; seq < 1000; seq++)
        gtid_list_update(&list, &(struct gtid_mariadb){0, 1, seq});
    ck_assert_ptr_eq(place, list.gtids);
    gtid_list_release(&list);
}
END_TEST

START_TEST(containing_is_by_domain_and_server)
{
    static const struct {
        const char *text;
        bool contained;
    } rows[] = {
        {"",            true },
        {"0-1-8",       true },
        {"0-1-9",       false},
        {"0-1-1",       true },
        {"0-2-8",       false},
        {"1-1-1",       false},
        {"0-1-8,5-9-6", true },
        {"0-1-8,5-9-7", false},
        {"5-1-5",       true },
        {"5-1-6",       false},
    };
    struct gtid_state state;
    gtid_state_init(&state, FLAVOR_MARIADB);
    ck_assert_int_eq(gtid_state_parse(&state, span_of_text("0-1-8,5-1-5,5-9-6")), RESULT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool contained = !rows[i].contained;
        ck_assert_int_eq(gtid_state_contains_text(&state, span_of_text(rows[i].text), &contained), RESULT_OK);
        ck_assert_msg(contained == rows[i].contained, "%s", rows[i].text);
        struct gtid_state other;
        gtid_state_init(&other, FLAVOR_MARIADB);
        ck_assert_int_eq(gtid_state_parse(&other, span_of_text(rows[i].text)), RESULT_OK);
        ck_assert(gtid_state_contains_state(&state, &other) == rows[i].contained);
        gtid_state_release(&other);
    }
    bool contained;
    ck_assert_int_eq(gtid_state_contains_text(&state, span_of_text("0-1-"), &contained), RESULT_MALFORMED);
    gtid_state_release(&state);
}
END_TEST

/* Which of two files, by the state at its start, a real source begins with for a replica. */
START_TEST(a_file_serves_a_replica_that_has_all_before_it)
{
    static const struct {
        const char *file_start;
        const char *replica;
        bool serves;
    } rows[] = {
        {"",            "",            true },
        {"",            "0-1-5",       true },
        {"0-1-7",       "0-1-7",       true },
        {"0-1-7",       "0-1-8",       true },
        {"0-1-7",       "0-1-6",       false},
        {"0-1-7",       "",            false},
        {"0-1-7",       "5-1-9",       false},
        {"0-1-7",       "0-1-7,5-1-9", true },
        {"0-1-7,5-1-2", "0-1-9",       false},
        {"0-1-7,0-2-8", "0-1-7",       false}, /* 0-2-8 came after it, in an earlier file */
        {"0-1-7,0-2-8", "0-2-8",       true },
        {"0-1-7,0-2-8", "0-3-9",       true }, /* not seen up to here: it stands in this file or later */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gtid_list start = parsed(rows[i].file_start);
        struct gtid_list replica = parsed(rows[i].replica);
        ck_assert_msg(gtid_list_serves(&start, &replica) == rows[i].serves, "row %zu", i);
        gtid_list_release(&start);
        gtid_list_release(&replica);
    }
}
END_TEST

START_TEST(lists_of_a_real_server_come_back_byte_for_byte)
{
    static const char *const files[] = {"mariadb_row", "mariadb_domains", "mariadb_domains_next"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        binlog_golden_load(&golden, files[i]);
        ck_assert(binlog_golden_next(&golden) && binlog_golden_next(&golden));
        ck_assert_uint_eq(golden.header.type, BINLOG_MARIADB_GTID_LIST);
        struct gtid_state state;
        gtid_state_init(&state, FLAVOR_MARIADB);
        ck_assert_int_eq(gtid_state_decode(&state, golden.header.type, golden.body), RESULT_OK);
        uint8_t bytes[1024];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        gtid_list_encode(&writer, &state.list);
        ck_assert_uint_eq(writer.length, gtid_list_encoded_bytes(&state.list));
        struct gtid_state back;
        gtid_state_init(&back, FLAVOR_MARIADB);
        ck_assert_int_eq(gtid_list_decode(&back.list, writer_span_written(&writer)), RESULT_OK);
        ck_assert(gtid_state_equal(&back, &state));
        if (state.list.count == 1)
            ck_assert(span_equal(writer_span_written(&writer), golden.body));
        else
            ck_assert_uint_eq(writer.length, golden.body.length);
        gtid_state_release(&state);
        gtid_state_release(&back);
    }
}
END_TEST

START_TEST(an_empty_list_is_padded)
{
    static const uint8_t empty[] = {0, 0, 0, 0, 0, 0};
    struct gtid_list list;
    gtid_list_init(&list);
    uint8_t bytes[8];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    gtid_list_encode(&writer, &list);
    ck_assert(span_equal(writer_span_written(&writer), (struct span){empty, sizeof empty}));
    ck_assert_int_eq(gtid_list_decode(&list, (struct span){empty, sizeof empty}), RESULT_OK);
    ck_assert_int_eq(gtid_list_decode(&list, (struct span){empty, 4}), RESULT_OK);
    ck_assert_int_eq(gtid_list_decode(&list, (struct span){empty, 3}), RESULT_TRUNCATED);
    ck_assert(gtid_list_is_empty(&list));
    gtid_list_release(&list);
}
END_TEST

static void decode_list(struct span bytes, void *context)
{
    (void)context;
    struct gtid_list list;
    gtid_list_init(&list);
    (void)!gtid_list_decode(&list, bytes);
    free(gtid_list_format(&list));
    gtid_list_clear(&list);
    (void)!gtid_list_parse(&list, bytes);
    gtid_list_release(&list);
}

START_TEST(damage_does_no_harm)
{
    binlog_golden_load(&golden, "mariadb_domains_next");
    ck_assert(binlog_golden_next(&golden) && binlog_golden_next(&golden));
    binlog_damage(golden.body, decode_list, NULL);
    binlog_damage(span_of_text("0-1-8, 5-1-5,\n5-9-6"), decode_list, NULL);
}
END_TEST

START_TEST(a_state_is_copied_and_moved)
{
    struct gtid_state a;
    struct gtid_state b;
    gtid_state_init(&a, FLAVOR_MARIADB);
    gtid_state_init(&b, FLAVOR_MYSQL);
    struct gtid gtid = gtid_of_mariadb(0, 1, 8);
    ck_assert(!gtid_state_contains(&a, &gtid));
    gtid_state_add(&a, &gtid);
    gtid_state_add(&a, &GTID_NONE);
    gtid_state_copy(&b, &a);
    ck_assert(gtid_state_equal(&a, &b) && gtid_state_contains(&b, &gtid));
    gtid_state_move(&a, &b);
    ck_assert(gtid_state_is_empty(&b) && gtid_state_contains(&a, &gtid));
    char *text = gtid_state_format(&a);
    ck_assert_str_eq(text, "0-1-8");
    free(text);
    gtid_state_release(&a);
    gtid_state_release(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gtid_list");
    TCase *tests = tcase_create("gtid_list");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, text_is_grouped_by_domain_in_the_order_of_coming);
    tcase_add_test(tests, other_text_is_refused_and_changes_nothing);
    tcase_add_test(tests, updates_keep_the_order_and_never_go_back);
    tcase_add_test(tests, containing_is_by_domain_and_server);
    tcase_add_test(tests, a_file_serves_a_replica_that_has_all_before_it);
    tcase_add_test(tests, lists_of_a_real_server_come_back_byte_for_byte);
    tcase_add_test(tests, an_empty_list_is_padded);
    tcase_add_test(tests, damage_does_no_harm);
    tcase_add_test(tests, a_state_is_copied_and_moved);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
