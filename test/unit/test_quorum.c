/* layer: proxy */
/* The quorum rule: what is a rule, which position it reaches, whose ack is missing. */
#include "proxy/quorum.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct config_voter voters[] = {
    {.name = "r1"}, {.name = "r2"}, {.name = "r3"}, {.name = "dr-1"}};
enum { VOTERS = sizeof(voters) / sizeof(voters[0]) };

static struct position at(uint64_t offset)
{
    return offset == 0 ? POSITION_NONE : (struct position){1, offset};
}

static struct quorum parse(const char *rule)
{
    struct quorum quorum;
    char error[512] = "";
    ck_assert_msg(quorum_parse(rule, voters, VOTERS, &quorum, error, sizeof(error)) == RESULT_OK, "%s",
                  error);
    return quorum;
}

/* acked: the voters' offsets in file 1; the rule reaches `reached`, and for it plus one byte these are
 * missing. */
static const struct {
    const char *rule;
    uint64_t acked[VOTERS];
    uint64_t reached;
    uint32_t missing; /* for offset 50 */
} reach[] = {
    {"ANY 1 (r1, r2)",                          {10, 50, 0, 0},   50, 0  },
    {"any 2 (r1, r2)",                          {10, 50, 0, 0},   10, 0x1},
    {"ANY 2 (r1, r2, r3)",                      {10, 50, 40, 99}, 40, 0x5},
    {"ALL (r1, r2, r3)",                        {10, 50, 40, 0},  10, 0x5},
    {"ALL(*)",                                  {60, 50, 70, 0},  0,  0x8},
    {"MAJORITY (r1, r2, r3)",                   {10, 50, 60, 0},  50, 0  },
    {"MAJORITY (*)",                            {10, 50, 60, 20}, 20, 0x9},
    {"ANY 1 (r1, r2) AND ANY 1 (r3, dr-1)",     {50, 0, 0, 20},   20, 0xC},
    {"  ANY  1 ( r1 )  and  all ( r2 , r3 )  ", {50, 50, 50, 0},  50, 0  },
};

START_TEST(a_rule_reaches_the_kth_position)
{
    struct quorum quorum = parse(reach[_i].rule);
    struct position acked[CONFIG_VOTERS_MAX];
    for (size_t i = 0; i < VOTERS; i++)
        acked[i] = at(reach[_i].acked[i]);
    ck_assert(position_equal(quorum_position(&quorum, acked), at(reach[_i].reached)));
    ck_assert_uint_eq(quorum_missing(&quorum, acked, at(50)), reach[_i].missing);
}
END_TEST

static const struct {
    const char *rule;
    const char *says;
} wrong[] = {
    {"",                           "ANY, ALL or MAJORITY is expected" },
    {"ANY (r1)",                   "a number is expected after ANY"   },
    {"ANY 0 (r1)",                 "must be from 1"                   },
    {"ANY 3 (r1, r2)",             "3 acks are asked for and only 2"  },
    {"ANY 1 r1",                   "'(' is expected"                  },
    {"ANY 1 (r1, r9)",             "no section [replica r9]"          },
    {"ANY 1 (r1, r1)",             "named twice"                      },
    {"ANY 1 (r1",                  "')' or ',' is expected"           },
    {"ANY 1 ()",                   "a replica's name or * is expected"},
    {"ANY 1 (r1) OR ANY 1 (r2)",   "AND or the end is expected"       },
    {"ANY 99999999999999999 (r1)", "must be from 1"                   },
    {"ANYONE 1 (r1)",              "ANY, ALL or MAJORITY is expected" },
    {"ANY 1 (r1) AND",             "ANY, ALL or MAJORITY is expected" },
};

START_TEST(a_wrong_rule_is_named_with_its_place)
{
    struct quorum quorum = {.clause_count = 7};
    char error[512] = "";
    ck_assert_int_eq(quorum_parse(wrong[_i].rule, voters, VOTERS, &quorum, error, sizeof(error)),
                     RESULT_MALFORMED);
    ck_assert_msg(strstr(error, wrong[_i].says) != NULL, "'%s' does not say '%s'", error, wrong[_i].says);
    ck_assert_msg(strstr(error, "at character") != NULL, "%s", error);
    ck_assert_uint_eq(quorum.clause_count, 7); /* untouched */
}
END_TEST

START_TEST(a_rule_is_satisfiable_by_enough_of_each_clause)
{
    struct quorum quorum = parse("ANY 1 (r1, r2) AND ALL (r3)");
    ck_assert(!quorum_is_satisfied(&quorum, 0x3));
    ck_assert(!quorum_is_satisfied(&quorum, 0x4));
    ck_assert(quorum_is_satisfied(&quorum, 0x6));
}
END_TEST

START_TEST(an_ack_in_a_later_file_counts_for_all_before)
{
    struct quorum quorum = parse("ALL (r1, r2)");
    struct position acked[CONFIG_VOTERS_MAX] = {
        {1, 4000000000u},
        {2, 4          }
    };
    ck_assert(position_equal(quorum_position(&quorum, acked), acked[0]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quorum");
    TCase *tests = tcase_create("quorum");
    tcase_add_loop_test(tests, a_rule_reaches_the_kth_position, 0, sizeof(reach) / sizeof(reach[0]));
    tcase_add_loop_test(tests, a_wrong_rule_is_named_with_its_place, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tests, a_rule_is_satisfiable_by_enough_of_each_clause);
    tcase_add_test(tests, an_ack_in_a_later_file_counts_for_all_before);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
