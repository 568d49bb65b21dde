/* The runs of tool.h, in three items of the schedule: where to begin, the answer, the cut. */
#include "test/sim/tool.h"

#include "proxy/pipeline_parts.h"
#include "proxy/recover_source.h"
#include "recovery/apply.h"
#include "recovery/binlog_tail.h"
#include "recovery/plan.h"
#include "recovery/storage_posix.h"
#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/schedule.h"
#include "test/sim/source.h"
#include "test/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool is_running;
    struct position from;
    bool has_read;
    struct binlog_index index;
    struct tail tail;
    struct plan plan;
    uint64_t death_in;
    bool dies_by_power;
} tool;

static void on_begin(void *unused);
static void on_verify(void *unused);

static void forget(void)
{
    if (tool.has_read) {
        plan_release(&tool.plan);
        tail_release(&tool.tail);
        binlog_index_release(&tool.index);
    }
    tool.has_read = false;
}

static void again(void)
{
    forget();
    schedule_after(dice_between(50000, 400000), GROUP_TOOL, on_begin, NULL);
}

/* What cannot be done is an error of the tool, unless a call was made to fail. */
static void give_up(char *problem)
{
    if (!world_may_fail())
        world_fail("ackgate-recover: %s", problem == NULL ? "?" : problem);
    free(problem);
    again();
}

static void count_calls(bool is_counting)
{
    files_faults(HOST_SOURCE)->is_counting = is_counting && world_may_fail();
}

/* ---- the cut ---- */

static void on_tool_death(void)
{
    files_split(HOST_SOURCE, tool.dies_by_power);
    world_figures()->tool_deaths++;
    world_note("ackgate-recover: %s", tool.dies_by_power ? "power lost" : "killed");
}

static void start_server(void)
{
    forget();
    tool.is_running = false;
    schedule_after(dice_between(1000, 300000), GROUP_TOOL, on_verify, NULL);
    source_boot(NULL);
}

static enum result cut(char **ret_problem)
{
    struct apply_request request = {storage_posix(), &tool.index, &tool.tail, tool.plan.cut,
                                    tool.plan.kept_as};
    struct apply_report report;
    enum result result = apply_cut(&request, &report, ret_problem);
    if (result == RESULT_OK)
        apply_report_release(&report);
    world_figures()->cuts++;
    return result;
}

static void on_cut(void *unused)
{
    (void)unused;
    char *problem = NULL;
    enum result result = RESULT_OK;
    files_faults(HOST_SOURCE)->death_in = tool.death_in;
    files_on_death(HOST_SOURCE, on_tool_death);
    tool.death_in = 0;
    count_calls(true);
    if (tool.plan.overall == VERDICT_CUT)
        result = cut(&problem);
    count_calls(false);
    files_faults(HOST_SOURCE)->death_in = 0;
    if (files_is_split(HOST_SOURCE)) {
        files_bury(HOST_SOURCE);
        free(problem);
        again();
    } else if (result != RESULT_OK) {
        give_up(problem);
    } else {
        start_server();
    }
}

/* ---- the answer ---- */

static void take_row(const char *gtid, struct position start, uint64_t end, const char *verdict,
                     const char *reason, const char *kept_as)
{
    char name[BINLOG_NAME_MAX] = "";
    char start_text[24];
    char end_text[24];
    const char *problem = "";
    if (start.file != 0)
        binlog_name_format(tool.tail.base, start.file, name);
    snprintf(start_text, sizeof(start_text), "%" PRIu64, start.offset);
    snprintf(end_text, sizeof(end_text), "%" PRIu64, end);
    const char *cells[PLAN_COLUMNS] = {gtid, name, start_text, end_text, verdict, reason, kept_as};
    if (plan_take_row(&tool.plan, &tool.tail, cells, &problem) != RESULT_OK)
        world_fail("ackgate-recover does not take the answer: %s", problem);
}

static void check_answer(const struct verdict *verdict)
{
    const char *problem = "";
    if (plan_finish(&tool.plan, &tool.tail, &problem) != RESULT_OK)
        world_fail("ackgate-recover does not take the plan: %s", problem);
    if (verdict->overall == VERDICT_REFUSE)
        world_fail("the source is refused without a reason: %s", verdict->reason);
    if (verdict->discarded > 0 && daemon_has_lost_journal())
        world_fail("P5: the journal was lost, and %zu transactions are discarded", verdict->discarded);
    world_figures()->discarded += verdict->discarded;
    world_note("verdict: %s", verdict->reason);
}

static void take_answer(const struct recover_answer *answer)
{
    const struct verdict *verdict = &answer->verdict;
    bool is_cut = verdict->overall == VERDICT_CUT;
    take_row("", is_cut ? verdict->cut : POSITION_NONE, 0, verdict_overall_name(verdict->overall),
             verdict->reason, is_cut ? answer->kept_as : "");
    for (size_t i = 0; i < verdict->item_count; i++) {
        char gtid[GTID_TEXT_MAX];
        const struct tail_txn *txn = &tool.tail.txns[i];
        take_row(gtid_format(&txn->gtid, gtid), tail_txn_start(txn), txn->end,
                 verdict_action_name(verdict->items[i].action), verdict->items[i].reason, "");
    }
    check_answer(verdict);
}

/* As text there and back, as over the admin port. False: no answer. */
static bool ask(struct pipeline *pipeline)
{
    struct tail sent;
    struct recover_answer answer;
    size_t length;
    size_t line;
    char error[RECOVER_ERROR_MAX] = "";
    char *text = tail_format(&tool.tail, &length);
    tail_init(&sent);
    if (tail_parse((struct span){(const uint8_t *)text, length}, &sent, &line) != RESULT_OK)
        world_fail("the tail is not understood, line %zu", line);
    enum result result = pipeline_recover_tail(pipeline, &sent, true, &answer, error);
    tail_release(&sent);
    free(text);
    bool is_heard = result == RESULT_OK && !world_is_ghost();
    if (is_heard)
        take_answer(&answer);
    else
        world_note("ackgate-recover: no answer: %s", error);
    if (result == RESULT_OK)
        verdict_release(&answer.verdict);
    return is_heard;
}

static void on_ask(void *unused)
{
    (void)unused;
    struct pipeline *pipeline = daemon_pipeline();
    if (pipeline == NULL || !ask(pipeline))
        again();
    else
        schedule_after(dice_between(100, 50000), GROUP_TOOL, on_cut, NULL);
}

/* ---- the tail ---- */

static enum result read_tail(char **ret_problem)
{
    struct binlog_tail_request request = {storage_posix(), SOURCE_DIR, &tool.index, tool.from};
    enum result result =
        binlog_index_read(storage_posix(), SOURCE_DIR "/binlog.index", SOURCE_DIR, &tool.index);
    if (result != RESULT_OK)
        return result;
    tail_init(&tool.tail);
    plan_init(&tool.plan);
    tool.has_read = true;
    result = binlog_tail_read(&request, &tool.tail, ret_problem);
    if (result == RESULT_OK && tool.tail.fault == TAIL_DAMAGED)
        world_fail("ackgate-recover finds damage where only a crash was");
    snprintf(tool.tail.keep_dir, sizeof(tool.tail.keep_dir), SOURCE_DIR "/ackgate-discarded");
    return result;
}

static void on_begin(void *unused)
{
    (void)unused;
    char *problem = NULL;
    struct recover_status status;
    struct pipeline *pipeline = daemon_pipeline();
    if (pipeline == NULL) {
        again();
        return;
    }
    pipeline_recover_status(pipeline, &status);
    tool.from = status.from;
    count_calls(true);
    enum result result = read_tail(&problem);
    count_calls(false);
    if (result == RESULT_OK)
        schedule_after(dice_between(100, 20000), GROUP_TOOL, on_ask, NULL);
    else
        give_up(problem);
}

/* ---- verify ---- */

static void on_verify(void *unused)
{
    (void)unused;
    char error[RECOVER_ERROR_MAX] = "";
    struct position end = source_engine_end();
    struct pipeline *pipeline = daemon_pipeline();
    struct engine_report report = {.flavor = world_setup()->flavor, .executed = source_executed()};
    if (!position_is_none(end))
        binlog_name_format("binlog", end.file, report.file);
    report.offset = end.offset;
    enum result result = pipeline == NULL ? RESULT_IO : pipeline_recover_engine(pipeline, &report, error);
    engine_report_release(&report);
    if (result == RESULT_CONFLICT)
        world_note("verify: %s", error);
    else if (result != RESULT_OK || world_is_ghost())
        schedule_after(dice_between(10000, 300000), GROUP_TOOL, on_verify, NULL);
}

/* ---- from outside ---- */

void tool_reset(void)
{
    forget();
    memset(&tool, 0, sizeof(tool));
}

void tool_start(uint64_t delay_us)
{
    tool.is_running = true;
    schedule_after(delay_us, GROUP_TOOL, on_begin, NULL);
}

bool tool_is_running(void)
{
    return tool.is_running;
}

void tool_plan_death(uint64_t effects, bool is_power)
{
    tool.death_in = effects;
    tool.dies_by_power = is_power;
}
