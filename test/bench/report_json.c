/* Writes what report_json.h says. Each object is a line of its own, so that a part's lines are found and
 * replaced without reading JSON. All names are the benches' own: nothing in them needs escaping. */
#include "test/bench/report_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "test/bench/comparison.h"
#include "test/lib/place.h"
#include "test/lib/server_template.h"

static const char *part_name;

static const char *path(void)
{
    const char *out = getenv("OUT");
    if (out != NULL && *out != '\0')
        return out;
    (void)mkdir(place_format("%s/bench", server_build_dir()), 0755);
    return place_format("%s/bench/figures.json", server_build_dir());
}

/* All objects of the file that do not begin with this, and then this one, which may be NULL. */
static void rewrite(const char *without, const char *object)
{
    char *text = NULL;
    size_t size = 0;
    const char *between = "";
    char *old = place_read_file(path(), NULL);
    FILE *out = open_memstream(&text, &size);
    fputs("[\n", out);
    for (char *rest = old, *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] != '{' || (without != NULL && strncmp(line, without, strlen(without)) == 0))
            continue;
        size_t length = strlen(line);
        fprintf(out, "%s%.*s", between, (int)(line[length - 1] == ',' ? length - 1 : length), line);
        between = ",\n";
    }
    if (object != NULL)
        fprintf(out, "%s%s", between, object);
    fputs("\n]\n", out);
    (void)fclose(out);
    place_write_file(path(), text, 0644);
    free(text);
    free(old);
}

static const char *beginning(void)
{
    return place_format("{\"part\": \"%s\", \"family\": \"%s\",", part_name, family_name(bench_family()));
}

void report_json_begin(const char *part)
{
    part_name = part;
    rewrite(beginning(), NULL);
}

static void put_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "%.6g", value);
    else
        fputs("null", out);
}

static void put_range(FILE *out, const struct figures_range *range)
{
    fputs("\"median\": ", out);
    put_number(out, range->median);
    fputs(", \"min\": ", out);
    put_number(out, range->min);
    fputs(", \"max\": ", out);
    put_number(out, range->max);
}

static void put_way(FILE *out, const struct comparison_result *result, size_t measure, size_t way)
{
    const struct comparison *comparison = result->comparison;
    const char *name = comparison->ways[way].name;
    struct figures_range own = comparison_range(result, measure, TARGET_VALUE, name, NULL);
    fprintf(out, "%s\"%s\": {", way > 0 ? ", " : "", name);
    put_range(out, &own);
    fputs(", \"rounds\": [", out);
    for (unsigned i = 0; i < result->rounds; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_number(out, result->values[measure][way][i]);
    }
    fputs("]", out);
    if (comparison->baseline != NULL && strcmp(comparison->baseline, name) != 0) {
        struct figures_range ratio =
            comparison_range(result, measure, TARGET_RATIO, name, comparison->baseline);
        fputs(", \"ratio\": {", out);
        put_range(out, &ratio);
        fputs("}", out);
    }
    fputs("}", out);
}

static void put_targets(FILE *out, const struct comparison_result *result, size_t measure)
{
    static const char *const kinds[] = {"value", "ratio", "difference"};
    const char *between = "";
    for (size_t i = 0; i < TARGETS_MAX && result->comparison->targets[i].text != NULL; i++) {
        const struct comparison_target *target = &result->comparison->targets[i];
        double value =
            comparison_range(result, target->measure, target->kind, target->way, target->against).median;
        if (target->measure != measure || isnan(value))
            continue;
        fprintf(out, "%s{\"text\": \"%s\", \"way\": \"%s\", \"against\": ", between, target->text,
                target->way);
        fprintf(out, target->against == NULL ? "null" : "\"%s\"", target->against);
        fprintf(out, ", \"kind\": \"%s\", \"at_most\": %s, \"value\": ", kinds[target->kind],
                target->is_at_most ? "true" : "false");
        put_number(out, value);
        fprintf(out, ", \"must\": %g, \"proud\": %g, \"met\": \"%s\"}", target->must, target->proud,
                comparison_met(target, value));
        between = ", ";
    }
}

static void put_measure(FILE *out, const struct comparison_result *result, size_t measure, const char *when)
{
    const struct comparison *comparison = result->comparison;
    enum family family = bench_family();
    fprintf(out, "%s \"server\": \"%s %s\", \"time\": \"%s\", \"test\": \"%s\", \"threads\": %u, ",
            beginning(), family_name(family), server_version(family), when, comparison->test,
            comparison->threads);
    fprintf(out, "\"one_core\": %s, \"seconds\": %u, \"measure\": \"%s\", \"unit\": \"%s\", \"baseline\": ",
            comparison->is_one_core ? "true" : "false", bench_seconds(), comparison->measures[measure].name,
            comparison->measures[measure].unit);
    fprintf(out, comparison->baseline == NULL ? "null" : "\"%s\"", comparison->baseline);
    fputs(", \"ways\": {", out);
    for (size_t way = 0; way < result->way_count; way++)
        put_way(out, result, measure, way);
    fputs("}, \"targets\": [", out);
    put_targets(out, result, measure);
    fputs("]}", out);
}

void report_json_add(const struct comparison_result *result)
{
    char when[32];
    time_t now = time(NULL);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    for (size_t measure = 0; measure < result->measure_count; measure++) {
        char *object = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&object, &size);
        put_measure(out, result, measure, when);
        (void)fclose(out);
        rewrite(NULL, object);
        free(object);
    }
}
