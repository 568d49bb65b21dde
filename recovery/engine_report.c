/* What the engine of a started source says, as text; declared in tail_text.h. */
#include "protocol/gtid_set.h"
#include "protocol/xalloc.h"
#include "recovery/tail_text.h"
#include "recovery/tail_words.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void engine_report_release(struct engine_report *report)
{
    free(report->executed);
    *report = (struct engine_report){0};
}

/* Servers print a newline after each comma. */
static void put_set(FILE *out, const char *set)
{
    fprintf(out, " executed=");
    for (; *set != '\0'; set++)
        if (*set != '\n' && *set != ' ')
            putc(*set, out);
    putc('\n', out);
}

char *engine_report_format(const struct engine_report *report)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert(out != NULL);
    fprintf(out, "ackgate-engine 1 flavor=%s", flavor_name(report->flavor));
    if (report->flavor == FLAVOR_MYSQL) {
        put_set(out, report->executed == NULL ? "" : report->executed);
    } else {
        fprintf(out, " file=");
        words_encode(out, report->file);
        fprintf(out, " pos=%" PRIu64 "\n", report->offset);
    }
    fclose(out);
    return text;
}

static bool parse_mysql(struct span line, struct engine_report *report)
{
    struct span value;
    struct gtid_set set;
    gtid_set_init(&set);
    bool is_good = words_value(&line, "executed", &value) && line.length == 0 &&
                   gtid_set_parse(&set, value) == RESULT_OK;
    if (is_good)
        report->executed = gtid_set_format(&set);
    gtid_set_release(&set);
    return is_good;
}

static bool parse_mariadb(struct span line, struct engine_report *report)
{
    struct span value;
    if (!words_value(&line, "file", &value) || !words_decode(value, report->file, sizeof(report->file)) ||
        !words_value(&line, "pos", &value) || !words_number(value, INT64_MAX, &report->offset) ||
        line.length != 0)
        return false;
    if (report->file[0] != '\0' && binlog_name_parse(span_of_text(report->file), NULL, NULL) != RESULT_OK)
        return false;
    report->executed = xstrdup("");
    return true;
}

enum result engine_report_parse(struct span text, struct engine_report *ret_report)
{
    struct engine_report report = {0};
    struct span flavor;
    uint64_t version;
    struct span line = words_line(&text);
    if (!span_is_text(words_next(&line), "ackgate-engine") ||
        !words_number(words_next(&line), UINT32_MAX, &version))
        return RESULT_MALFORMED;
    if (version != 1)
        return RESULT_UNSUPPORTED;
    if (text.length != 0 || !words_value(&line, "flavor", &flavor))
        return RESULT_MALFORMED;
    bool is_good = false;
    if (span_is_text(flavor, "mysql")) {
        report.flavor = FLAVOR_MYSQL;
        is_good = parse_mysql(line, &report);
    } else if (span_is_text(flavor, "mariadb")) {
        report.flavor = FLAVOR_MARIADB;
        is_good = parse_mariadb(line, &report);
    }
    if (!is_good)
        return RESULT_MALFORMED;
    *ret_report = report;
    return RESULT_OK;
}
