/*
 * What store_open() finds in the directory: files, index and the offset that was synced, brought together.
 * The files are the truth. The index saves looking into all but the newest, which is read event by event;
 * what the index lacks is read from the files. The rules of what is cut and what is refused are in
 * store_segment.h.
 */
#include "proxy/store_internal.h"

#include "protocol/xalloc.h"
#include "proxy/disk_io.h"
#include "proxy/log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the directory ---- */

struct numbers {
    uint64_t *items;
    size_t count;
    size_t room;
};

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Notes a name if it is a binlog file's; the first one tells the base if the index does not. */
static void note_name(struct store_index *index, const char *name, struct numbers *numbers)
{
    struct span base;
    uint64_t number;
    char copy[BINLOG_BASE_MAX];
    if (binlog_name_parse(span_of_text(name), &base, &number) != RESULT_OK ||
        span_copy_text(base, copy, sizeof(copy)) != RESULT_OK)
        return;
    if (index->base[0] == '\0')
        memcpy(index->base, copy, sizeof(copy));
    if (strcmp(index->base, copy) != 0) {
        log_warn("store", "%s is left alone: the store's files are called %s", log_quote_text(name),
                 log_quote_text(index->base));
        return;
    }
    if (numbers->count == numbers->room) {
        numbers->room = numbers->room == 0 ? 64 : numbers->room * 2;
        numbers->items = xrealloc(numbers->items, numbers->room * sizeof(*numbers->items));
    }
    numbers->items[numbers->count++] = number;
}

static enum result list_directory(struct store *store, struct numbers *numbers)
{
    int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return RESULT_IO;
    }
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        note_name(&store->index, entry->d_name, numbers);
    enum result result = errno == 0 ? RESULT_OK : RESULT_IO;
    closedir(dir);
    if (numbers->count > 0)
        qsort(numbers->items, numbers->count, sizeof(*numbers->items), compare_numbers);
    return result;
}

static void unlink_file(struct store *store, uint64_t number)
{
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store->index.base, number, name);
    if (unlinkat(store->dir_fd, name, 0) != 0)
        log_warn("store", "cannot remove %s: %s", log_quote_text(name), strerror(errno));
}

/* A purge takes files out of the index before it removes them: those before the index's first are leftovers.
 */
static void remove_leftovers(struct store *store, struct numbers *numbers)
{
    if (store->index.count == 0)
        return;
    size_t leftovers = 0;
    while (leftovers < numbers->count && numbers->items[leftovers] < store->index.files[0].number)
        unlink_file(store, numbers->items[leftovers++]);
    if (leftovers == 0)
        return;
    log_info("store", "removed %zu files that a purge had left", leftovers);
    numbers->count -= leftovers;
    memmove(numbers->items, numbers->items + leftovers, numbers->count * sizeof(*numbers->items));
}

enum result store_damaged(const struct store *store, uint64_t number, const char *what)
{
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store->index.base, number, name);
    log_error("store", "damaged: %s %s", log_quote_text(name), what);
    return RESULT_DAMAGED;
}

/* The index gets an entry for every file there is; what it knew of them stays. */
static enum result merge(struct store *store, const struct numbers *numbers)
{
    struct store_index merged;
    store_index_init(&merged);
    merged.flavor = store->index.flavor;
    memcpy(merged.base, store->index.base, sizeof(merged.base));
    enum result result = RESULT_OK;
    size_t known = 0;
    for (size_t i = 0; i < numbers->count && result == RESULT_OK; i++) {
        uint64_t number = numbers->items[i];
        struct store_file *file = store_index_add(&merged, number);
        if (i > 0 && number != numbers->items[i - 1] + 1)
            result = store_damaged(store, numbers->items[i - 1] + 1, "is missing");
        if (known < store->index.count && store->index.files[known].number == number) {
            gtid_state_release(&file->start);
            *file = store->index.files[known];
            gtid_state_init(&store->index.files[known++].start, FLAVOR_UNKNOWN);
        }
    }
    if (result == RESULT_OK && known < store->index.count)
        result = store_damaged(store, store->index.files[known].number, "is missing");
    store_index_release(&store->index);
    store->index = merged;
    return result;
}

/* ---- closed files ---- */

void store_adopt_flavor(struct store *store, enum flavor flavor)
{
    store->index.flavor = flavor;
    for (size_t i = 0; i < store->index.count; i++) {
        if (store->index.files[i].start.flavor != flavor) {
            gtid_state_release(&store->index.files[i].start);
            gtid_state_init(&store->index.files[i].start, flavor);
        }
    }
}

static bool add_gtid(void *argument, uint64_t file, const struct txn *txn)
{
    (void)file;
    gtid_state_add(argument, &txn->gtid);
    return true;
}

/* What all files before this one have: the state for a file that does not say it. */
enum result store_derive_start(struct store *store, size_t i)
{
    bool is_stopped;
    struct store_file *file = &store->index.files[i];
    gtid_state_clear(&file->start);
    if (i == 0)
        return RESULT_OK;
    const struct store_file *before = &store->index.files[i - 1];
    gtid_state_copy(&file->start, &before->start);
    return store_scan_file(store, before->number, BINLOG_START, before->size_bytes, add_gtid, &file->start,
                           &is_stopped);
}

/* Reads the head of a closed file: format description, then the state event unless transactions come first.
 */
static enum result scan_head(struct store *store, struct store_scanner *scanner, struct store_file *file)
{
    struct store_event event;
    enum result result = store_scanner_next(scanner, true, &event);
    if (result != RESULT_OK)
        return result;
    file->first_time = event.header.timestamp;
    if (store->index.flavor == FLAVOR_UNKNOWN)
        store_adopt_flavor(store, scanner->format.flavor);
    if (scanner->format.flavor != store->index.flavor)
        return RESULT_MALFORMED;
    while (!file->has_start) {
        result = store_scanner_next(scanner, true, &event);
        if (result == RESULT_CLOSED || (result == RESULT_OK && binlog_gtid_is_type(event.header.type)))
            return RESULT_OK;
        if (result != RESULT_OK)
            return result;
        if (!store_event_is_state(store->index.flavor, event.header.type))
            continue;
        gtid_state_clear(&file->start);
        result = store_scanner_load_state(scanner, &event, &file->start);
        if (result != RESULT_OK)
            return result;
        file->has_start = true;
    }
    return RESULT_OK;
}

static enum result read_head(struct store *store, size_t i, uint64_t size)
{
    struct store_file *file = &store->index.files[i];
    struct store_scanner scanner;
    int fd = store_open_file(store, file->number, O_RDONLY);
    if (fd < 0)
        return RESULT_IO;
    file->has_start = false;
    enum result result = store_scanner_init(&scanner, fd, size);
    if (result == RESULT_OK)
        result = scan_head(store, &scanner, file);
    store_scanner_release(&scanner);
    close(fd);
    if (result != RESULT_OK && result != RESULT_IO)
        return store_damaged(store, file->number, "has no right beginning");
    if (result == RESULT_OK && !file->has_start)
        result = store_derive_start(store, i);
    file->has_start = true;
    return result;
}

static enum result check_closed_file(struct store *store, size_t i, bool *ret_is_changed)
{
    char name[BINLOG_NAME_MAX];
    struct stat status;
    struct store_file *file = &store->index.files[i];
    binlog_name_format(store->index.base, file->number, name);
    if (fstatat(store->dir_fd, name, &status, 0) != 0)
        return RESULT_IO;
    uint64_t size = (uint64_t)status.st_size;
    if (file->is_closed && file->size_bytes != size)
        return store_damaged(store, file->number, "has not the size with which it was closed");
    if (file->is_closed && file->has_start)
        return RESULT_OK;
    *ret_is_changed = true;
    file->size_bytes = size;
    enum result result = read_head(store, i, size);
    store->index.files[i].is_closed = result == RESULT_OK;
    return result;
}

/* ---- all of it ---- */

static enum result recover_files(struct store *store, bool is_changed)
{
    for (size_t i = 0; i + 1 < store->index.count; i++) {
        enum result result = check_closed_file(store, i, &is_changed);
        if (result != RESULT_OK)
            return result;
    }
    bool is_removed = true;
    while (is_removed && !store_is_empty(store)) {
        is_removed = false;
        enum result result = store_recover_newest(store, true, &is_removed);
        if (result != RESULT_OK)
            return result;
    }
    if (!store_is_empty(store) && store_newest(store)->epoch < store->options.cut.epoch) {
        store_newest(store)->epoch = store->options.cut.epoch;
        is_changed = true;
    }
    store->epoch = store_is_empty(store) ? store->options.cut.epoch : store_newest(store)->epoch;
    return is_changed ? store_index_save(&store->index, store->dir_fd) : RESULT_OK;
}

/* First of all: what comes later may cut what the WAL would put back. */
static enum result replay_wal(struct store *store, const struct numbers *numbers)
{
    uint64_t lost_bytes = 0;
    struct store_wal_target target = {
        .dir_fd = store->dir_fd,
        .base = store->index.base,
        .file = numbers->count == 0 ? 0 : numbers->items[numbers->count - 1],
    };
    enum result result = store_wal_replay(&target, &lost_bytes);
    if (lost_bytes > 0)
        log_info("store",
                 "file %" PRIu64 " had lost up to %" PRIu64 " bytes in a crash: put back from the WAL",
                 target.file, lost_bytes);
    return result;
}

static enum result load(struct store *store, struct numbers *numbers, bool *ret_is_changed)
{
    bool is_intact = true;
    enum result result = store_index_load(&store->index, store->dir_fd, &is_intact);
    bool is_there = result == RESULT_OK;
    if (result == RESULT_UNSUPPORTED)
        log_error("store",
                  "a newer version of ackgate wrote the store in %s: start that version again. Nothing was "
                  "changed here",
                  store->dir);
    if (result != RESULT_OK && result != RESULT_NOT_FOUND)
        return result;
    result = list_directory(store, numbers);
    if (result == RESULT_OK)
        result = replay_wal(store, numbers);
    if (result != RESULT_OK)
        return result;
    if (is_there && is_intact) {
        remove_leftovers(store, numbers);
        result = store_cut_redo(store, numbers->items, &numbers->count);
    }
    if ((!is_there && numbers->count > 0) || (is_there && !is_intact))
        log_warn("store", "the index is %s: it is made anew from the files",
                 is_there ? "damaged" : "missing");
    *ret_is_changed = !is_there || !is_intact;
    return result == RESULT_OK ? merge(store, numbers) : result;
}

enum result store_recover(struct store *store)
{
    struct numbers numbers = {0};
    bool is_changed = false;
    enum result result = load(store, &numbers, &is_changed);
    free(numbers.items);
    if (result == RESULT_OK)
        result = recover_files(store, is_changed && numbers.count > 0);
    if (result == RESULT_IO)
        log_error("store", "cannot read %s: %s", log_quote_text(store->dir), strerror(errno));
    return result;
}
