/*
 * Cutting the store at a position: what stands behind it was discarded by a verdict, and no consumer has it.
 *
 * The journal's record of the discard is on disk before the cut begins, and the epoch in the index is written
 * last. So a crash at any moment in between leaves an epoch that is behind the journal's, and the next start
 * does the cut again (store_options.cut). Order: the index forgets later files; they are removed, the newest
 * first; the file of the cut becomes the current one again and shorter; then the index has the new epoch.
 */
#include "proxy/store_internal.h"

#include "proxy/disk_io.h"
#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN_USE_AT = BINLOG_MAGIC_BYTES + 17 };

static enum result unlink_file(const struct store *store, uint64_t file)
{
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store->index.base, file, name);
    return unlinkat(store->dir_fd, name, 0) == 0 || errno == ENOENT ? RESULT_OK : RESULT_IO;
}

/* Takes files behind the cut out of the index. */
static enum result forget_later(struct store *store, const struct store_cut *cut)
{
    size_t keep = store->index.count;
    while (keep > 0 && store->index.files[keep - 1].number > cut->at.file)
        keep--;
    if (keep == store->index.count)
        return RESULT_OK;
    store_index_drop(&store->index, keep, store->index.count - keep);
    return store_index_save(&store->index, store->dir_fd);
}

static enum result sync_directory(const struct store *store)
{
    return fsync(store->dir_fd) == 0 ? RESULT_OK : RESULT_IO;
}

/* It is the current one again. */
static enum result mark_in_use(int fd, uint64_t size_bytes)
{
    uint8_t flags;
    if (size_bytes <= IN_USE_AT)
        return RESULT_OK;
    enum result result = disk_io_read(fd, &flags, 1, IN_USE_AT);
    if (result != RESULT_OK || (flags & BINLOG_FLAG_IN_USE) != 0)
        return result == RESULT_OK ? RESULT_OK : RESULT_IO;
    flags |= BINLOG_FLAG_IN_USE;
    return disk_io_write(fd, (struct span){&flags, 1}, IN_USE_AT);
}

static enum result shorten(const struct store *store, const struct store_cut *cut)
{
    struct stat status;
    int fd = store_open_file(store, cut->at.file, O_RDWR);
    if (fd < 0)
        return RESULT_IO;
    enum result result = fstat(fd, &status) == 0 ? RESULT_OK : RESULT_IO;
    if (result == RESULT_OK && (uint64_t)status.st_size > cut->at.offset) {
        result = mark_in_use(fd, (uint64_t)status.st_size);
        if (result == RESULT_OK && disk_io.ftruncate(fd, (off_t)cut->at.offset) != 0)
            result = RESULT_IO;
        if (result == RESULT_OK && disk_io.fdatasync(fd) != 0)
            result = RESULT_IO;
    }
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}

static enum result cut_files(struct store *store, const struct store_cut *cut)
{
    uint64_t last = store_newest(store)->number;
    enum result result = store_sync_file(store);
    if (result != RESULT_OK)
        return result;
    store_durable_lower(store, cut->at);
    result = forget_later(store, cut);
    for (uint64_t file = last; result == RESULT_OK && file > cut->at.file; file--)
        result = unlink_file(store, file);
    if (result == RESULT_OK)
        result = sync_directory(store);
    return result == RESULT_OK ? shorten(store, cut) : result;
}

/* Reads the file of the cut anew: its GTIDs, its format, where it ends. Checksums were looked at as it came,
 * and a source waits: a whole GiB of them would take longer than all the rest. */
static enum result reread(struct store *store)
{
    bool is_removed = false;
    store_segment_release(&store->segment);
    store->recent_count = 0;
    store->arrived_count = 0;
    store->has_format = false;
    enum result result = store_recover_newest(store, false, &is_removed);
    return result == RESULT_OK && is_removed ? RESULT_DAMAGED : result;
}

static enum result begin_epoch(struct store *store, uint64_t epoch)
{
    store->epoch = epoch;
    if (store_is_empty(store))
        return RESULT_OK;
    store_newest(store)->epoch = epoch;
    return store_index_save(&store->index, store->dir_fd);
}

/* Nothing is half written, half synced or half read. */
static enum result settle(struct store *store)
{
    store_event_abort(store);
    enum result result = store_flush(store);
    store_sync_wait(store);
    store_windows_release(store);
    store_windows_init(store);
    return result == RESULT_OK ? store_failed(store) : result;
}

enum result store_cut(struct store *store, const struct store_cut *cut)
{
    enum result result = settle(store);
    if (result != RESULT_OK)
        return result;
    bool has_more = !store_is_empty(store) && position_compare(store_end(store), cut->at) > 0;
    if (has_more && store_find(store, cut->at.file) == NULL)
        return RESULT_GONE;
    if (has_more) {
        log_warn("store", "cut at %s:%" PRIu64 ": epoch %" PRIu64 " begins",
                 store_file_label(store, cut->at.file), cut->at.offset, cut->epoch);
        result = cut_files(store, cut);
        if (result == RESULT_OK)
            result = reread(store);
    }
    if (result == RESULT_OK)
        result = begin_epoch(store, cut->epoch);
    if (result != RESULT_OK)
        return store_fail(store, errno, "cutting");
    store_mark_end(store);
    return RESULT_OK;
}

/* ---- at a start ---- */

enum result store_cut_redo(struct store *store, uint64_t *files, size_t *count)
{
    const struct store_cut *cut = &store->options.cut;
    if (store_is_empty(store) || position_is_none(cut->at) || store_newest(store)->epoch >= cut->epoch)
        return RESULT_OK;
    log_warn("store", "the cut at %s:%" PRIu64 " is brought to its end",
             store_file_label(store, cut->at.file), cut->at.offset);
    enum result result = forget_later(store, cut);
    while (result == RESULT_OK && *count > 0 && files[*count - 1] > cut->at.file)
        result = unlink_file(store, files[--*count]);
    if (result == RESULT_OK)
        result = sync_directory(store);
    if (result == RESULT_OK && store_find(store, cut->at.file) != NULL)
        result = shorten(store, cut);
    return result;
}
