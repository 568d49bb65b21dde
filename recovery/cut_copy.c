/* Copying ranges of files, and comparing them with a copy that is there. */
#include "recovery/cut_copy.h"

#include "protocol/xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (256u * 1024)
#define NAMES_MAX   1000u

void cut_ranges_set_lead(struct cut_ranges *ranges, struct span lead)
{
    free(ranges->lead);
    ranges->lead = xmalloc(lead.length);
    memcpy(ranges->lead, lead.data, lead.length);
    ranges->lead_length = lead.length;
}

void cut_ranges_add(struct cut_ranges *ranges, const char *path, uint64_t from, uint64_t to)
{
    if (from >= to)
        return;
    ranges->items = xrealloc(ranges->items, (ranges->count + 1) * sizeof *ranges->items);
    ranges->items[ranges->count++] = (struct cut_range){xstrdup(path), from, to};
}

void cut_ranges_release(struct cut_ranges *ranges)
{
    for (size_t i = 0; i < ranges->count; i++)
        free(ranges->items[i].path);
    free(ranges->items);
    free(ranges->lead);
    *ranges = (struct cut_ranges){0};
}

/* Called with each block in order, at its offset in the copy. */
typedef enum result block_fn(struct storage_file *copy, uint64_t offset, const uint8_t *block, size_t length);

static enum result write_block(struct storage_file *copy, uint64_t offset, const uint8_t *block,
                               size_t length)
{
    return storage_write(copy, offset, block, length);
}

/* RESULT_DIVERGED: other bytes, or fewer. */
static enum result compare_block(struct storage_file *copy, uint64_t offset, const uint8_t *block,
                                 size_t length)
{
    uint8_t *other = xmalloc(length);
    size_t got = 0;
    enum result result = storage_read(copy, offset, other, length, &got);
    if (result == RESULT_OK && (got != length || memcmp(block, other, length) != 0))
        result = RESULT_DIVERGED;
    free(other);
    return result;
}

static enum result walk_range(const struct cut_range *range, struct storage_file *from, uint64_t *offset,
                              uint8_t *block, struct storage_file *copy, block_fn *fn)
{
    enum result result = RESULT_OK;
    for (uint64_t at = range->from; result == RESULT_OK && at < range->to;) {
        size_t length = BLOCK_BYTES, got = 0;
        if (length > range->to - at)
            length = (size_t)(range->to - at);
        result = storage_read(from, at, block, length, &got);
        if (result == RESULT_OK && got != length)
            result = RESULT_IO;
        if (result == RESULT_OK)
            result = fn(copy, *offset, block, length);
        *offset += length;
        at += length;
    }
    return result;
}

static enum result walk_ranges(const struct cut_ranges *ranges, struct storage *storage,
                               struct storage_file *copy, block_fn *fn)
{
    enum result result = RESULT_OK;
    uint64_t offset = ranges->lead_length;
    if (offset > 0)
        result = fn(copy, 0, ranges->lead, ranges->lead_length);
    uint8_t *block = xmalloc(BLOCK_BYTES);
    for (size_t i = 0; result == RESULT_OK && i < ranges->count; i++) {
        struct storage_file *from;
        result = storage_open(storage, ranges->items[i].path, STORAGE_READ, &from);
        if (result != RESULT_OK)
            break;
        result = walk_range(&ranges->items[i], from, &offset, block, copy, fn);
        storage_close(&from);
    }
    free(block);
    return result;
}

static enum result write_draft(const struct cut_ranges *ranges, struct storage *storage, const char *path)
{
    struct storage_file *copy;
    enum result result = storage_open(storage, path, STORAGE_CREATE, &copy);
    if (result != RESULT_OK)
        return result;
    result = storage_truncate(copy, 0);
    if (result == RESULT_OK)
        result = walk_ranges(ranges, storage, copy, write_block);
    if (result == RESULT_OK)
        result = storage_sync(copy);
    int reason = errno;
    storage_close(&copy);
    errno = reason;
    return result;
}

static enum result write_copy(const struct cut_ranges *ranges, struct storage *storage, const char *dir,
                              const char *path)
{
    char *draft = xasprintf("%s.tmp", path);
    enum result result = write_draft(ranges, storage, draft);
    if (result == RESULT_OK) {
        result = storage_rename(storage, draft, path);
    } else {
        int reason = errno;
        enum result removed = storage_remove(storage, draft);
        (void)
            removed; /* if it fails too, the draft fills the disk for nothing, and is used by the next run */
        errno = reason;
    }
    if (result == RESULT_OK)
        result = storage_sync_dir(storage, dir);
    free(draft);
    return result;
}

/* RESULT_NOT_FOUND, RESULT_DIVERGED, RESULT_OK: it has them, now also on disk. */
static enum result check_copy(const struct cut_ranges *ranges, struct storage *storage, const char *dir,
                              const char *path)
{
    struct storage_file *copy;
    enum result result = storage_open(storage, path, STORAGE_WRITE, &copy);
    if (result != RESULT_OK)
        return result;
    result = walk_ranges(ranges, storage, copy, compare_block);
    if (result == RESULT_OK)
        result = storage_sync(copy);
    storage_close(&copy);
    return result == RESULT_OK ? storage_sync_dir(storage, dir) : result;
}

enum result cut_ranges_keep(const struct cut_ranges *ranges, struct storage *storage, const char *dir,
                            const char *path, char **ret_path)
{
    enum result result = RESULT_DIVERGED;
    char *name = NULL;
    for (unsigned i = 0; result == RESULT_DIVERGED && i < NAMES_MAX; i++) {
        free(name);
        name = i == 0 ? xstrdup(path) : xasprintf("%s.%u", path, i);
        result = check_copy(ranges, storage, dir, name);
    }
    if (result == RESULT_NOT_FOUND)
        result = write_copy(ranges, storage, dir, name);
    if (result == RESULT_OK)
        *ret_path = name;
    else
        free(name);
    return result;
}
