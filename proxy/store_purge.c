/* Retention: old files go when they are old enough or too many bytes, never those that are still needed. */
#include "proxy/store_internal.h"

#include "proxy/clock.h"
#include "proxy/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* The index first: what it no longer names is a leftover that the next start removes. */
static enum result drop_oldest(struct store *store, size_t count)
{
    char base[BINLOG_BASE_MAX];
    uint64_t first = store->index.files[0].number;
    uint64_t last = store->index.files[count - 1].number;
    memcpy(base, store->index.base, sizeof(base));
    struct store_index shorter = store->index;
    shorter.files += count;
    shorter.count -= count;
    if (store_index_save(&shorter, store->dir_fd) != RESULT_OK) {
        log_warn("store", "nothing was purged: writing the index failed: %s", strerror(errno));
        return RESULT_IO;
    }
    store_windows_forget(store, first, last);
    for (uint64_t file = first; file <= last; file++) {
        char name[BINLOG_NAME_MAX];
        binlog_name_format(base, file, name);
        if (unlinkat(store->dir_fd, name, 0) != 0)
            log_warn("store", "cannot remove %s: %s", log_quote_text(name), strerror(errno));
    }
    store_index_drop(&store->index, 0, count);
    log_info("store", "purged %zu files, up to %s", count, store_file_label(store, last));
    return RESULT_OK;
}

/* A file was closed when the next one began. */
static bool is_too_old(const struct store *store, size_t i, uint64_t now_ms)
{
    uint64_t closed_ms = (uint64_t)store->index.files[i + 1].first_time * 1000;
    return store->options.retain_ms != 0 && closed_ms != 0 && closed_ms + store->options.retain_ms < now_ms;
}

void store_set_retention(struct store *store, uint64_t retain_ms, uint64_t retain_bytes)
{
    store->options.retain_ms = retain_ms;
    store->options.retain_bytes = retain_bytes;
}

void store_purge(struct store *store, struct position keep_from)
{
    size_t count = 0;
    uint64_t now_ms = clock_wall_ms();
    uint64_t bytes = store_bytes(store);
    while (count + 1 < store->index.count && store->index.files[count].number < keep_from.file) {
        bool is_too_much = store->options.retain_bytes != 0 && bytes > store->options.retain_bytes;
        if (!is_too_much && !is_too_old(store, count, now_ms))
            break;
        bytes -= store->index.files[count].size_bytes;
        count++;
    }
    if (count > 0) {
        enum result ignored = drop_oldest(store, count); /* tried again with the next call */
        (void)ignored;
    }
}

enum result store_purge_to(struct store *store, uint64_t file, struct position keep_from)
{
    if (store_find(store, file) == NULL)
        return !store_is_empty(store) && file < store->index.files[0].number ? RESULT_GONE : RESULT_NOT_FOUND;
    if (file > keep_from.file)
        return RESULT_CONFLICT;
    size_t count = 0;
    while (store->index.files[count].number < file)
        count++;
    return count == 0 ? RESULT_OK : drop_oldest(store, count);
}
