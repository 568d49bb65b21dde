/* The walk of replica_walk.h. */
#include "proxy/replica_walk.h"

#include <string.h>

void walk_init(struct walk *walk, enum flavor flavor, struct position file_start)
{
    *walk = (struct walk){.at = file_start};
    txn_tracker_init(&walk->tracker, flavor);
}

static size_t head_bytes(uint32_t event_length)
{
    return event_length < WALK_HEAD_BYTES ? event_length : WALK_HEAD_BYTES;
}

static bool has_head(struct span bytes)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode(bytes, &header);
    /* what breaks the format is told apart by walk_peek() */
    return result != RESULT_TRUNCATED && (result != RESULT_OK || bytes.length >= head_bytes(header.length));
}

/* Joins a head that lies across the store's windows. */
static enum result read_in_pieces(const struct walk *walk, struct store *store,
                                  uint8_t scratch[WALK_HEAD_BYTES], struct span *ret_bytes)
{
    struct span joined = {scratch, 0};
    while (!has_head(joined) && joined.length < WALK_HEAD_BYTES) {
        struct position next = {walk->at.file, walk->at.offset + joined.length};
        struct span piece;
        enum result result = store_read(store, next, WALK_HEAD_BYTES - joined.length, &piece);
        if (result != RESULT_OK)
            return joined.length > 0 ? RESULT_DAMAGED : result;
        memcpy(scratch + joined.length, piece.data, piece.length);
        joined.length += piece.length;
    }
    *ret_bytes = joined;
    return RESULT_OK;
}

enum result walk_read(const struct walk *walk, struct store *store, size_t max_bytes,
                      uint8_t scratch[WALK_HEAD_BYTES], struct span *ret_bytes)
{
    struct span bytes;
    size_t room = max_bytes < WALK_HEAD_BYTES ? WALK_HEAD_BYTES : max_bytes;
    enum result result = store_read(store, walk->at, room, &bytes);
    if (result != RESULT_OK)
        return result;
    if (!has_head(bytes))
        return read_in_pieces(walk, store, scratch, ret_bytes);
    *ret_bytes = bytes;
    return RESULT_OK;
}

enum result walk_peek(const struct walk *walk, struct span bytes, struct walk_event *ret_event)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode(bytes, &header);
    if (result == RESULT_TRUNCATED)
        return RESULT_AGAIN;
    if (result != RESULT_OK)
        return RESULT_DAMAGED;
    if (bytes.length < head_bytes(header.length))
        return RESULT_AGAIN;
    bool is_whole = bytes.length >= header.length;
    *ret_event = (struct walk_event){
        walk->at, header, {bytes.data, bytes.length},
          is_whole
    };
    if (is_whole)
        ret_event->bytes.length = header.length;
    return RESULT_OK;
}

struct span walk_event_body(const struct walk *walk, const struct walk_event *event)
{
    struct span body = {event->bytes.data + BINLOG_HEADER_BYTES, event->bytes.length - BINLOG_HEADER_BYTES};
    uint64_t body_bytes = event->header.length - BINLOG_HEADER_BYTES;
    if (walk->is_checksummed && body_bytes >= BINLOG_CHECKSUM_BYTES)
        body_bytes -= BINLOG_CHECKSUM_BYTES;
    if (body.length > body_bytes)
        body.length = (size_t)body_bytes;
    return body;
}

enum txn_step walk_take(struct walk *walk, const struct walk_event *event)
{
    if (event->header.type == BINLOG_FORMAT_DESCRIPTION && event->is_whole) {
        struct binlog_format format;
        if (binlog_format_decode(event->bytes, &format) == RESULT_OK) {
            walk->is_checksummed = binlog_format_is_checksummed(&format);
            txn_tracker_set_format(&walk->tracker, &format);
        }
    }
    enum txn_step step = TXN_STEP_OUTSIDE;
    struct span body = walk_event_body(walk, event);
    /* the store has seen these events in their order before; what it took for outside is so here */
    if (txn_tracker_step(&walk->tracker, &event->header, body, event->start.offset, &step) != RESULT_OK)
        txn_tracker_reset(&walk->tracker);
    walk->at.offset += event->header.length;
    return step;
}
