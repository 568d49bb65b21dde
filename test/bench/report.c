/* The Markdown of report.h. */
#include "test/bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "test/bench/comparison.h"
#include "test/bench/report_json.h"
#include "test/lib/place.h"

enum { TARGETS_KEPT = 200 };

struct reached {
    struct comparison_target target;
    const char *row; /* "| mysql 9.7.4 | oltp_insert | 8" */
    struct figures_range range;
};

static struct reached reached[TARGETS_KEPT];
static size_t reached_count;
static char header[400];
static time_t began;

void report_begin(const char *part, const char *title)
{
    enum family family = bench_family();
    began = time(NULL);
    reached_count = 0;
    header[0] = '\0';
    report_json_begin(part);
    printf("## %s: %s\n\n%s %s, medians of %u rounds of %u s each; in brackets the ratio to the first "
           "column, median "
           "and range.\n",
           part, title, family_name(family), server_version(family), bench_rounds(), bench_seconds());
    fflush(stdout);
}

/* A new table where the columns are others than those before. */
static void print_header(const struct comparison_result *result)
{
    char now[sizeof(header)];
    size_t length = (size_t)snprintf(now, sizeof(now), "| server | test | threads | measure |");
    for (size_t i = 0; i < result->way_count && length < sizeof(now); i++)
        length +=
            (size_t)snprintf(now + length, sizeof(now) - length, " %s |", result->comparison->ways[i].name);
    if (strcmp(now, header) == 0)
        return;
    memcpy(header, now, sizeof(header));
    printf("\n%s\n|---|---|---|---|", header);
    for (size_t i = 0; i < result->way_count; i++)
        printf("---|");
    printf("\n");
}

static const char *row_name(const struct comparison *comparison)
{
    const char *threads = comparison->threads == 0 ? "" : place_format("%u", comparison->threads);
    return place_format("| %s %s | %s | %s%s", family_name(bench_family()), server_version(bench_family()),
                        comparison->test, threads, comparison->is_one_core ? ", one core" : "");
}

static void print_range(const struct figures_range *range, int decimals)
{
    if (isnan(range->median))
        return;
    printf("%.*f", decimals, range->median);
    if (range->min < range->max)
        printf(" (%.*f–%.*f)", decimals, range->min, decimals, range->max);
}

static void print_cell(const struct comparison_result *result, size_t measure, size_t way)
{
    const struct comparison *comparison = result->comparison;
    const char *name = comparison->ways[way].name;
    int decimals = comparison->measures[measure].decimals;
    bool is_baseline = comparison->baseline == NULL || strcmp(name, comparison->baseline) == 0;
    struct figures_range own = comparison_range(result, measure, TARGET_VALUE, name, NULL);
    struct figures_range ratio =
        comparison_range(result, measure, TARGET_RATIO, name, is_baseline ? NULL : comparison->baseline);
    printf(" ");
    if (is_baseline) {
        print_range(&own, decimals);
    } else if (!isnan(own.median)) {
        printf("%.*f", decimals, own.median);
        if (!isnan(ratio.median)) {
            printf(" [");
            print_range(&ratio, 2);
            printf("]");
        }
    }
    printf(" |");
}

static void keep_targets(const struct comparison_result *result, const char *row)
{
    const struct comparison *comparison = result->comparison;
    for (size_t i = 0; i < TARGETS_MAX && comparison->targets[i].text != NULL; i++) {
        const struct comparison_target *target = &comparison->targets[i];
        struct figures_range range =
            comparison_range(result, target->measure, target->kind, target->way, target->against);
        if (!isnan(range.median) && reached_count < TARGETS_KEPT)
            reached[reached_count++] = (struct reached){*target, row, range};
    }
}

void report_add(const struct comparison_result *result)
{
    const char *row = row_name(result->comparison);
    print_header(result);
    for (size_t measure = 0; measure < result->measure_count; measure++) {
        printf("%s | %s, %s |", row, result->comparison->measures[measure].name,
               result->comparison->measures[measure].unit);
        for (size_t way = 0; way < result->way_count; way++)
            print_cell(result, measure, way);
        printf("\n");
    }
    fflush(stdout);
    keep_targets(result, row);
    report_json_add(result);
}

void report_end(void)
{
    if (reached_count > 0)
        printf("\n| server | test | threads | target | reached | must | proud | met |\n"
               "|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < reached_count; i++) {
        const struct comparison_target *target = &reached[i].target;
        printf("%s | %s | ", reached[i].row, target->text);
        print_range(&reached[i].range, fabs(target->must) < 20 ? 2 : 0);
        printf(" | %g | %g | %s |\n", target->must, target->proud,
               comparison_met(target, reached[i].range.median));
    }
    printf("\n%.0f s\n\n", difftime(time(NULL), began));
    fflush(stdout);
}
