/* The part of admission that is in recover_redo.h. */
#include "proxy/recover_redo.h"

#include "proxy/log.h"
#include "proxy/table_review.h"
#include "proxy/xa_review.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BACK_BYTES (UINT64_C(1) << 30) /* for the XA PREPARE of what is prepared since long */

static const char note_word[] = "XA ";

static bool is_noted(const struct journal_state *state, uint64_t run_file, bool *ret_is_first)
{
    *ret_is_first = true;
    for (size_t i = 0; i < state->overrides_count; i++) {
        const char *text = state->overrides[i];
        if (strncmp(text, note_word, strlen(note_word)) != 0)
            continue;
        *ret_is_first = false;
        if (strtoull(text + strlen(note_word), NULL, 10) == run_file)
            return true;
    }
    return false;
}

static void note(struct pipeline *pipeline, uint64_t run_file)
{
    char text[64];
    snprintf(text, sizeof(text), "%s%" PRIu64, note_word, run_file);
    journal_sink_put(pipeline->journal, &(struct journal_record){.type = JOURNAL_OVERRIDE, .text = text});
}

/* What the binlog says, from where a crash can have harmed it. */
struct history {
    uint64_t run_file;
    struct xa_review xa;
    struct table_review tables;
};

/* ---- reading the history ---- */

static bool add_txn(void *argument, uint64_t file, const struct txn *txn)
{
    struct history *history = argument;
    table_review_add(&history->tables, file, file < history->run_file, txn);
    return xa_review_add(&history->xa, file, txn);
}

static enum result review_from(struct pipeline *pipeline, uint64_t file, struct history *history)
{
    const struct source_prepared *prepared = &source_facts(pipeline->source)->prepared;
    struct position start = store_start(pipeline->store);
    if (file > start.file)
        start = (struct position){file, BINLOG_START};
    xa_review_release(&history->xa);
    xa_review_init(&history->xa, prepared->ids, prepared->count, history->run_file);
    history->tables.count = 0;
    return store_scan(pipeline->store, start, add_txn, history);
}

/* An XA PREPARE may be much older than what a crash can have harmed. */
static uint64_t look_back_file(struct pipeline *pipeline, uint64_t file)
{
    uint64_t bytes = 0;
    uint64_t end;
    while (file > store_start(pipeline->store).file && bytes < LOOK_BACK_BYTES &&
           store_file_end(pipeline->store, file - 1, &end) == RESULT_OK) {
        bytes += end;
        file--;
    }
    return file;
}

/* Where a crash can have harmed what is in the binlog: of this start, and of those before it that nobody has
 * looked at. */
static enum result first_file(const struct pipeline *pipeline, uint64_t run_file, uint64_t *ret_file)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    uint64_t oldest = store_start(pipeline->store).file;
    uint64_t first = run_file;
    bool is_first = false;
    enum result result = RESULT_OK;
    for (uint64_t run = run_file; result == RESULT_OK && run > oldest && !is_noted(state, run, &is_first);) {
        uint64_t from;
        result = store_checkpoint(pipeline->store, run - 1, &from);
        if (result == RESULT_OK && from < first)
            first = from;
        if (is_first || result != RESULT_OK)
            break;
        result = store_run_start(pipeline->store, run, &run);
    }
    *ret_file = first;
    return result == RESULT_NOT_FOUND ? RESULT_OK : result;
}

static enum result review_all(struct pipeline *pipeline, struct history *history)
{
    uint64_t first = history->run_file;
    enum result result = first_file(pipeline, history->run_file, &first);
    if (result == RESULT_OK)
        result = review_from(pipeline, first, history);
    if (result == RESULT_OK && xa_review_unknown(&history->xa) != NULL)
        result = review_from(pipeline, look_back_file(pipeline, first), history);
    return result;
}

/* ---- what is said ---- */

static void refuse_table(struct pipeline *pipeline, const struct made_table *made)
{
    char reason[SOURCE_REASON_MAX];
    char gtid[GTID_TEXT_MAX];
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store_base(pipeline->store), made->file, name);
    snprintf(
        reason, sizeof(reason),
        "it has lost the table %s of a CREATE TABLE … SELECT (%s), which its binlog and the replicas have: "
        "MariaDB's crash recovery drops it. In its data directory:  mariadb-binlog --disable-log-bin "
        "--start-position=%" PRIu64 " --stop-position=%" PRIu64 " %s | mariadb",
        made->name, gtid_format(&made->gtid, gtid), made->start, made->end, name);
    source_refuse(pipeline->source, reason);
}

/* False: a table is missing, or that is still to be asked. */
static bool are_tables_there(struct pipeline *pipeline, const struct table_review *tables)
{
    const struct source_facts *facts = source_facts(pipeline->source);
    const struct made_table *missing = table_review_find(tables, facts->missing);
    char *probe = facts->is_probed ? NULL : table_review_probe(tables);
    if (probe != NULL) {
        pipeline_on_source_event(pipeline, SOURCE_CONNECTING,
                                 "being asked whether its latest tables are there");
        source_set_probe(pipeline->source, probe);
        free(probe);
        return false;
    }
    if (missing != NULL)
        refuse_table(pipeline, missing);
    return missing == NULL;
}

static void refuse_lost(struct pipeline *pipeline, const struct xa_open *lost)
{
    char reason[SOURCE_REASON_MAX];
    char id[XA_ID_TEXT_MAX];
    char gtid[GTID_TEXT_MAX];
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store_base(pipeline->store), lost->file, name);
    snprintf(
        reason, sizeof(reason),
        "its engine has lost the prepared XA transaction %s (%s), which its binlog and the replicas have: "
        "MariaDB's crash recovery does not redo it. In its data directory:  mariadb-binlog "
        "--disable-log-bin --start-position=%" PRIu64 " --stop-position=%" PRIu64 " %s | mariadb",
        xa_id_format(&lost->id, id), gtid_format(&lost->gtid, gtid), lost->start, lost->end, name);
    source_refuse(pipeline->source, reason);
}

static void refuse_unknown(struct pipeline *pipeline, const struct xa_id *unknown)
{
    char reason[SOURCE_REASON_MAX];
    char id[XA_ID_TEXT_MAX];
    xa_id_format(unknown, id);
    snprintf(
        reason, sizeof(reason),
        "its engine has prepared the XA transaction %s, and no XA PREPARE of it is in ackgate's store. If "
        "the replicas have its rows (XA COMMIT %s ONE PHASE is in the binlog without its name, and after a "
        "crash MariaDB's engine has it as prepared), say on the source:  SET sql_log_bin = 0; XA COMMIT "
        "%s;  if they do not:  XA ROLLBACK %s or XA COMMIT %s",
        id, id, id, id, id);
    source_refuse(pipeline->source, reason);
}

static void refuse_undone(struct pipeline *pipeline, const char *repairs)
{
    char reason[SOURCE_REASON_MAX];
    snprintf(
        reason, sizeof(reason),
        "its engine has XA transactions prepared which its binlog and the replicas have ended: MariaDB's "
        "crash recovery does not redo that. Say on the source:  SET sql_log_bin = 0;  and then, a line "
        "each:  %.1500s",
        repairs);
    for (char *at = strchr(reason, '\n'); at != NULL; at = strchr(at, '\n'))
        *at = at[1] == '\0' ? ';' : ' ';
    source_refuse(pipeline->source, reason);
}

/* Once for each start; what is still there then could not be done from here. */
static void repair(struct pipeline *pipeline, uint64_t run_file, const char *repairs)
{
    if (pipeline->repaired_run == run_file || !pipeline->config->source.is_configured ||
        !pipeline->config->source.is_semi_sync) {
        refuse_undone(pipeline, repairs);
        return;
    }
    pipeline->repaired_run = run_file;
    pipeline_on_source_event(pipeline, SOURCE_CONNECTING,
                             "XA transactions that its crash recovery has left prepared are being ended");
    source_repair(pipeline->source, repairs);
}

static bool judge(struct pipeline *pipeline, bool is_first, const struct history *history)
{
    const struct xa_review *review = &history->xa;
    const struct xa_open *lost = xa_review_lost(review);
    const struct xa_id *unknown = is_first ? NULL : xa_review_unknown(review);
    char *repairs = xa_review_repairs(review);
    bool is_good = false;
    if (lost != NULL)
        refuse_lost(pipeline, lost);
    else if (repairs[0] != '\0')
        repair(pipeline, history->run_file, repairs);
    else if (unknown != NULL)
        refuse_unknown(pipeline, unknown);
    else
        is_good = are_tables_there(pipeline, &history->tables);
    free(repairs);
    return is_good;
}

bool recover_redo_may_admit(struct pipeline *pipeline)
{
    const struct source_facts *facts = source_facts(pipeline->source);
    struct history history = {0};
    bool is_first = true;
    if (facts == NULL || !facts->prepared.is_known || store_is_empty(pipeline->store))
        return true;
    enum result result = store_run_start(pipeline->store, UINT64_MAX, &history.run_file);
    if (result == RESULT_NOT_FOUND ||
        (result == RESULT_OK && is_noted(journal_sink_state(pipeline->journal), history.run_file, &is_first)))
        return true;
    if (result == RESULT_OK)
        result = review_all(pipeline, &history);
    bool is_good = result == RESULT_OK && judge(pipeline, is_first, &history);
    xa_review_release(&history.xa);
    if (is_good) {
        source_set_probe(pipeline->source, NULL);
        note(pipeline, history.run_file);
    } else if (result != RESULT_OK) {
        source_refuse(pipeline->source, "ackgate's store cannot be read: see its log");
    }
    return is_good;
}
