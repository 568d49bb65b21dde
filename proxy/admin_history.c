/* The tables of what is on disk: the store's files, the journal's latest records, discarded transactions. */
#include "proxy/admin_tables.h"

#include "protocol/xalloc.h"
#include "proxy/admin_time.h"
#include "recovery/journal_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISCARDED_MAX = 1000 }; /* the latest: copied in the loop's time */

/* One less than GTID_TEXT_MAX and BINLOG_NAME_MAX. */
#define GTID_SCAN "95"
#define NAME_SCAN "511"

/* ---- the store's files ---- */

struct files_copy {
    char base[BINLOG_NAME_MAX];
    uint64_t unconfirmed; /* the file of the oldest transaction that is not confirmed; UINT64_MAX: all are */
    size_t count;
    struct store_file_view items[];
};

static uint64_t oldest_unconfirmed(struct pipeline *pipeline)
{
    struct view_waiting_list *oldest = pipeline_view_waiting(pipeline, 1);
    uint64_t file = oldest->count > 0 ? oldest->items[0].end.file : UINT64_MAX;
    free(oldest);
    return file;
}

static void make_binary_logs(const void *argument, struct admin_rows *rows)
{
    const struct files_copy *copy = argument;
    for (size_t i = 0; i < copy->count; i++) {
        const struct store_file_view *file = &copy->items[i];
        char name[BINLOG_NAME_MAX];
        char time[ADMIN_TIME_MAX];
        binlog_name_format(copy->base, file->file, name);
        admin_rows_text(rows, name);
        admin_rows_integer(rows, file->epoch);
        admin_rows_integer(rows, file->size_bytes);
        admin_rows_text(rows, admin_time_format((uint64_t)file->first_time * 1000, time));
        admin_rows_integer(rows, file->file < copy->unconfirmed);
    }
}

void admin_fill_binary_logs(struct pipeline *pipeline, struct admin_rows *rows)
{
    const struct store *store = pipeline_store(pipeline);
    if (store == NULL)
        return;
    size_t count = store_file_count(store);
    struct files_copy *copy = xmalloc(sizeof(*copy) + count * sizeof(copy->items[0]));
    snprintf(copy->base, sizeof(copy->base), "%s", store_base(store));
    copy->unconfirmed = oldest_unconfirmed(pipeline);
    copy->count = count;
    for (size_t i = 0; i < count; i++)
        store_file_view(store, i, &copy->items[i]);
    admin_rows_later(rows, make_binary_logs, copy);
}

/* ---- the journal ---- */

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

/* ---- what was discarded: a row for each transaction ---- */

struct discarded_copy {
    enum flavor flavor;
    char base[BINLOG_NAME_MAX];
    size_t count;
    struct journal_discarded items[]; /* the latest first; their texts are in the pool behind them */
};

struct discarded_rows {
    struct admin_rows *rows;
    const struct discarded_copy *copy;
    const struct journal_discarded *discarded;
    char time[ADMIN_TIME_MAX];
    size_t left; /* of DISCARDED_MAX */
};

/* Position 0: not known. */
static bool add_discarded(struct discarded_rows *to, const char *gtid, const char *file, uint64_t start,
                          uint64_t end)
{
    const struct journal_discarded *discarded = to->discarded;
    admin_rows_integer(to->rows, discarded->epoch);
    admin_rows_text(to->rows, to->time[0] != '\0' ? to->time : NULL);
    admin_rows_text(to->rows, gtid);
    admin_rows_text(to->rows, file);
    admin_rows_integer(to->rows, start);
    admin_rows_integer(to->rows, end);
    admin_rows_text(to->rows, discarded->reason);
    admin_rows_text(to->rows, discarded->kept_as);
    return --to->left > 0;
}

/* The lines that recover_source.c wrote. */
static void add_places(struct discarded_rows *to)
{
    for (const char *line = to->discarded->places; *line != '\0'; line = strchr(line, '\n') + 1) {
        char gtid[GTID_TEXT_MAX];
        char file[BINLOG_NAME_MAX];
        uint64_t start;
        uint64_t end;
        if (strchr(line, '\n') == NULL ||
            sscanf(line, "%" GTID_SCAN "s %" NAME_SCAN "s %" SCNu64 " %" SCNu64, gtid, file, &start, &end) !=
                4 ||
            !add_discarded(to, gtid, file, start, end))
            return;
    }
}

/* Of very many, and of earlier versions: the positions are those of the whole that was discarded. */
static bool add_of_whole(struct discarded_rows *to, const char *gtid)
{
    char name[BINLOG_NAME_MAX] = "";
    const struct journal_discarded *discarded = to->discarded;
    if (to->copy->base[0] != '\0' && discarded->from.file != 0)
        binlog_name_format(to->copy->base, discarded->from.file, name);
    return add_discarded(to, gtid, name, discarded->from.offset, discarded->to.offset);
}

static bool add_range(void *context, const struct gtid_origin *origin, int64_t start, int64_t end)
{
    struct discarded_rows *to = context;
    bool has_room = to->left > 0;
    for (int64_t gno = start; gno < end && has_room; gno++) {
        char text[GTID_TEXT_MAX];
        struct gtid gtid = gtid_of_mysql(origin, gno);
        has_room = add_of_whole(to, gtid_format(&gtid, text));
    }
    return has_room;
}

static bool add_one(void *context, const struct gtid_mariadb *mariadb)
{
    char text[GTID_TEXT_MAX];
    struct gtid gtid = {.flavor = FLAVOR_MARIADB, .mariadb = *mariadb};
    return add_of_whole(context, gtid_format(&gtid, text));
}

static void add_whole(struct discarded_rows *to)
{
    bool are_all;
    struct span gtids = span_of_text(to->discarded->gtids);
    enum result result = to->copy->flavor == FLAVOR_MARIADB
                             ? gtid_list_parse_each(gtids, add_one, to, &are_all)
                             : gtid_set_parse_each(gtids, add_range, to, &are_all);
    if (result != RESULT_OK || gtids.length == 0)
        add_of_whole(to, to->discarded->gtids);
}

static void make_discarded(const void *argument, struct admin_rows *rows)
{
    const struct discarded_copy *copy = argument;
    struct discarded_rows to = {.rows = rows, .copy = copy, .left = DISCARDED_MAX};
    for (size_t i = 0; i < copy->count && to.left > 0; i++) {
        to.discarded = &copy->items[i];
        if (admin_time_format(to.discarded->time_ms, to.time) == NULL)
            to.time[0] = '\0';
        if (to.discarded->places[0] != '\0')
            add_places(&to);
        else
            add_whole(&to);
    }
}

static char *copy_text(const char *text, char **pool)
{
    char *copy = *pool;
    *pool = stpcpy(copy, text) + 1;
    return copy;
}

static size_t texts_bytes(const struct journal_discarded *discarded)
{
    return strlen(discarded->gtids) + strlen(discarded->reason) + strlen(discarded->kept_as) +
           strlen(discarded->places) + 4;
}

/* Each of them is a row at least. */
void admin_fill_discarded(struct pipeline *pipeline, struct admin_rows *rows)
{
    const struct journal_state *state = pipeline_journal_state(pipeline);
    size_t count = state->discards_count < DISCARDED_MAX ? state->discards_count : DISCARDED_MAX;
    size_t bytes = 0;
    for (size_t i = 1; i <= count; i++)
        bytes += texts_bytes(&state->discards[state->discards_count - i]);
    struct discarded_copy *copy = xmalloc(sizeof(*copy) + count * sizeof(copy->items[0]) + bytes);
    *copy = (struct discarded_copy){.flavor = state->flavor, .count = count};
    snprintf(copy->base, sizeof(copy->base), "%s", state->source_base);
    char *pool = (char *)&copy->items[count];
    for (size_t i = 0; i < count; i++) {
        struct journal_discarded *item = &copy->items[i];
        *item = state->discards[state->discards_count - 1 - i];
        item->gtids = copy_text(item->gtids, &pool);
        item->reason = copy_text(item->reason, &pool);
        item->kept_as = copy_text(item->kept_as, &pool);
        item->places = copy_text(item->places, &pool);
    }
    admin_rows_later(rows, make_discarded, copy);
}
