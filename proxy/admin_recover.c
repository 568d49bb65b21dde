/* The answers of admin_recover.h as result sets. */
#include "proxy/admin_recover.h"

#include "protocol/constants.h"
#include "proxy/log.h"
#include "proxy/recover_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_columns(struct resultset_writer *out, const char *const *names, size_t count)
{
    struct resultset_column columns[8] = {{.name = NULL}};
    for (size_t i = 0; i < count; i++)
        columns[i].name = names[i];
    resultset_writer_columns(out, columns, count);
}

/* ---- RECOVER SOURCE STATUS ---- */

static void write_pair(struct resultset_writer *out, const char *name, const char *value)
{
    resultset_writer_row_begin(out);
    resultset_writer_text(out, name);
    resultset_writer_text(out, value);
    resultset_writer_row_end(out);
}

static void write_number(struct resultset_writer *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    write_pair(out, name, text);
}

static const char *name_of(const char *base, uint64_t file, char ret_name[BINLOG_NAME_MAX])
{
    ret_name[0] = '\0';
    if (base[0] != '\0' && file > 0 && file <= BINLOG_NUMBER_MAX)
        binlog_name_format(base, file, ret_name);
    return ret_name;
}

void admin_recover_status(struct admin_context *context, struct resultset_writer *out)
{
    static const char *const names[] = {"name", "value"};
    struct recover_status status;
    char file[BINLOG_NAME_MAX];
    pipeline_recover_status(context->pipeline, &status);
    write_columns(out, names, 2);
    write_number(out, "epoch", status.epoch);
    write_pair(out, "flavor", flavor_name(status.flavor));
    write_pair(out, "server_uuid", status.server_uuid);
    write_number(out, "server_id", status.server_id);
    write_pair(out, "base", status.base);
    write_pair(out, "confirmed_file", name_of(status.base, status.confirmed.file, file));
    write_number(out, "confirmed_pos", status.confirmed.offset);
    write_pair(out, "from_file", name_of(status.base, status.from.file, file));
    write_number(out, "from_pos", status.from.offset);
    resultset_writer_end(out, STATUS_AUTOCOMMIT, 0);
}

/* ---- RECOVER SOURCE TAIL ---- */

static void write_overall(const struct tail *tail, const struct recover_answer *answer,
                          struct resultset_writer *out)
{
    char file[BINLOG_NAME_MAX];
    const struct verdict *verdict = &answer->verdict;
    bool is_cut = verdict->overall == VERDICT_CUT;
    resultset_writer_row_begin(out);
    resultset_writer_text(out, "");
    resultset_writer_text(out, is_cut ? name_of(tail->base, verdict->cut.file, file) : "");
    resultset_writer_u64(out, is_cut ? verdict->cut.offset : 0);
    resultset_writer_u64(out, 0);
    resultset_writer_text(out, verdict_overall_name(verdict->overall));
    resultset_writer_text(out, verdict->reason);
    resultset_writer_text(out, is_cut ? answer->kept_as : "");
    resultset_writer_row_end(out);
}

static void write_item(const struct tail *tail, size_t i, const struct verdict_item *item,
                       struct resultset_writer *out)
{
    char text[GTID_TEXT_MAX];
    char file[BINLOG_NAME_MAX];
    const struct tail_txn *txn = &tail->txns[i];
    resultset_writer_row_begin(out);
    resultset_writer_text(out, gtid_format(&txn->gtid, text));
    resultset_writer_text(out, name_of(tail->base, txn->file, file));
    resultset_writer_u64(out, txn->start);
    resultset_writer_u64(out, txn->end);
    resultset_writer_text(out, verdict_action_name(item->action));
    resultset_writer_text(out, item->reason);
    resultset_writer_text(out, "");
    resultset_writer_row_end(out);
}

static void answer_tail(struct admin_context *context, const struct tail *tail, bool decides,
                        struct resultset_writer *out)
{
    static const char *const names[] = {"gtid",    "file",   "start_pos", "end_pos",
                                        "verdict", "reason", "kept_as"};
    struct recover_answer answer;
    char error[RECOVER_ERROR_MAX] = "";
    if (pipeline_recover_tail(context->pipeline, tail, decides, &answer, error) != RESULT_OK) {
        admin_error(out, ERROR_CODE_UNKNOWN, "ackgate: %s", error);
        return;
    }
    write_columns(out, names, sizeof(names) / sizeof(names[0]));
    write_overall(tail, &answer, out);
    for (size_t i = 0; i < answer.verdict.item_count; i++)
        write_item(tail, i, &answer.verdict.items[i], out);
    resultset_writer_end(out, STATUS_AUTOCOMMIT, 0);
    verdict_release(&answer.verdict);
}

void admin_recover_tail(struct admin_context *context, const struct admin_token *text, bool decides,
                        struct resultset_writer *out)
{
    struct tail tail;
    size_t line;
    char *value = admin_token_value(text);
    tail_init(&tail);
    enum result result = tail_parse(span_of_text(value), &tail, &line);
    log_info(context->label, "RECOVER SOURCE %s: %zu transactions", decides ? "TAIL" : "CHECK",
             tail.txn_count);
    if (result == RESULT_OK)
        answer_tail(context, &tail, decides, out);
    else
        admin_error(out, ERROR_CODE_UNKNOWN,
                    "ackgate: the listing of the source's tail is not understood, line %zu: %s. Are "
                    "ackgate-recover and ackgate of one version?",
                    line, result_text(result));
    tail_release(&tail);
    free(value);
}

/* ---- the others ---- */

void admin_recover_engine(struct admin_context *context, const struct admin_token *text,
                          struct resultset_writer *out)
{
    struct engine_report report;
    char error[RECOVER_ERROR_MAX] = "";
    char *value = admin_token_value(text);
    if (engine_report_parse(span_of_text(value), &report) != RESULT_OK) {
        admin_error(out, ERROR_CODE_UNKNOWN, "ackgate: the engine's report is not understood");
    } else {
        if (pipeline_recover_engine(context->pipeline, &report, error) == RESULT_OK)
            admin_ok(out, "");
        else
            admin_error(out, ERROR_CODE_UNKNOWN, "ackgate: %s", error);
        engine_report_release(&report);
    }
    free(value);
}

void admin_resolve(struct admin_context *context, const struct admin_token *gtid, bool is_discard,
                   struct resultset_writer *out)
{
    char who[160];
    char error[RECOVER_ERROR_MAX] = "";
    char *value = admin_token_value(gtid);
    snprintf(who, sizeof(who), "%.60s@%.60s", log_quote_text(context->user), context->peer);
    if (pipeline_resolve(context->pipeline, value, is_discard, who, error) == RESULT_OK)
        admin_ok(out, "");
    else
        admin_error(out, ERROR_CODE_UNKNOWN, "ackgate: %s",
                    error[0] == '\0' ? "the journal cannot be written now; it is tried again" : error);
    free(value);
}
