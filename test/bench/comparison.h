/* One piece of work done in several ways, in rounds that alternate between them: what each measure was, round
 * by round, against the way named as the baseline, and whether a target is met.
 *
 * A way does one round when it is called and says what it measured:
 *
 *     static void run(void *argument, const struct comparison *comparison, double *ret_values)
 *     {
 *         ret_values[0] = commits_per_second(argument, comparison->threads);
 *     }
 *     …
 *     comparison_run(&(struct comparison){
 *         .test = "oltp_insert", .threads = 8, .baseline = "native",
 *         .measures = {{"transactions", "/s", 0}},
 *         .ways = {{"native", run, source}, {"ackgate", run, gate}},
 *         .targets = {{.text = "commits against native semi-sync", .way = "ackgate", .kind = TARGET_RATIO,
 *                      .against = "native", .must = 0.85, .proud = 1.0}}});
 *
 * Ratios are taken round by round, and their median afterwards: what slows the machine down for a while slows
 * both. report.h prints and keeps the results. */
#ifndef ACKGATE_TEST_BENCH_COMPARISON_H
#define ACKGATE_TEST_BENCH_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>

#include "test/bench/bench.h"
#include "test/bench/figures.h"

enum { MEASURES_MAX = 8, WAYS_MAX = 10, TARGETS_MAX = 12 };

struct comparison;

/* One round. Puts a value for each measure that it knows; they come as NAN, "not measured". */
typedef void comparison_run_fn(void *argument, const struct comparison *comparison, double *ret_values);

struct comparison_measure {
    const char *name; /* "transactions" */
    const char *unit; /* "/s" */
    int decimals;
};

struct comparison_way {
    const char *name;
    comparison_run_fn *run;
    void *argument;
};

enum target_kind {
    TARGET_VALUE,      /* what the way reached */
    TARGET_RATIO,      /* divided by what `against` reached */
    TARGET_DIFFERENCE, /* less what `against` reached */
};

struct comparison_target {
    const char *text;
    size_t measure;
    const char *way;
    const char *against;
    enum target_kind kind;
    bool is_at_most; /* smaller is better */
    double must;
    double proud;
};

/* Arrays end at the first entry without a name. */
struct comparison {
    const char *test;
    unsigned threads; /* 0: it is not about threads */
    bool is_one_core;
    const char *baseline; /* NULL: no ratios in the table */
    unsigned rounds;      /* 0: bench_rounds() */
    struct comparison_measure measures[MEASURES_MAX];
    struct comparison_way ways[WAYS_MAX];
    struct comparison_target targets[TARGETS_MAX];
};

struct comparison_result {
    const struct comparison *comparison;
    size_t measure_count;
    size_t way_count;
    unsigned rounds;
    double values[MEASURES_MAX][WAYS_MAX][ROUNDS_MAX];
};

/* Runs all rounds and reports. While it runs, comparison.is_one_core keeps this process and all its children
 * on one core. */
void comparison_run(const struct comparison *comparison);

/* Median and range of ratios (or differences) of two ways' rounds; `against` NULL: of the way's own values.
 * All NAN when the comparison has no such way. */
struct figures_range comparison_range(const struct comparison_result *result, size_t measure,
                                      enum target_kind kind, const char *way, const char *against);
/* "no", "must" or "proud". */
const char *comparison_met(const struct comparison_target *target, double value);

#endif
