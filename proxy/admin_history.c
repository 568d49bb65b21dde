/* The tables of what is on disk: the store's files, the journal's latest records, discarded transactions. */
#include "proxy/admin_tables.h"

#include "proxy/admin_time.h"
#include "recovery/journal_text.h"

#include <string.h>

/* Whether everything in the file is confirmed. */
static bool is_confirmed(const struct store_file_view *file, const char *name,
                         const struct view_position *confirmed, uint64_t confirmed_file)
{
    if (confirmed_file == 0)
        return false;
    if (strcmp(name, confirmed->file) == 0)
        return file->size_bytes <= confirmed->offset;
    return file->file < confirmed_file;
}

void admin_fill_binary_logs(struct pipeline *pipeline, struct admin_rows *rows)
{
    const struct store *store = pipeline_store(pipeline);
    struct view_source source;
    uint64_t confirmed_file = 0;
    if (store == NULL)
        return;
    pipeline_view_source(pipeline, &source);
    if (binlog_name_parse(span_of_text(source.confirmed.file), NULL, &confirmed_file) != RESULT_OK)
        confirmed_file = 0;
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
        admin_rows_integer(rows, is_confirmed(&file, name, &source.confirmed, confirmed_file));
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

/* Nothing is discarded before a source has been recovered by ackgate-recover. */
void admin_fill_discarded(struct pipeline *pipeline, struct admin_rows *rows)
{
    (void)pipeline;
    (void)rows;
}
