/* layer: protocol */
/* The checker of the torture: it takes good histories for good, and names what is wrong in wrong ones. A
 * checker that finds nothing would make every torture green. */
#include "test/torture/checker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ONE(anomaly) (1u << ANOMALY_##anomaly)

/* Columns: invoked returned client site kind outcome lists. */
static const struct {
    const char *story;
    const char *history;
    unsigned anomalies;
} rows[] = {
    {"two clients, one list, a replica that lags",
     "10 20 1 source append ok 8=1\n"
     "15 40 2 source append ok 8=2\n"
     "25 30 3 source read ok 8=1\n"
     "41 44 3 source read ok 8=1,2\n"
     "42 50 4 r1 read ok 8=\n"
     "51 60 4 r1 read ok 8=1\n"
     "90 91 1 source end ok 8=1,2\n"
     "90 91 1 r1 end ok 8=1,2\n",                                                                                                                       0                                  },
    {"the outcome is not known: there or not, both are right",
     "10 20 1 source append unknown 8=1\n"
     "10 20 2 source append unknown 8=2\n"
     "90 91 1 source end ok 8=2\n",                                                                                                                     0                                  },
    {"what is unknown may take effect long after its client has gone",
     "10 20 1 source append unknown 8=1\n"
     "30 40 2 source append ok 8=2\n"
     "50 60 3 source read ok 8=2\n"
     "70 80 3 source read ok 8=2,1\n"
     "90 91 1 source end ok 8=2,1\n",                                                                                                                   0                                  },
    {"an error said no, and so it was",
     "10 20 1 source append failed 8=1\n"
     "90 91 1 source end ok 8=\n",                                                                                                                      0                                  },
    {"at the same time both orders are right",
     "10 40 1 source append ok 8=1\n"
     "15 30 2 source append ok 8=2\n"
     "90 91 1 source end ok 8=2,1\n",                                                                                                                   0                                  },
    {"a replica may show what the source does not show yet",
     "10 80 1 source append ok 8=1\n"
     "20 30 2 r1 read ok 8=1\n"
     "40 50 3 source read ok 8=\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     0                                  },
    {"transactions over two lists, whole in every snapshot",
     "10 20 1 source append ok 8=1 9=1\n"
     "12 24 2 r1 read ok 8= 9=\n"
     "30 40 2 r1 read ok 8=1 9=1\n"
     "41 44 2 r1 read ok 8=1\n"
     "90 91 1 source end ok 8=1 9=1\n",                                                                                                                 0                                  },
    {"a set is read in any order",
     "10 20 1 source append ok 0=1\n"
     "10 80 2 source append unknown 0=2\n"
     "30 40 3 source read ok 0=2,1\n"
     "90 91 1 source end ok 0=1,2\n"
     "90 91 1 r1 end ok 0=2,1\n",                                                                                                                       0                                  },
    {"two ends: the last one is what remained",
     "10 20 1 source append ok 8=1\n"
     "30 31 1 source end ok 8=1\n"
     "30 31 1 r1 end ok 8=1\n"
     "40 50 1 source append ok 8=2\n"
     "90 91 2 r1 end ok 8=1,2\n",                                                                                                                       0                                  },

    {"an OK is lost",
     "10 20 1 source append ok 8=1\n"
     "90 91 1 source end ok 8=\n",                                                                                                                      ONE(LOST)                          },
    {"an OK is lost with its list",
     "10 20 1 source append ok 8=1\n"
     "90 91 1 source end ok 9=\n",                                                                                                                      ONE(LOST)                          },
    {"an OK is lost from the set",
     "10 20 1 source append ok 0=1\n"
     "90 91 1 source end ok 0=\n",                                                                                                                      ONE(LOST)                          },
    {"an OK between two ends is lost in the second",
     "10 20 1 source append ok 8=1\n"
     "30 31 1 source end ok 8=1\n"
     "90 91 2 r1 end ok 8=\n",                                                                                                                          ONE(LOST) | ONE(SEEN_GONE)         },
    {"seen at the source, gone later",
     "10 20 1 source append unknown 8=1\n"
     "30 40 2 source read ok 8=1\n"
     "90 91 1 r1 end ok 8=\n",                                                                                                                          ONE(SEEN_GONE)                     },
    {"seen at a replica, gone later, other things in its place",
     "10 20 1 source append unknown 8=1\n"
     "30 40 2 r2 read ok 8=1\n"
     "50 60 1 source append ok 8=2\n"
     "90 91 1 source end ok 8=2\n",                                                                                                                     ONE(SEEN_GONE)                     },
    {"seen in the set, gone later",
     "10 20 1 source append unknown 0=1\n"
     "30 40 2 r1 read ok 0=1\n"
     "90 91 1 source end ok 0=\n",                                                                                                                      ONE(SEEN_GONE)                     },
    {"two replicas went two ways",
     "10 50 1 source append ok 8=1\n"
     "10 50 2 source append ok 8=2\n"
     "60 70 3 r1 read ok 8=1,2\n"
     "60 70 4 r2 read ok 8=2\n"
     "90 91 1 source end ok 8=1,2\n",                                                                                                                   ONE(FORK)                          },
    {"an error, and it stayed",
     "10 20 1 source append failed 8=1\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     ONE(FAILED_STAYED)                 },
    {"answered, and a later read at the source lacks it",
     "10 20 1 source append ok 8=1\n"
     "30 40 2 source read ok 8=\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     ONE(STALE)                         },
    {"read at the source, and a later read there lacks it",
     "10 60 1 source append ok 8=1\n"
     "20 30 2 source read ok 8=1\n"
     "40 50 3 source read ok 8=\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     ONE(STALE)                         },
    {"a table that was answered for is not in a later read",
     "10 20 1 source append ok 0=1\n"
     "30 40 2 source read ok 0=\n"
     "90 91 1 source end ok 0=1\n",                                                                                                                     ONE(STALE)                         },
    {"answered before another was asked for, and behind it",
     "10 20 1 source append ok 8=1\n"
     "30 40 2 source append ok 8=2\n"
     "90 91 1 source end ok 8=2,1\n",                                                                                                                   ONE(REORDERED)                     },
    {"read before another was asked for, and behind it",
     "10 70 1 source append unknown 8=1\n"
     "20 30 3 source read ok 8=1\n"
     "40 60 2 source append ok 8=2\n"
     "90 91 1 source end ok 8=2,1\n",                                                                                                                   ONE(REORDERED) | ONE(FORK)         },
    {"a replica goes back",
     "10 20 1 source append ok 8=1\n"
     "30 40 2 r1 read ok 8=1\n"
     "50 60 2 r1 read ok 8=\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     ONE(WENT_BACK)                     },
    {"applied twice",
     "10 20 1 source append ok 8=1\n"
     "90 91 1 source end ok 8=1,1\n",                                                                                                                   ONE(DUPLICATE)                     },
    {"nobody wrote it",                                                                 "90 91 1 source end ok 8=1\n",                                  ONE(NEVER_WRITTEN)                 },
    {"written to another list",
     "10 20 1 source append unknown 9=1\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     ONE(NEVER_WRITTEN)                 },
    {"read before it was asked for",
     "10 20 2 source read ok 8=1\n"
     "30 40 1 source append ok 8=1\n"
     "90 91 1 source end ok 8=1\n",                                                                                                                     ONE(NEVER_WRITTEN) | ONE(REORDERED)},
    {"half of a transaction remains",
     "10 20 1 source append unknown 8=1 9=1\n"
     "90 91 1 source end ok 8=1 9=\n",                                                                                                                  ONE(HALF)                          },
    {"half of a transaction in one snapshot",
     "10 20 1 source append ok 8=1 9=1\n"
     "15 40 2 r1 read ok 8=1 9=\n"
     "90 91 1 source end ok 8=1 9=1\n",                                                                                                                 ONE(HALF)                          },
    {"a server has less at the end",
     "10 20 1 source append ok 8=1\n"
     "90 91 1 source end ok 8=1\n"
     "90 91 1 r1 end ok 8=\n",                                                                                                                          ONE(UNEQUAL)                       },
    {"a server lacks a list at the end",
     "10 20 1 source append ok 8=1\n"
     "90 91 1 source end ok 8=1\n"
     "90 91 1 r1 end ok\n",                                                                                                                             ONE(UNEQUAL)                       },
    {"prepared, committed, rolled back, left, and one of which nobody knows",
     "10 20 1 source prepare ok 8=1 9=1\n"
     "30 40 1 source append ok 8=1 9=1\n"
     "41 42 1 source prepare ok 8=2 9=2\n"
     "43 44 1 source read ok 1=2\n"
     "45 46 1 source rollback ok 8=2 9=2\n"
     "47 48 1 source prepare ok 8=3 9=3\n"
     "47 48 2 source prepare unknown 10=4 11=4\n"
     "50 51 1 source read ok 1=3\n"
     "90 91 1 source end ok 1=3 8=1 9=1\n"
     "90 91 1 r1 end ok 1=3 8=1 9=1\n",                                                                                                                 0                                  },
    {"what is asked for and not known: committed or prepared, rolled back or prepared",
     "10 20 1 source prepare ok 8=1\n"
     "10 20 2 source prepare ok 9=2\n"
     "10 20 3 source prepare ok 10=3\n"
     "10 20 4 source prepare ok 11=4\n"
     "30 40 1 source append unknown 8=1\n"
     "30 40 2 source append unknown 9=2\n"
     "30 40 3 source rollback unknown 10=3\n"
     "30 40 4 source rollback unknown 11=4\n"
     "90 91 1 source end ok 1=2,4 8=1\n",                                                                                                               0                                  },
    {"prepared, and gone",                                                              "10 20 1 source prepare ok 8=1\n90 91 1 source end ok 1= 8=\n", ONE(LOST)                          },
    {"prepared, COMMIT was asked for, and it is gone",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 1 source append unknown 8=1\n"
     "90 91 1 source end ok 1= 8=\n",                                                                                                                   ONE(LOST)                          },
    {"listed, and gone",
     "10 20 1 source prepare unknown 8=1\n"
     "30 40 2 source read ok 1=1\n"
     "90 91 1 source end ok 1= 8=\n",                                                                                                                   ONE(SEEN_GONE)                     },
    {"prepared, and a later list lacks it",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 2 source read ok 1=\n"
     "90 91 1 source end ok 1=1 8=\n",                                                                                                                  ONE(STALE)                         },
    {"committed, and a later list has it still",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 1 source append ok 8=1\n"
     "50 60 2 source read ok 1=1\n"
     "90 91 1 source end ok 1= 8=1\n",                                                                                                                  ONE(STALE)                         },
    {"rolled back, and prepared at the end",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 1 source rollback ok 8=1\n"
     "90 91 1 source end ok 1=1 8=\n",                                                                                                                  ONE(STALE)                         },
    {"rolled back, and there",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 1 source rollback ok 8=1\n"
     "90 91 1 source end ok 1= 8=1\n",                                                                                                                  ONE(NEVER_WRITTEN)                 },
    {"prepared only, and there",
     "10 20 1 source prepare unknown 8=1\n"
     "90 91 1 source end ok 1= 8=1\n",                                                                                                                  ONE(NEVER_WRITTEN)                 },
    {"there, and prepared still",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 1 source append unknown 8=1\n"
     "90 91 1 source end ok 1=1 8=1\n",                                                                                                                 ONE(HALF)                          },
    {"the commit of a prepared one is lost",
     "10 20 1 source prepare ok 8=1\n"
     "30 40 1 source append ok 8=1\n"
     "90 91 1 source end ok 1=1 8=\n",                                                                                                                  ONE(LOST) | ONE(STALE)             },
    {"nobody had prepared what is listed",
     "10 20 2 source read ok 1=1\n"
     "30 40 1 source prepare ok 8=1\n"
     "90 91 1 source end ok 1=1,2 8=\n",                                                                                                                ONE(NEVER_WRITTEN)                 },
    {"an error at XA PREPARE, and it is listed",
     "10 20 1 source prepare failed 8=1\n"
     "90 91 1 source end ok 1=1 8=\n",                                                                                                                  ONE(FAILED_STAYED)                 },
    {"a rollback of what nobody has prepared",
     "10 20 1 source rollback ok 8=1\n"
     "90 91 1 source end ok 1= 8=\n",                                                                                                                   ONE(NEVER_WRITTEN)                 },
    {"a replica has not prepared it",
     "10 20 1 source prepare ok 8=1\n"
     "90 91 1 source end ok 1=1 8=\n"
     "90 91 1 r1 end ok 1= 8=\n",                                                                                                                       ONE(UNEQUAL)                       },
    {"no end",                                                                          "10 20 1 source append ok 8=1\n",                               ONE(NO_END)                        },
};

static void parse(const char *text, struct history *history)
{
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    history_init(history);
    ck_assert_uint_eq(history_read(history, in), 0);
    (void)fclose(in);
}

START_TEST(a_history_is_judged)
{
    struct history history;
    struct findings findings;
    unsigned found = 0;

    parse(rows[_i].history, &history);
    checker_check(&history, &findings);
    for (unsigned i = 0; i < ANOMALIES; i++)
        found |= findings.of_kind[i] ? 1u << i : 0;
    ck_assert_msg(found == rows[_i].anomalies, "%s: found %x, not %x; first: %s", rows[_i].story, found,
                  rows[_i].anomalies, findings.count ? findings.finding[0].text : "nothing");
    history_release(&history);
}
END_TEST

START_TEST(what_was_looked_at_is_counted)
{
    struct history history;
    struct findings findings;

    parse("# a comment\n"
          "\n"
          "10 20 1 source append ok 8=1\n"
          "30 40 1 source append failed 8=2\n"
          "30 40 2 source append unknown 8=3\n"
          "30 40 3 source append unknown 8=4\n"
          "50 60 4 r1 read ok 8=1,3\n"
          "90 91 1 source end ok 8=1,3\n",
          &history);
    checker_check(&history, &findings);
    ck_assert_uint_eq(findings.total, 0);
    ck_assert_uint_eq(findings.ok, 1);
    ck_assert_uint_eq(findings.failed, 1);
    ck_assert_uint_eq(findings.unknown, 2);
    ck_assert_uint_eq(findings.unknown_stayed, 1);
    ck_assert_uint_eq(findings.reads, 1);
    ck_assert_uint_eq(findings.values_read, 2);
    history_release(&history);
}
END_TEST

START_TEST(what_is_found_is_told_only_so_often)
{
    struct history history;
    struct findings findings;
    char line[80];

    history_init(&history);
    for (unsigned i = 1; i <= 3 * FINDINGS_MAX; i++) {
        (void)snprintf(line, sizeof line, "%u %u 1 source append ok 8=%u\n", i, i, i);
        ck_assert(history_add_line(&history, line, i));
    }
    ck_assert(history_add_line(&history, "900 901 1 r1 end ok 8=", 100));
    checker_check(&history, &findings);
    ck_assert_uint_eq(findings.of_kind[ANOMALY_LOST], 3 * FINDINGS_MAX);
    ck_assert_uint_eq(findings.count, FINDINGS_MAX);
    ck_assert_str_eq(findings.finding[0].text, "value 1 got an OK in line 1 and is not there at the end");
    history_release(&history);
}
END_TEST

static const char *const wrong_lines[] = {
    "10 20 1 source append ok",
    "10 20 1 source append ok 8=",
    "10 20 1 source append ok 8=1,2",
    "10 20 1 source append ok 8=1 9=1 10=1",
    "10 20 1 source prepare ok",
    "10 20 1 source rollback ok 8=1,2",
    "20 10 1 source append ok 8=1",
    "10 20 1 nowhere append ok 8=1",
    "10 20 1 source move ok 8=1",
    "10 20 1 source append well 8=1",
    "10 20 1 source read ok 8",
    "10 20 1 source read ok 8=1,",
    "10 20 1 source read ok 8=1 ",
    "10 20 1 source read ok 8=99999999999",
    "-1 20 1 source read ok 8=1",
    "10 20 source read ok",
    "hello",
};

START_TEST(a_line_that_is_none_is_refused)
{
    struct history history;

    history_init(&history);
    ck_assert_msg(!history_add_line(&history, wrong_lines[_i], 1), "%s", wrong_lines[_i]);
    history_release(&history);
}
END_TEST

START_TEST(a_line_is_written_as_it_is_read)
{
    struct history history;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    history_init(&history);
    ck_assert(history_add_line(&history, "10 20 1 r3 read unknown", 1));
    history_print_op(out, &history.ops[0]);
    (void)fclose(out);
    ck_assert_str_eq(text, "10 20 1 r3 read unknown");
    free(text);
    history_release(&history);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torture_checker");
    TCase *tests = tcase_create("torture_checker");

    tcase_add_loop_test(tests, a_history_is_judged, 0, sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(tests, a_line_that_is_none_is_refused, 0, sizeof wrong_lines / sizeof wrong_lines[0]);
    tcase_add_test(tests, what_was_looked_at_is_counted);
    tcase_add_test(tests, what_is_found_is_told_only_so_often);
    tcase_add_test(tests, a_line_is_written_as_it_is_read);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
