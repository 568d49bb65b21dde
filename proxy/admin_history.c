/* The tables of what is on disk: the store's files, the journal's latest records, discarded transactions. */
#include "proxy/admin_tables.h"

#include "proxy/admin_time.h"
#include "recovery/journal_text.h"

#include <string.h>

enum { DISCARDED_MAX = 100000 };

/* The file of the oldest transaction that is not confirmed; UINT64_MAX: all are. */
static uint64_t oldest_unconfirmed(struct pipeline *pipeline)
{
    struct view_waiting oldest;
    uint64_t file;
    if (pipeline_view_waiting(pipeline, &oldest, 1) == 0)
        return UINT64_MAX;
    bool is_name = binlog_name_parse(span_of_text(oldest.end.file), NULL, &file) == RESULT_OK;
    return is_name ? file : 0;
}

void admin_fill_binary_logs(struct pipeline *pipeline, struct admin_rows *rows)
{
    const struct store *store = pipeline_store(pipeline);
    if (store == NULL)
        return;
    uint64_t unconfirmed = oldest_unconfirmed(pipeline);
    for (size_t i = 0; i < store_file_count(store); i++) {
        struct store_file_view file;
        char name[BINLOG_NAME_MAX];
        char time[ADMIN_TIME_MAX];
        store_file_view(store, i, &file);
        store_file_name(store, file.file, name, sizeof(name));
        admin_rows_text(rows, name);
        admin_rows_integer(rows, file.epoch);
        admin_rows_integer(rows, file.size_bytes);
        admin_rows_text(rows, admin_time_format((uint64_t)file.first_time * 1000, time));
        admin_rows_integer(rows, file.file < unconfirmed);
    }
}

void admin_fill_journal(struct pipeline *pipeline, struct admin_rows *rows)
{
    const struct journal_ring *ring = pipeline_journal(pipeline);
    for (size_t i = 0; ring != NULL && i < ring->count; i++) {
        const struct journal_line *line = journal_ring_line(ring, i);
        char time[ADMIN_TIME_MAX];
        admin_rows_integer(rows, line->sequence);
        admin_rows_integer(rows, line->epoch);
        admin_rows_text(rows, admin_time_format(line->time_ms, time));
        admin_rows_text(rows, line->type);
        admin_rows_text(rows, line->detail);
    }
}

static void add_position_text(struct admin_rows *rows, const struct pipeline *pipeline, uint64_t file)
{
    char name[BINLOG_NAME_MAX];
    const struct journal_state *state = pipeline_journal_state(pipeline);
    if (state->source_base[0] == '\0' || file == 0)
        admin_rows_text(rows, "");
    else {
        binlog_name_format(state->source_base, file, name);
        admin_rows_text(rows, name);
    }
}

/* A row for each transaction; the positions are those of the whole that was discarded with it. */
struct discarded_rows {
    struct admin_rows *rows;
    const struct pipeline *pipeline;
    const struct journal_discarded *discarded;
};

static void add_discarded(const struct discarded_rows *to, const char *gtid)
{
    char time[ADMIN_TIME_MAX];
    const struct journal_discarded *discarded = to->discarded;
    admin_rows_integer(to->rows, discarded->epoch);
    admin_rows_text(to->rows, admin_time_format(discarded->time_ms, time));
    admin_rows_text(to->rows, gtid);
    add_position_text(to->rows, to->pipeline, discarded->from.file);
    admin_rows_integer(to->rows, discarded->from.offset);
    admin_rows_integer(to->rows, discarded->to.offset);
    admin_rows_text(to->rows, discarded->reason);
    admin_rows_text(to->rows, discarded->kept_as);
}

static bool add_range(void *context, const struct gtid_origin *origin, int64_t start, int64_t end)
{
    const struct discarded_rows *to = context;
    for (int64_t gno = start; gno < end && admin_rows_count(to->rows) < DISCARDED_MAX; gno++) {
        char text[GTID_TEXT_MAX];
        struct gtid gtid = gtid_of_mysql(origin, gno);
        add_discarded(to, gtid_format(&gtid, text));
    }
    return admin_rows_count(to->rows) < DISCARDED_MAX;
}

static bool add_one(void *context, const struct gtid_mariadb *mariadb)
{
    const struct discarded_rows *to = context;
    char text[GTID_TEXT_MAX];
    struct gtid gtid = {.flavor = FLAVOR_MARIADB, .mariadb = *mariadb};
    add_discarded(to, gtid_format(&gtid, text));
    return admin_rows_count(to->rows) < DISCARDED_MAX;
}

void admin_fill_discarded(struct pipeline *pipeline, struct admin_rows *rows)
{
    const struct journal_state *state = pipeline_journal_state(pipeline);
    for (size_t i = state->discards_count; i > 0; i--) {
        bool are_all;
        struct discarded_rows to = {rows, pipeline, &state->discards[i - 1]};
        struct span gtids = span_of_text(to.discarded->gtids);
        enum result result = state->flavor == FLAVOR_MARIADB
                                 ? gtid_list_parse_each(gtids, add_one, &to, &are_all)
                                 : gtid_set_parse_each(gtids, add_range, &to, &are_all);
        if (result != RESULT_OK || gtids.length == 0)
            add_discarded(&to, to.discarded->gtids);
    }
}
