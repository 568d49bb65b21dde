/* The tool's answers. */
#include "recovery/recover_say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_json_text(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\": \"", key);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at < 0x20)
            fprintf(out, "\\u%04x", *at);
        else
            putc(*at, out);
    }
    putc('"', out);
}

/* Texts come from ackgate and the disk: no control characters on a terminal. */
static void put_line(FILE *out, const char *text)
{
    fputs("ackgate-recover: ", out);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        putc(*at < 0x20 || *at == 0x7F ? ' ' : *at, out);
    putc('\n', out);
}

int recover_say_error(bool is_json, enum recover_exit code, const char *reason)
{
    if (is_json) {
        printf("{\"result\": \"%s\", \"exit\": %d, ", code == RECOVER_EXIT_REFUSED ? "refuse" : "error",
               (int)code);
        put_json_text(stdout, "reason", reason);
        printf("}\n");
    } else {
        put_line(stderr, reason);
    }
    return (int)code;
}

int recover_say_note(bool is_json, const char *result, const char *note)
{
    if (is_json) {
        printf("{\"result\": \"%s\", \"exit\": 0, ", result);
        put_json_text(stdout, "reason", note);
        printf("}\n");
    } else {
        put_line(stdout, note);
    }
    return RECOVER_EXIT_SAFE;
}

static int exit_of(const struct plan *plan)
{
    return plan->overall == VERDICT_REFUSE ? RECOVER_EXIT_REFUSED : RECOVER_EXIT_SAFE;
}

static const char *kept_as(const struct plan *plan, const struct apply_report *report)
{
    return report != NULL && report->kept_as != NULL ? report->kept_as : plan->kept_as;
}

static void say_json(const struct plan *plan, const char *cut_file, const struct apply_report *report,
                     const struct recover_times *times)
{
    printf("{\"result\": \"%s\", \"exit\": %d, \"applied\": %s, ", verdict_overall_name(plan->overall),
           exit_of(plan), report != NULL ? "true" : "false");
    put_json_text(stdout, "reason", plan->reason);
    printf(", \"kept\": %zu, \"completed\": %zu, \"discarded\": %zu, \"refused\": %zu", plan->kept,
           plan->completed, plan->discarded, plan->refused);
    if (plan->overall == VERDICT_CUT) {
        printf(", ");
        put_json_text(stdout, "cut_file", cut_file);
        printf(", \"cut_pos\": %" PRIu64 ", ", plan->cut.offset);
        put_json_text(stdout, "kept_as", kept_as(plan, report));
    }
    if (report != NULL && report->torn_as != NULL) {
        printf(", ");
        put_json_text(stdout, "torn_as", report->torn_as);
    }
    printf(", \"read_ms\": %.1f, \"ask_ms\": %.1f, \"cut_ms\": %.1f}\n", (double)times->read_us / 1e3,
           (double)times->ask_us / 1e3, (double)times->cut_us / 1e3);
}

static void say_text(const struct plan *plan, const char *cut_file, const struct apply_report *report)
{
    FILE *out = plan->overall == VERDICT_REFUSE ? stderr : stdout;
    put_line(out, plan->reason);
    if (plan->overall != VERDICT_CUT) {
        if (report != NULL && report->torn_as != NULL)
            printf("ackgate-recover: a torn event at the end of the binlog was cut off and is kept in %s\n",
                   report->torn_as);
        return;
    }
    const char *did = report == NULL ? "to be cut" : report->kept_as == NULL ? "was cut before" : "cut";
    printf("ackgate-recover: %s %s at %" PRIu64 ", %s %s\n", cut_file, did, plan->cut.offset,
           report == NULL ? "to be kept in" : "what was cut is kept in", kept_as(plan, report));
    if (report != NULL && report->torn_as != NULL)
        printf("ackgate-recover: a torn event behind it is kept in %s\n", report->torn_as);
}

int recover_say_plan(bool is_json, const struct plan *plan, const struct tail *tail,
                     const struct apply_report *report, const struct recover_times *times)
{
    char cut_file[BINLOG_NAME_MAX] = "";
    if (plan->overall == VERDICT_CUT)
        binlog_name_format(tail->base, plan->cut.file, cut_file);
    if (is_json)
        say_json(plan, cut_file, report, times);
    else
        say_text(plan, cut_file, report);
    return exit_of(plan);
}
