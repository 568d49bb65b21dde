/*
 * The writing side of store.h. The source's stream brings an event's bytes, then says that it is whole: here
 * its place is checked, what it means for GTIDs and formats is noted, and files take turns.
 */
#include "proxy/store_internal.h"

#include "protocol/xalloc.h"
#include "proxy/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

/* Everything written is synced, the current file is closed in good order. */
static enum result finish_file(struct store *store)
{
    enum result result = store_flush(store);
    if (result != RESULT_OK)
        return result;
    store_sync_wait(store);
    result = store_failed(store);
    if (result != RESULT_OK)
        return result;
    bool was_left = store->index.flavor == FLAVOR_MARIADB && store->last_type != BINLOG_ROTATE &&
                    store->last_type != BINLOG_STOP;
    if (store_segment_finish(&store->segment, was_left) != RESULT_OK)
        return store_fail(store, errno, "closing the current file");
    struct store_file *file = store_newest(store);
    file->size_bytes = store->segment.end;
    file->is_closed = true;
    file->has_start = true;
    store_wal_restart(&store->wal);
    store_windows_forget(store, file->number, file->number);
    store_durable_moved(store, store_end(store));
    return RESULT_OK;
}

static enum result create_file(struct store *store, const char *name, uint64_t number)
{
    if (store_segment_create(&store->segment, store->dir_fd, name) != RESULT_OK)
        return store_fail(store, errno, "creating the next file");
    struct store_file *file = store_index_add(&store->index, number);
    file->epoch = store->epoch;
    gtid_state_copy(&file->start, &store->gtids);
    store->has_format = false;
    if (store_index_save(&store->index, store->dir_fd) != RESULT_OK)
        return store_fail(store, errno, "writing the index");
    store_durable_moved(store, store_end(store));
    log_info("store", "%s begins", log_quote_text(name));
    return RESULT_OK;
}

static void adopt_flavor(struct store *store, enum flavor flavor)
{
    store->index.flavor = flavor;
    gtid_state_release(&store->gtids);
    gtid_state_init(&store->gtids, flavor);
    txn_tracker_init(&store->tracker, flavor);
}

/* Which file may follow: any in an empty store, else the next one of the same base. */
static enum result check_name(const struct store *store, enum flavor flavor, const char *name,
                              struct span base, uint64_t number)
{
    char newest[BINLOG_NAME_MAX];
    if (store_is_empty(store))
        return RESULT_OK;
    uint64_t ours = store_newest(store)->number;
    bool is_same = flavor == store->index.flavor && span_is_text(base, store->index.base);
    if (is_same && (number == ours || number == ours + 1))
        return RESULT_OK;
    store_file_name(store, ours, newest, sizeof(newest));
    log_error("store", "the source (%s) goes on in %s, but the newest file here is %s (%s)",
              flavor_name(flavor), log_quote_text(name), log_quote_text(newest),
              flavor_name(store->index.flavor));
    return RESULT_DIVERGED;
}

enum result store_begin_file(struct store *store, enum flavor flavor, const char *name)
{
    struct span base;
    uint64_t number;
    assert(flavor != FLAVOR_UNKNOWN);
    enum result result = store_failed(store);
    if (result == RESULT_OK)
        result = binlog_name_parse(span_of_text(name), &base, &number);
    if (result == RESULT_OK)
        result = check_name(store, flavor, name, base, number);
    if (result != RESULT_OK)
        return result;
    if (store_is_empty(store)) {
        adopt_flavor(store, flavor);
        result = span_copy_text(base, store->index.base, sizeof(store->index.base));
    } else {
        if (number == store_newest(store)->number)
            return RESULT_OK;
        assert(store_segment_event_length(&store->segment) == 0);
        result = finish_file(store);
    }
    return result == RESULT_OK ? create_file(store, name, number) : result;
}

/* ---- events ---- */

enum result store_write(struct store *store, struct span bytes)
{
    enum result result = store_failed(store);
    assert(!store_is_empty(store));
    if (result != RESULT_OK)
        return result;
    if (store_segment_append(&store->segment, bytes) != RESULT_OK)
        return store_fail(store, errno, "writing");
    return RESULT_OK;
}

/* They become part of store_gtids() when they are in the file. */
static void note_gtid(struct store *store, const struct gtid *gtid)
{
    if (store->arrived_count == store->arrived_room) {
        store->arrived_room = store->arrived_room == 0 ? 256 : store->arrived_room * 2;
        store->arrived = xrealloc(store->arrived, store->arrived_room * sizeof(*store->arrived));
    }
    store->arrived[store->arrived_count++] = *gtid;
}

void store_settle_gtid(struct store *store, const struct gtid *gtid)
{
    gtid_state_add(&store->gtids, gtid);
    if (gtid->flavor == FLAVOR_MARIADB)
        store->recent[store->recent_count++ % STORE_RECENT] = gtid->mariadb;
}

void store_start_known(struct store *store, struct store_file *file, struct gtid_state *state)
{
    if (!gtid_state_contains_state(state, &store->gtids))
        log_warn("store", "%s begins with fewer GTIDs than the files before it have",
                 store_file_label(store, file->number));
    if (!gtid_state_contains_state(&store->gtids, state))
        gtid_state_add_state(&store->gtids, state);
    gtid_state_move(&file->start, state);
    file->has_start = true;
}

static enum result take_format(struct store *store, const struct binlog_event_header *header,
                               struct span head)
{
    struct binlog_format format;
    enum result result = binlog_format_decode(head, &format);
    if (result != RESULT_OK)
        return result;
    if (format.flavor != store->index.flavor)
        return RESULT_DIVERGED;
    store->format = format;
    store->has_format = true;
    store_newest(store)->first_time = header->timestamp;
    txn_tracker_set_format(&store->tracker, &format);
    return RESULT_OK;
}

static enum result decode_state(struct store *store, uint8_t type, struct span event)
{
    struct span body;
    struct gtid_state state;
    enum result result = binlog_event_body(event, binlog_format_is_checksummed(&store->format), &body);
    if (result != RESULT_OK)
        return result;
    gtid_state_init(&state, store->index.flavor);
    result = gtid_state_decode(&state, type, body);
    if (result == RESULT_OK)
        store_start_known(store, store_newest(store), &state);
    gtid_state_release(&state);
    return result;
}

static enum result take_state(struct store *store, const struct binlog_event_header *header, struct span head)
{
    uint8_t *copy = NULL;
    if (head.length < header->length) {
        if (store_segment_event_load(&store->segment, &copy) != RESULT_OK)
            return store_fail(store, errno, "reading back an event");
        head = (struct span){copy, header->length};
    }
    enum result result = decode_state(store, header->type, head);
    free(copy);
    return result;
}

static enum result check_place(const struct store *store, const struct binlog_event_header *header)
{
    const struct store_segment *segment = &store->segment;
    bool is_first = segment->done == BINLOG_START;
    if (!binlog_event_fits_end(header, store->index.flavor, segment->at))
        return RESULT_DIVERGED;
    return is_first == (header->type == BINLOG_FORMAT_DESCRIPTION) ? RESULT_OK : RESULT_MALFORMED;
}

static enum result follow_transaction(struct store *store, const struct binlog_event_header *header,
                                      struct span head, enum txn_step *ret_step)
{
    bool is_checksummed =
        header->type == BINLOG_FORMAT_DESCRIPTION || binlog_format_is_checksummed(&store->format);
    size_t tail = is_checksummed ? BINLOG_CHECKSUM_BYTES : 0;
    if (header->length < BINLOG_HEADER_BYTES + tail)
        return RESULT_MALFORMED;
    struct span body = {head.data + BINLOG_HEADER_BYTES, header->length - BINLOG_HEADER_BYTES - tail};
    if (body.length > head.length - BINLOG_HEADER_BYTES)
        body.length = head.length - BINLOG_HEADER_BYTES;
    return txn_tracker_step(&store->tracker, header, body, store->segment.done, ret_step);
}

static enum result take_event(struct store *store, const struct binlog_event_header *header, struct span head,
                              enum txn_step *ret_step)
{
    struct store_file *file = store_newest(store);
    enum result result = check_place(store, header);
    if (result == RESULT_OK && header->type == BINLOG_FORMAT_DESCRIPTION)
        result = take_format(store, header, head);
    else if (result == RESULT_OK && !file->has_start &&
             store_event_is_state(file->start.flavor, header->type))
        result = take_state(store, header, head);
    return result == RESULT_OK ? follow_transaction(store, header, head, ret_step) : result;
}

static void refuse_event(struct store *store, const struct binlog_event_header *header, enum result result)
{
    log_error("store", "refused a %s event of %" PRIu32 " bytes (log_pos %" PRIu32 ") at %s:%" PRIu64 ": %s",
              binlog_event_type_name(header->type), header->length, header->log_pos,
              store_file_label(store, store_newest(store)->number), store->segment.done, result_text(result));
    store_event_abort(store);
}

enum result store_event_done(struct store *store, const struct binlog_event_header *header, struct span head)
{
    enum result result = store_failed(store);
    if (result != RESULT_OK)
        return result;
    enum txn_step step = TXN_STEP_OUTSIDE;
    assert(store_segment_event_length(&store->segment) == header->length);
    assert(head.length == header->length || head.length >= BINLOG_HEADER_BYTES + TXN_BODY_BYTES);
    result = take_event(store, header, head, &step);
    if (result != RESULT_OK) {
        refuse_event(store, header, result);
        return result;
    }
    store_segment_event_done(&store->segment);
    store->last_type = header->type;
    if (step != TXN_STEP_ENDS)
        return RESULT_OK;
    note_gtid(store, &store->tracker.txn.gtid);
    if (store->callbacks.on_txn != NULL)
        store->callbacks.on_txn(store->callbacks.argument, store_newest(store)->number, &store->tracker.txn);
    return RESULT_OK;
}

void store_event_abort(struct store *store)
{
    if (store->failed != 0 || store_is_empty(store))
        return;
    if (store_segment_event_abort(&store->segment) != RESULT_OK)
        (void)store_fail(store, errno, "taking back half an event");
}

enum result store_flush(struct store *store)
{
    enum result result = store_failed(store);
    if (result != RESULT_OK || store_is_empty(store) || store->segment.end == store->segment.done)
        return result;
    if (store_segment_write(&store->segment) != RESULT_OK)
        return store_fail(store, errno, "writing");
    for (size_t i = 0; i < store->arrived_count; i++)
        store_settle_gtid(store, &store->arrived[i]);
    store->arrived_count = 0;
    store_mark_end(store);
    store_sync_begin(store);
    return RESULT_OK;
}
