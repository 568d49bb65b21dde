/* layer: recovery
 * The proxy's answer, row by row: taken when it fits the tail, refused when it does not.
 */
#include "recovery/plan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct tail tail;

/* Three transactions of MariaDB in binlog.000002; the second one is DDL. */
static void set_up(void)
{
    tail_init(&tail);
    tail.flavor = FLAVOR_MARIADB;
    tail.start = TAIL_START_FOUND;
    tail.from = (struct position){2, 400};
    tail.end = (struct position){2, 700};
    snprintf(tail.base, sizeof tail.base, "binlog");
    snprintf(tail.keep_dir, sizeof tail.keep_dir, "/data/ackgate-discarded");
    for (unsigned i = 0; i < 3; i++) {
        struct tail_txn txn = {
            .gtid = gtid_of_mariadb(0, 1, 10 + i),
            .file = 2,
            .start = 400 + i * 100,
            .end = 500 + i * 100,
            .kind = TXN_ROWS,
            .is_undone = i != 1,
        };
        ck_assert(tail_add_txn(&tail, &txn));
    }
}

static void tear_down(void)
{
    tail_release(&tail);
}

#define KEPT "/data/ackgate-discarded/k"
#define F    "binlog.000002"

struct answer {
    const char *rows[5][PLAN_COLUMNS];
    const char *problem; /* NULL: it is taken */
};

#define FIRST(verdict, file, at, kept)                                                                       \
    {                                                                                                        \
        "", file, at, "0", verdict, "why", kept                                                              \
    }
#define ROW(n, at, end, verdict)                                                                             \
    {                                                                                                        \
        "0-1-1" #n, F, at, end, verdict, "because", ""                                                       \
    }

static const struct answer answers[] = {
  /* what the proxy may say */
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "complete"),
      ROW(2, "600", "700", "complete")},
     NULL                                                                                                                                                         },
    {{FIRST("cut", F, "600", KEPT), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "complete"),
      ROW(2, "600", "700", "discard")},
     NULL                                                                                                                                                         },
    {{FIRST("refuse", "", "0", NULL), ROW(0, "400", "500", "diverged"), ROW(1, "500", "600", "complete"),
      ROW(2, "600", "700", "complete")},
     NULL                                                                                                                                                         },
    {{FIRST("cut", F, "700", KEPT), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "keep"),
      ROW(2, "600", "700", "keep")},
     NULL                                                                                                                                                         }, /* done before */
  /* what it may not */
    {{{NULL}},                                                                                      "it is empty"                                                 },
    {{ROW(0, "400", "500", "keep")},                                                                "the first row is no overall verdict"                         },
    {{FIRST("maybe", "", "0", "")},                                                                 "the first row is no overall verdict"                         },
    {{FIRST("cut", "", "0", KEPT)},                                                                 "there is no place to cut at, or no file to keep the bytes in"},
    {{FIRST("cut", F, "4", KEPT)},                                                                  "there is no place to cut at, or no file to keep the bytes in"},
    {{FIRST("cut", F, "-600", KEPT)},                                                               "there is no place to cut at, or no file to keep the bytes in"},
    {{FIRST("cut", "other.000002", "600", KEPT)},
     "there is no place to cut at, or no file to keep the bytes in"                                                                                               },
    {{FIRST("cut", F, "600", "")},                                                                  "there is no place to cut at, or no file to keep the bytes in"},
    {{FIRST("cut", F, "600", "/etc/passwd")},                                                       "there is no place to cut at, or no file to keep the bytes in"},
    {{FIRST("cut", F, "600", "/data/ackgate-discarded/../ibdata1")},
     "there is no place to cut at, or no file to keep the bytes in"                                                                                               },
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "keep")},
     "transactions are missing in it"                                                                                                                             },
    {{FIRST("nothing", "", "0", ""), ROW(1, "500", "600", "keep")},
     "its rows are not the transactions of the tail"                                                                                                              },
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "501", "keep")},
     "its rows are not the transactions of the tail"                                                                                                              },
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "500", "hmm")},
     "its rows are not the transactions of the tail"                                                                                                              },
    {{FIRST("cut", F, "400", KEPT), ROW(0, "400", "500", "discard"), ROW(1, "500", "600", "keep")},
     "it keeps a transaction behind one that it discards"                                                                                                         },
    {{FIRST("cut", F, "500", KEPT), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "discard")},
     "it discards what a cut does not undo"                                                                                                                       },
    {{FIRST("cut", F, "500", KEPT), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "keep"),
      ROW(2, "600", "700", "discard")},
     "the cut is not at the first transaction that it discards"                                                                                                   },
    {{FIRST("cut", F, "600", KEPT), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "keep"),
      ROW(2, "600", "700", "keep")},
     "the cut is not at a transaction, and not at the end"                                                                                                        },
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "keep"),
      ROW(2, "600", "700", "discard")},
     "it discards without a cut"                                                                                                                                  },
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "500", "diverged"), ROW(1, "500", "600", "keep"),
      ROW(2, "600", "700", "keep")},
     "it lets a source start that it refuses"                                                                                                                     },
    {{FIRST("nothing", "", "0", ""), ROW(0, "400", "500", "keep"), ROW(1, "500", "600", "keep"),
      ROW(2, "600", "700", "keep"), ROW(2, "600", "700", "keep")},
     "there are more rows than transactions"                                                                                                                      },
};

static enum result take(struct plan *plan, const struct answer *answer, const char **ret_problem)
{
    enum result result = RESULT_OK;
    plan_init(plan);
    for (size_t i = 0; result == RESULT_OK && i < 5 && answer->rows[i][5] != NULL; i++)
        result = plan_take_row(plan, &tail, answer->rows[i], ret_problem);
    return result == RESULT_OK ? plan_finish(plan, &tail, ret_problem) : result;
}

START_TEST(takes_what_fits)
{
    const struct answer *answer = &answers[_i];
    const char *problem = NULL;
    struct plan plan;
    enum result result = take(&plan, answer, &problem);
    if (answer->problem == NULL) {
        ck_assert_msg(result == RESULT_OK, "%s", problem);
        ck_assert_str_eq(plan.reason, "why");
        ck_assert((plan.overall == VERDICT_CUT) == (plan.kept_as != NULL));
    } else {
        ck_assert_int_eq(result, RESULT_MALFORMED);
        ck_assert_str_eq(problem, answer->problem);
    }
    plan_release(&plan);
}
END_TEST

START_TEST(counts_and_names_the_cut)
{
    const char *problem;
    struct plan plan;
    ck_assert_int_eq(take(&plan, &answers[1], &problem), RESULT_OK);
    ck_assert_int_eq(plan.overall, VERDICT_CUT);
    ck_assert(position_equal(plan.cut, (struct position){2, 600}));
    ck_assert_str_eq(plan.kept_as, KEPT);
    ck_assert_uint_eq(plan.kept, 1);
    ck_assert_uint_eq(plan.completed, 1);
    ck_assert_uint_eq(plan.discarded, 1);
    plan_release(&plan);
}
END_TEST

/* Nothing is ever discarded of a binlog that was closed in order, or not read to its end. */
START_TEST(never_cuts_these)
{
    const char *problem;
    struct plan plan;
    for (int i = 0; i < 4; i++) {
        tail.is_closed = i == 0;
        tail.fault = i == 1 ? TAIL_ENCRYPTED : TAIL_READABLE;
        tail.is_partial = i == 2;
        tail.start = i == 3 ? TAIL_START_PURGED : TAIL_START_FOUND;
        ck_assert_int_eq(take(&plan, &answers[1], &problem), RESULT_MALFORMED);
        plan_release(&plan);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, takes_what_fits, 0, (int)(sizeof answers / sizeof answers[0]));
    tcase_add_test(tests, counts_and_names_the_cut);
    tcase_add_test(tests, never_cuts_these);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
