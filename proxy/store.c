/*
 * The store of store.h: opening, looking at it, and the writing side. The source's stream brings an event's
 * bytes, then says that it is whole; here its place, its meaning for GTIDs and its turn of files are looked
 * after. The bytes are store_segment's, durability is store_sync's, start-up store_open's, reading
 * store_read's.
 */
#include "proxy/store_internal.h"

#include "protocol/xalloc.h"
#include "proxy/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ---- */

/* Makes the directory and those above it. */
static enum result make_directory(const char *dir)
{
    char *path = xstrdup(dir);
    enum result result = RESULT_OK;
    for (char *slash = strchr(path + 1, '/'); result == RESULT_OK && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0750) != 0 && errno != EEXIST)
            result = RESULT_IO;
        *slash = '/';
    }
    if (result == RESULT_OK && mkdir(path, 0750) != 0 && errno != EEXIST)
        result = RESULT_IO;
    free(path);
    return result;
}

static enum result open_directory(struct store *store)
{
    if (make_directory(store->dir) != RESULT_OK)
        return RESULT_IO;
    store->dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0)
        return RESULT_IO;
    if (flock(store->dir_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? RESULT_CONFLICT : RESULT_IO;
    store->durable_fd = openat(store->dir_fd, "ackgate-store.durable", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    return store->durable_fd < 0 ? RESULT_IO : RESULT_OK;
}

static enum result open_wal(struct store *store)
{
    enum result result = store_wal_open(&store->wal, store->dir_fd);
    if (result != RESULT_OK)
        log_error("store", "cannot make the WAL in %s: %s", log_quote_text(store->dir), strerror(errno));
    return result;
}

enum result store_open(struct loop *loop, const struct store_options *options,
                       const struct store_callbacks *callbacks, struct store **ret_store)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->options = *options;
    store->callbacks = *callbacks;
    store->dir = xstrdup(options->dir);
    store->dir_fd = store->durable_fd = -1;
    store_index_init(&store->index);
    store_segment_init(&store->segment);
    store_wal_init(&store->wal);
    boot_mark_init(&store->mark);
    gtid_state_init(&store->gtids, FLAVOR_UNKNOWN);
    txn_tracker_init(&store->tracker, FLAVOR_UNKNOWN);
    store_windows_init(store);
    enum result result = open_directory(store);
    if (result == RESULT_CONFLICT)
        log_error("store", "%s is in use by another process: stop the other ackgate",
                  log_quote_text(store->dir));
    else if (result != RESULT_OK)
        log_error("store", "cannot open %s: %s", log_quote_text(store->dir), strerror(errno));
    if (result == RESULT_OK)
        result = store_recover(store);
    if (result == RESULT_OK && options->is_synced)
        result = open_wal(store);
    if (result != RESULT_OK) {
        int reason = errno;
        /* A sync may have failed, and what it lost goes unnoticed the next time. */
        if (result == RESULT_IO && store->durable_fd >= 0)
            store_end_proof(store);
        store_close(&store);
        errno = reason;
        return result;
    }
    store_sync_init(store, loop);
    *ret_store = store;
    return RESULT_OK;
}

void store_close(struct store **store)
{
    struct store *old = *store;
    if (old == NULL)
        return;
    *store = NULL;
    store_sync_release(old);
    store_windows_release(old);
    store_segment_release(&old->segment);
    store_wal_release(&old->wal);
    boot_mark_release(&old->mark);
    gtid_state_release(&old->gtids);
    store_index_release(&old->index);
    if (old->durable_fd >= 0)
        close(old->durable_fd);
    if (old->dir_fd >= 0)
        close(old->dir_fd);
    free(old->arrived);
    free(old->dir);
    free(old);
}

/* ---- looking at it ---- */

struct store_file *store_newest(const struct store *store)
{
    return store->index.count == 0 ? NULL : &store->index.files[store->index.count - 1];
}

struct store_file *store_find(const struct store *store, uint64_t file)
{
    return store_index_find(&store->index, file);
}

int store_open_file(const struct store *store, uint64_t file, int flags)
{
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store->index.base, file, name);
    return openat(store->dir_fd, name, flags | O_CLOEXEC);
}

bool store_is_empty(const struct store *store)
{
    return store->index.count == 0;
}

enum flavor store_flavor(const struct store *store)
{
    return store->index.flavor;
}

const char *store_base(const struct store *store)
{
    return store->index.base;
}

struct position store_start(const struct store *store)
{
    if (store_is_empty(store))
        return POSITION_NONE;
    return (struct position){store->index.files[0].number, BINLOG_START};
}

struct position store_end(const struct store *store)
{
    if (store_is_empty(store))
        return POSITION_NONE;
    return (struct position){store_newest(store)->number, store->segment.end};
}

struct position store_durable(const struct store *store)
{
    return store->durable;
}

uint64_t store_bytes(const struct store *store)
{
    uint64_t bytes = store_is_empty(store) ? 0 : store->segment.end;
    for (size_t i = 0; i + 1 < store->index.count; i++)
        bytes += store->index.files[i].size_bytes;
    return bytes;
}

void store_file_name(const struct store *store, uint64_t file, char *ret_name, size_t name_max)
{
    char name[BINLOG_NAME_MAX];
    assert(name_max > 0);
    binlog_name_format(store->index.base, file, name);
    size_t length = strnlen(name, name_max - 1);
    memcpy(ret_name, name, length);
    ret_name[length] = '\0';
}

const char *store_file_label(const struct store *store, uint64_t file)
{
    static _Thread_local char name[BINLOG_NAME_MAX];
    store_file_name(store, file, name, sizeof(name));
    return name;
}

enum result store_file_end(const struct store *store, uint64_t file, uint64_t *ret_offset)
{
    const struct store_file *found = store_find(store, file);
    if (found == NULL)
        return !store_is_empty(store) && file < store->index.files[0].number ? RESULT_GONE : RESULT_NOT_FOUND;
    *ret_offset = found == store_newest(store) ? store->segment.end : found->size_bytes;
    return RESULT_OK;
}

bool store_has_position(const struct store *store, struct position position)
{
    uint64_t end;
    return store_file_end(store, position.file, &end) == RESULT_OK && position.offset >= BINLOG_START &&
           position.offset <= end;
}

enum result store_file_gtids(const struct store *store, uint64_t file, const struct gtid_state **ret_state)
{
    const struct store_file *found = store_find(store, file);
    if (found == NULL)
        return !store_is_empty(store) && file < store->index.files[0].number ? RESULT_GONE : RESULT_NOT_FOUND;
    *ret_state = &found->start;
    return RESULT_OK;
}

const struct gtid_state *store_gtids(const struct store *store)
{
    return &store->gtids;
}

void store_set_epoch(struct store *store, uint64_t epoch)
{
    store->epoch = epoch;
}

size_t store_file_count(const struct store *store)
{
    return store->index.count;
}

void store_file_view(const struct store *store, size_t index, struct store_file_view *ret_view)
{
    assert(index < store->index.count);
    const struct store_file *file = &store->index.files[index];
    *ret_view = (struct store_file_view){
        .file = file->number,
        .size_bytes = file == store_newest(store) ? store->segment.end : file->size_bytes,
        .first_time = file->first_time,
        .epoch = file->epoch,
    };
}
