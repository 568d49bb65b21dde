/* The rounds of comparison.h. */
#include "test/bench/comparison.h"

#include <math.h>
#include <string.h>

#include "test/bench/cores.h"
#include "test/bench/report.h"

static void count(struct comparison_result *result)
{
    const struct comparison *comparison = result->comparison;
    while (result->measure_count < MEASURES_MAX && comparison->measures[result->measure_count].name != NULL)
        result->measure_count++;
    while (result->way_count < WAYS_MAX && comparison->ways[result->way_count].name != NULL)
        result->way_count++;
    result->rounds = comparison->rounds > 0 ? comparison->rounds : bench_rounds();
    ck_assert_uint_le(result->rounds, ROUNDS_MAX);
}

/* Each round begins with another way, so that none always follows the same one. */
static void run_round(struct comparison_result *result, unsigned round)
{
    for (size_t i = 0; i < result->way_count; i++) {
        double values[MEASURES_MAX];
        size_t way = (i + round) % result->way_count;
        for (size_t measure = 0; measure < MEASURES_MAX; measure++)
            values[measure] = NAN;
        result->comparison->ways[way].run(result->comparison->ways[way].argument, result->comparison, values);
        for (size_t measure = 0; measure < result->measure_count; measure++)
            result->values[measure][way][round] = values[measure];
    }
}

void comparison_run(const struct comparison *comparison)
{
    static struct comparison_result result;
    result = (struct comparison_result){.comparison = comparison};
    count(&result);
    if (comparison->is_one_core)
        cores_use_one();
    for (unsigned round = 0; round < result.rounds; round++)
        run_round(&result, round);
    if (comparison->is_one_core)
        cores_use_all();
    report_add(&result);
}

static const double *find(const struct comparison_result *result, size_t measure, const char *name)
{
    for (size_t way = 0; way < result->way_count; way++)
        if (strcmp(result->comparison->ways[way].name, name) == 0)
            return result->values[measure][way];
    return NULL;
}

struct figures_range comparison_range(const struct comparison_result *result, size_t measure,
                                      enum target_kind kind, const char *way, const char *against)
{
    double values[ROUNDS_MAX];
    const double *own = find(result, measure, way);
    const double *other = against == NULL ? own : find(result, measure, against);
    if (own == NULL || other == NULL)
        return (struct figures_range){NAN, NAN, NAN};
    for (unsigned i = 0; i < result->rounds; i++) {
        if (kind == TARGET_RATIO)
            values[i] = own[i] / other[i];
        else
            values[i] = kind == TARGET_DIFFERENCE ? own[i] - other[i] : own[i];
    }
    return figures_range(values, result->rounds);
}

const char *comparison_met(const struct comparison_target *target, double value)
{
    if (target->is_at_most ? value <= target->proud : value >= target->proud)
        return "proud";
    return (target->is_at_most ? value <= target->must : value >= target->must) ? "must" : "no";
}
