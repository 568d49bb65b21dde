/* Walking the store's transactions: store_scan(), store_gtids_at(). */
#include "proxy/store_internal.h"

#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct walk {
    const struct store *store;
    uint64_t file;
    uint64_t from;
    store_txn_fn *fn;
    void *argument;
};

/* Reads the format description and goes to the transaction behind walk->from. */
static enum result go_to_start(const struct walk *walk, struct store_scanner *scanner,
                               struct txn_tracker *tracker)
{
    struct store_event event;
    enum result result = store_scanner_next(scanner, false, &event);
    if (result != RESULT_OK)
        return result;
    txn_tracker_init(tracker, walk->store->index.flavor);
    txn_tracker_set_format(tracker, &scanner->format);
    if (walk->from > scanner->at)
        store_scanner_seek(scanner, walk->from < scanner->end ? walk->from : scanner->end);
    return RESULT_OK;
}

static enum result walk_events(const struct walk *walk, struct store_scanner *scanner, bool *ret_is_stopped)
{
    struct txn_tracker tracker;
    enum result result = go_to_start(walk, scanner, &tracker);
    while (result == RESULT_OK) {
        struct store_event event;
        enum txn_step step;
        result = store_scanner_next(scanner, false, &event);
        if (result == RESULT_OK)
            result = txn_tracker_step(&tracker, &event.header, event.body, event.start, &step);
        if (result == RESULT_OK && step == TXN_STEP_ENDS && tracker.txn.end > walk->from &&
            !walk->fn(walk->argument, walk->file, &tracker.txn)) {
            *ret_is_stopped = true;
            return RESULT_OK;
        }
    }
    return result == RESULT_CLOSED ? RESULT_OK : result;
}

enum result store_scan_file(const struct store *store, uint64_t file, uint64_t from, uint64_t to,
                            store_txn_fn *fn, void *argument, bool *ret_is_stopped)
{
    struct walk walk = {store, file, from, fn, argument};
    struct store_scanner scanner;
    int fd = store_open_file(store, file, O_RDONLY);
    if (fd < 0)
        return RESULT_IO;
    bool is_stopped = false;
    enum result result = store_scanner_init(&scanner, fd, to);
    if (result == RESULT_OK)
        result = walk_events(&walk, &scanner, &is_stopped);
    if (result == RESULT_IO) {
        log_error("store", "cannot read %s: %s", store_file_label(store, file), strerror(errno));
    } else if (result != RESULT_OK) {
        log_error("store", "no whole event at %s:%" PRIu64 ": %s", store_file_label(store, file), scanner.at,
                  result_text(result));
        result = RESULT_DAMAGED;
    }
    int reason = errno;
    store_scanner_release(&scanner);
    close(fd);
    errno = reason;
    if (result == RESULT_OK)
        *ret_is_stopped = is_stopped;
    return result;
}

static enum result check_position(const struct store *store, struct position position)
{
    uint64_t end;
    enum result result = store_file_end(store, position.file, &end);
    if (result == RESULT_OK && !store_has_position(store, position))
        result = RESULT_NOT_FOUND;
    return result;
}

enum result store_scan(struct store *store, struct position from, store_txn_fn *fn, void *argument)
{
    enum result result = check_position(store, from);
    bool is_stopped = false;
    uint64_t newest = store_end(store).file;
    for (uint64_t file = from.file; result == RESULT_OK && !is_stopped && file <= newest; file++) {
        uint64_t end = 0;
        result = store_file_end(store, file, &end);
        if (result == RESULT_OK)
            result = store_scan_file(store, file, file == from.file ? from.offset : BINLOG_START, end, fn,
                                     argument, &is_stopped);
    }
    return result;
}

static bool add_gtid(void *argument, uint64_t file, const struct txn *txn)
{
    (void)file;
    gtid_state_add(argument, &txn->gtid);
    return true;
}

enum result store_gtids_at(struct store *store, struct position position, struct gtid_state *ret_state)
{
    enum result result = check_position(store, position);
    if (result != RESULT_OK)
        return result;
    struct gtid_state state;
    bool is_stopped;
    gtid_state_init(&state, store->index.flavor);
    gtid_state_copy(&state, &store_find(store, position.file)->start);
    result =
        store_scan_file(store, position.file, BINLOG_START, position.offset, add_gtid, &state, &is_stopped);
    if (result == RESULT_OK)
        gtid_state_move(ret_state, &state);
    gtid_state_release(&state);
    return result;
}
