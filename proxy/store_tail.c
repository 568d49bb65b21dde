/*
 * The newest file at a start: read event by event with checksums, cut behind the last whole one, refused when
 * it was damaged. The rules are in store_segment.h. On the way the GTIDs and the transaction that is open at
 * its end are learnt.
 */
#include "proxy/store_internal.h"

#include "proxy/disk_io.h"
#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* It was being created when a crash came, nobody has seen it: takes it away again, out of the index first. */
static enum result remove_newest(struct store *store, bool *ret_is_removed)
{
    char name[BINLOG_NAME_MAX];
    binlog_name_format(store->index.base, store_newest(store)->number, name);
    log_warn("store", "%s was being created when the store was left: it is removed", log_quote_text(name));
    store_index_drop(&store->index, store->index.count - 1, 1);
    if (store_is_empty(store)) {
        store->index.base[0] = '\0';
        store->index.flavor = FLAVOR_UNKNOWN;
    }
    if (store_index_save(&store->index, store->dir_fd) != RESULT_OK || unlinkat(store->dir_fd, name, 0) != 0)
        return RESULT_IO;
    *ret_is_removed = true;
    return RESULT_OK;
}

/* A file that does not say its state starts from what those before it have. */
static enum result settle_start(struct store *store)
{
    struct store_file *file = store_newest(store);
    if (file->has_start)
        return RESULT_OK;
    enum result result = store_derive_start(store, store->index.count - 1);
    gtid_state_copy(&store->gtids, &file->start);
    return result;
}

static enum result take_newest_format(struct store *store, const struct store_scanner *scanner,
                                      const struct store_event *event)
{
    if (store->index.flavor == FLAVOR_UNKNOWN) {
        store_adopt_flavor(store, scanner->format.flavor);
        gtid_state_init(&store->gtids, store->index.flavor);
        txn_tracker_init(&store->tracker, store->index.flavor);
    }
    if (scanner->format.flavor != store->index.flavor)
        return RESULT_MALFORMED;
    store->format = scanner->format;
    store->has_format = true;
    store_newest(store)->first_time = event->header.timestamp;
    txn_tracker_set_format(&store->tracker, &store->format);
    return RESULT_OK;
}

static enum result take_newest_state(struct store *store, struct store_scanner *scanner,
                                     const struct store_event *event)
{
    struct gtid_state state;
    gtid_state_init(&state, store->index.flavor);
    enum result result = store_scanner_load_state(scanner, event, &state);
    if (result == RESULT_OK)
        store_start_known(store, store_newest(store), &state);
    gtid_state_release(&state);
    return result;
}

static enum result take_newest_event(struct store *store, struct store_scanner *scanner,
                                     const struct store_event *event)
{
    enum txn_step step;
    enum result result = RESULT_OK;
    bool has_start = store_newest(store)->has_start;
    if (event->header.type == BINLOG_FORMAT_DESCRIPTION)
        result = take_newest_format(store, scanner, event);
    else if (!has_start && store_event_is_state(store->index.flavor, event->header.type))
        result = take_newest_state(store, scanner, event);
    else if (!has_start && binlog_gtid_is_type(event->header.type)) {
        result = settle_start(store);
        store_newest(store)->has_start = true;
    }
    if (result == RESULT_OK)
        result = txn_tracker_step(&store->tracker, &event->header, event->body, event->start, &step);
    if (result == RESULT_OK)
        store->last_type = event->header.type;
    if (result == RESULT_OK && step == TXN_STEP_ENDS)
        store_settle_gtid(store, &store->tracker.txn.gtid);
    return result;
}

/* Reads whole events up to the first that is none; scanner->at stands there. */
static enum result read_events(struct store *store, struct store_scanner *scanner, bool verifies)
{
    for (;;) {
        struct store_event event;
        uint64_t start = scanner->at;
        enum result result = store_scanner_next(scanner, verifies, &event);
        if (result == RESULT_OK)
            result = take_newest_event(store, scanner, &event);
        if (result != RESULT_OK) {
            scanner->at = start;
            return result == RESULT_IO ? RESULT_IO : settle_start(store);
        }
    }
}

/* Up to where the newest file is known to have been synced. */
static uint64_t synced_up_to(const struct store *store)
{
    struct position synced;
    const struct store_file *file = store_newest(store);
    if (store_durable_load(store, &synced) != RESULT_OK || synced.file > file->number)
        return UINT64_MAX;
    return synced.file == file->number ? synced.offset : BINLOG_START;
}

static enum result check_tail(const struct store *store, struct store_scanner *scanner, uint64_t synced)
{
    uint64_t next;
    char name[BINLOG_NAME_MAX];
    if (scanner->at == scanner->end)
        return RESULT_OK;
    binlog_name_format(store->index.base, store_newest(store)->number, name);
    if (scanner->at < synced && store_scanner_find(scanner, scanner->at + 1, &next)) {
        log_error("store", "damaged: no whole event at offset %" PRIu64 " of %s, but one at %" PRIu64,
                  scanner->at, log_quote_text(name), next);
        return RESULT_DAMAGED;
    }
    log_warn("store", "cut a torn tail of %" PRIu64 " bytes off %s, at offset %" PRIu64,
             scanner->end - scanner->at, log_quote_text(name), scanner->at);
    if (synced != UINT64_MAX && scanner->at < synced)
        log_error("store", "%s has lost bytes that were on disk, up to offset %" PRIu64, log_quote_text(name),
                  synced);
    return RESULT_OK;
}

/* Cuts at scanner->at; what is left is on disk afterwards, and the segment goes on there. */
static enum result settle_newest(struct store *store, const struct store_scanner *scanner)
{
    if (scanner->at < scanner->end && disk_io.ftruncate(scanner->fd, (off_t)scanner->at) != 0)
        return RESULT_IO;
    if (disk_io.fdatasync(scanner->fd) != 0)
        return RESULT_IO;
    store_segment_adopt(&store->segment, scanner->fd, scanner->at);
    store_newest(store)->is_closed = false;
    store_durable_moved(store, store_end(store));
    return RESULT_OK;
}

/* Nothing is known of the newest file but what its events are going to say. */
static void begin_newest(struct store *store)
{
    struct store_file *file = store_newest(store);
    file->has_start = false;
    gtid_state_clear(&file->start);
    gtid_state_release(&store->gtids);
    gtid_state_init(&store->gtids, store->index.flavor);
    txn_tracker_init(&store->tracker, store->index.flavor);
}

/* Takes over scanner->fd when all is well. */
static enum result recover_newest_fd(struct store *store, struct store_scanner *scanner, int fd,
                                     bool verifies, bool *ret_is_removed)
{
    struct stat status;
    uint64_t synced = synced_up_to(store);
    if (fstat(fd, &status) != 0)
        return RESULT_IO;
    uint64_t size = (uint64_t)status.st_size;
    if (synced < size) /* pages that a failed sync left clean must not be believed */
        posix_fadvise(fd, (off_t)synced, 0, POSIX_FADV_DONTNEED);
    enum result result = store_scanner_init(scanner, fd, size);
    if (result == RESULT_TRUNCATED || (result == RESULT_MALFORMED && size == BINLOG_START))
        return remove_newest(store, ret_is_removed);
    if (result != RESULT_OK && result != RESULT_IO)
        return store_damaged(store, store_newest(store)->number,
                             result == RESULT_UNSUPPORTED ? "is encrypted"
                                                          : "does not begin with a binlog's magic");
    if (result == RESULT_OK) {
        begin_newest(store);
        result = read_events(store, scanner, verifies);
    }
    if (result == RESULT_OK)
        result = check_tail(store, scanner, synced);
    if (result == RESULT_OK && store->index.flavor == FLAVOR_UNKNOWN) /* nothing was known before it */
        return remove_newest(store, ret_is_removed);
    return result == RESULT_OK ? settle_newest(store, scanner) : result;
}

enum result store_recover_newest(struct store *store, bool verifies, bool *ret_is_removed)
{
    struct store_scanner scanner = {0};
    int fd = store_open_file(store, store_newest(store)->number, O_RDWR);
    if (fd < 0)
        return RESULT_IO;
    enum result result = recover_newest_fd(store, &scanner, fd, verifies, ret_is_removed);
    store_scanner_release(&scanner);
    if (store->segment.fd != fd)
        close(fd);
    return result;
}
