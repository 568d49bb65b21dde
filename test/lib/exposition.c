/* The rules of exposition.h. */
#include "test/lib/exposition.h"

#include <check.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"

enum { NAME_MAX_BYTES = 100, FAMILIES_MAX = 200, SERIES_MAX = 4000, LABELS_MAX = 200 };

struct reading {
    struct place where;
    const char *line;
    char families[FAMILIES_MAX][NAME_MAX_BYTES]; /* that have begun; the last one is current */
    size_t family_count;
    char type[20]; /* of the current one */
    char series[SERIES_MAX][NAME_MAX_BYTES + LABELS_MAX];
    size_t series_count;
    /* the histogram that is being read: */
    char bucket_labels[LABELS_MAX]; /* without le */
    double last_le, last_count;
    bool has_infinity;
};

static void wrong(const struct reading *reading, const char *what)
{
    fail_at(reading->where, "%s: %.*s", what, (int)strcspn(reading->line, "\n"), reading->line);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static void check_name(const struct reading *reading, const char *name)
{
    static const char *const bad_units[] = {"_ms",    "_us",  "_milliseconds", "_microseconds", "_minutes",
                                            "_kb",    "_kib", "_mb",           "_percent",      "_gauge",
                                            "_count", "_sum", "_bucket",       "_info_total",   "_counter"};

    if (strncmp(name, "ackgate_", 8) != 0 && strncmp(name, "process_", 8) != 0)
        wrong(reading, "a foreign name");
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) || strstr(name, "__"))
        wrong(reading, "not a lower case name");
    for (size_t i = 0; i < sizeof bad_units / sizeof *bad_units; i++)
        if (ends_with(name, bad_units[i]))
            wrong(reading, "an ending that promtool does not take");
}

static void on_help(struct reading *reading)
{
    char name[NAME_MAX_BYTES], text[4];

    if (sscanf(reading->line, "# HELP %99s %3s", name, text) != 2)
        wrong(reading, "HELP without a text");
    check_name(reading, name);
    for (size_t i = 0; i < reading->family_count; i++)
        if (strcmp(reading->families[i], name) == 0)
            wrong(reading, "a family twice");
    ck_assert_uint_lt(reading->family_count, FAMILIES_MAX);
    strcpy(reading->families[reading->family_count++], name);
    reading->type[0] = '\0';
}

static void on_type(struct reading *reading)
{
    char name[NAME_MAX_BYTES];

    if (sscanf(reading->line, "# TYPE %99s %19s", name, reading->type) != 2)
        wrong(reading, "TYPE is not whole");
    if (reading->family_count == 0 || strcmp(reading->families[reading->family_count - 1], name) != 0)
        wrong(reading, "TYPE without its HELP before it");
    if (strcmp(reading->type, "counter") == 0 ? !ends_with(name, "_total") : ends_with(name, "_total"))
        wrong(reading, "counters end in _total, and only they");
    if (strcmp(reading->type, "histogram") == 0 && !ends_with(name, "_seconds"))
        wrong(reading, "a histogram without a base unit");
}

/* Labels but le, as they stand; le itself goes to ret_le (NAN: none). */
static void split_labels(struct reading *reading, const char *labels, char ret_rest[LABELS_MAX],
                         double *ret_le)
{
    static const char *const allowed[] = {"le", "replica", "state", "version"};

    *ret_le = -1;
    ret_rest[0] = '\0';
    for (const char *at = labels; *at && *at != '}';) {
        char name[20], value[100];
        int length = 0;
        bool is_allowed = false;
        if (sscanf(at, "%19[a-z_]=\"%99[^\"]\"%n", name, value, &length) != 2 || length == 0)
            wrong(reading, "a label that cannot be read");
        for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
            is_allowed = is_allowed || strcmp(allowed[i], name) == 0;
        if (!is_allowed)
            wrong(reading, "a label that may be unbounded");
        if (strcmp(name, "le") == 0)
            *ret_le = strtod(value, NULL);
        else
            (void)snprintf(ret_rest + strlen(ret_rest), LABELS_MAX - strlen(ret_rest), "%.*s,", length, at);
        at += length;
        if (*at == ',')
            at++;
    }
}

static void on_bucket(struct reading *reading, const char *rest, double le, double count)
{
    bool is_first = reading->last_le < 0;

    if (le < 0)
        wrong(reading, "a bucket without le");
    if (is_first)
        (void)snprintf(reading->bucket_labels, LABELS_MAX, "%s", rest);
    else if (strcmp(rest, reading->bucket_labels) != 0 || le <= reading->last_le ||
             count < reading->last_count)
        wrong(reading, "buckets that do not add up");
    reading->last_le = le;
    reading->last_count = count;
    reading->has_infinity = le > 1e300;
}

static void on_histogram(struct reading *reading, const char *name, const char *rest, double le, double value)
{
    if (ends_with(name, "_bucket")) {
        on_bucket(reading, rest, le, value);
    } else if (ends_with(name, "_sum")) {
        if (!reading->has_infinity || strcmp(rest, reading->bucket_labels) != 0)
            wrong(reading, "a sum without its buckets up to +Inf");
    } else if (ends_with(name, "_count")) {
        if (value != reading->last_count)
            wrong(reading, "a count that is not the last bucket's");
        reading->last_le = -1;
        reading->has_infinity = false;
    } else {
        wrong(reading, "no part of a histogram");
    }
}

static void on_sample(struct reading *reading)
{
    size_t length = strcspn(reading->line, " \n");
    char series[NAME_MAX_BYTES + LABELS_MAX], name[NAME_MAX_BYTES], rest[LABELS_MAX];
    double le, value;
    char *end;

    ck_assert_uint_lt(length, sizeof series);
    (void)snprintf(series, sizeof series, "%.*s", (int)length, reading->line);
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(series, "{"), series);
    value = strtod(reading->line + length, &end);
    if (end == reading->line + length || *end != '\n')
        wrong(reading, "a sample without a value");
    for (size_t i = 0; i < reading->series_count; i++)
        if (strcmp(reading->series[i], series) == 0)
            wrong(reading, "a series twice");
    ck_assert_uint_lt(reading->series_count, SERIES_MAX);
    strcpy(reading->series[reading->series_count++], series);
    const char *family = reading->family_count > 0 ? reading->families[reading->family_count - 1] : "";
    bool is_histogram = strcmp(reading->type, "histogram") == 0;
    if (reading->type[0] == '\0' || strncmp(name, family, strlen(family)) != 0 ||
        (!is_histogram && strcmp(name, family) != 0))
        wrong(reading, "a sample outside of its family");
    split_labels(reading, series + strlen(name) + (series[strlen(name)] == '{'), rest, &le);
    if (is_histogram)
        on_histogram(reading, name, rest, le, value);
}

void exposition_assert_valid_at(struct place where, const char *text)
{
    static struct reading reading;

    reading = (struct reading){.where = where, .last_le = -1};
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        reading.line = line;
        if (!strchr(line, '\n'))
            wrong(&reading, "a line without an end");
        if (strncmp(line, "# HELP ", 7) == 0)
            on_help(&reading);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            on_type(&reading);
        else
            on_sample(&reading);
    }
    ck_assert_uint_gt(reading.series_count, 0);
}

void exposition_assert_has_names_of_at(struct place where, const char *text, const char *path)
{
    char *file = place_read_file(path, NULL);
    size_t names = 0;

    if (!file)
        fail_at(where, "%s cannot be read", path);
    for (const char *at = strstr(file, "ackgate_"); at; at = strstr(at + 1, "ackgate_")) {
        int length = (int)strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (!strstr(text, place_format("\n%.*s ", length, at)) &&
            !strstr(text, place_format("\n%.*s{", length, at)) &&
            !strstr(text, place_format("\n# TYPE %.*s ", length, at)))
            fail_at(where, "%s uses %.*s, which /metrics does not have", path, length, at);
        names++;
    }
    if (names == 0)
        fail_at(where, "%s uses no figure of ackgate's", path);
    free(file);
}
