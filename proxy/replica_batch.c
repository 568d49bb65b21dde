/* The batch of replica_batch.h. */
#include "proxy/replica_batch.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 330, PARTS_PER_ITEM = 3, PARTS_MAX = ITEMS_MAX * PARTS_PER_ITEM + 10 };

static const uint64_t near_bytes = 1024 * 1024; /* of lag: acks are asked for at every batch */

struct batch_item {
    struct walk_event event;
    struct frame frame;
    bool is_stripped;
    bool is_of_txn; /* not between transactions */
    bool begins_txn;
    bool ends_txn;
    struct gtid gtid;                    /* when it begins or ends a transaction */
    uint8_t header[BINLOG_HEADER_BYTES]; /* when stripped */
};

struct stream_batch {
    struct frame_parts parts;
    struct iovec iovecs[PARTS_MAX];
    uint8_t heads[PARTS_MAX][FRAME_HEAD_BYTES];
    struct batch_item items[ITEMS_MAX];
    size_t count;
    struct walk walk; /* behind the last item */
    uint8_t scratch[WALK_HEAD_BYTES];
};

struct stream_batch *stream_batch_new(void)
{
    return xcalloc(1, sizeof(struct stream_batch));
}

void stream_batch_free(struct stream_batch **batch)
{
    free(*batch);
    *batch = NULL;
}

uint8_t *stream_batch_scratch(struct stream_batch *batch)
{
    return batch->scratch;
}

struct frame_parts *stream_batch_parts(struct stream_batch *batch)
{
    if (batch->count == 0)
        batch->parts = (struct frame_parts){.parts = batch->iovecs, .heads = batch->heads, .max = PARTS_MAX};
    return &batch->parts;
}

struct position stream_batch_end(const struct stream_batch *batch, const struct walk *walk)
{
    return batch->count > 0 ? batch->walk.at : walk->at;
}

/* ---- leaving out ---- */

/* The replica has everything from here to jump: goes there at once. */
static void take_jump(struct replica_stream *stream)
{
    stream->walk.at = stream->jump;
    txn_tracker_reset(&stream->walk.tracker);
    stream->left_out = stream->jump;
}

static bool is_jump(const struct replica_stream *stream, const struct walk_event *event)
{
    return event->start.file == stream->jump.file && event->start.offset < stream->jump.offset &&
           binlog_gtid_is_type(event->header.type);
}

/* Keeps the binlog's state while a MariaDB replica's starting point is not reached in every domain. */
static void note_passed(struct replica_stream *stream, const struct gtid *gtid)
{
    if (stream->passed.flavor != FLAVOR_MARIADB)
        return;
    gtid_state_add(&stream->passed, gtid);
    if (stream->skip->start.count == 0 && !stream->reaches) {
        gtid_state_release(&stream->passed);
        gtid_state_init(&stream->passed, FLAVOR_UNKNOWN);
    }
}

static void leave_out(struct replica_stream *stream, const struct walk_event *event)
{
    struct walk before = stream->walk;
    size_t not_reached = stream->skip->start.count;
    enum txn_step step = walk_take(&stream->walk, event);
    replica_skip_left_out(stream->skip, &before, event, step);
    if (event->header.type == BINLOG_MARIADB_ANNOTATE_ROWS)
        return;
    stream->left_out = stream->walk.at;
    stream->reaches = stream->reaches || stream->skip->start.count < not_reached;
    if (step == TXN_STEP_BEGINS)
        note_passed(stream, &stream->walk.tracker.txn.gtid);
    if (step == TXN_STEP_ENDS && stream->reaches) {
        made_gtid_list(&stream->made, &stream->style, &stream->passed.list, stream->walk.at.offset, false);
        stream->reaches = false;
    }
}

static void refuse_hole(struct replica_stream *stream)
{
    replica_stream_fail(stream,
                        "The binlog on the master is missing the GTID requested by the slave (even though a "
                        "subsequent sequence number does exist), and GTID strict mode is enabled");
}

/* ---- filling ---- */

static void add_item(struct stream_batch *batch, struct replica_stream *stream,
                     const struct walk_event *event, enum txn_step step)
{
    struct batch_item *item = &batch->items[batch->count++];
    *item = (struct batch_item){.event = *event,
                                .is_stripped = stream->strips_checksum,
                                .is_of_txn = step != TXN_STEP_OUTSIDE && step != TXN_STEP_DROPPED,
                                .begins_txn = step == TXN_STEP_BEGINS,
                                .ends_txn = step == TXN_STEP_ENDS};
    item->frame =
        (struct frame){.event_bytes = event->header.length, .is_semi_sync = stream->options.is_semi_sync};
    if (item->begins_txn || item->ends_txn)
        item->gtid = batch->walk.tracker.txn.gtid;
    if (item->is_stripped) {
        memcpy(item->header, event->bytes.data, BINLOG_HEADER_BYTES);
        binlog_event_header_strip_checksum(item->header);
        item->frame.event_bytes -= BINLOG_CHECKSUM_BYTES;
    }
}

/* What follows in this file may be no transaction any more, and neither what is in the next ones. */
static bool is_near_end_of_file(const struct replica_stream *stream, struct position end)
{
    uint64_t end_of_file;
    enum result result = store_file_end(stream->store, end.file, &end_of_file);
    return result != RESULT_OK || end_of_file - end.offset <= near_bytes;
}

/* Asks for an ack at the last transaction's end, if that is near its file's end or the last one is far back.
 */
static void ask_for_ack(struct stream_batch *batch, const struct replica_stream *stream)
{
    if (!stream->options.is_semi_sync)
        return;
    for (size_t i = batch->count; i > 0; i--) {
        struct batch_item *item = &batch->items[i - 1];
        if (!item->ends_txn)
            continue;
        uint64_t end = item->event.start.offset + item->event.header.length;
        bool is_near = is_near_end_of_file(stream, (struct position){item->event.start.file, end});
        bool is_due = stream->unasked_bytes + (end - stream->walk.at.offset) >= near_bytes;
        item->frame.wants_ack = is_near || is_due;
        return;
    }
}

static void gather_item(struct batch_item *item, struct frame_parts *parts)
{
    struct frame gathered = item->frame;
    struct span bytes = item->event.bytes;
    if (item->is_stripped) {
        frame_gather(&gathered, (struct span){item->header, BINLOG_HEADER_BYTES}, parts);
        bytes = (struct span){bytes.data + BINLOG_HEADER_BYTES,
                              (size_t)item->frame.event_bytes - BINLOG_HEADER_BYTES};
    }
    frame_gather(&gathered, bytes, parts);
    assert(frame_is_sent(&gathered));
}

static void gather(struct stream_batch *batch, const struct replica_stream *stream)
{
    size_t count = batch->count;
    batch->count = 0;
    struct frame_parts *parts = stream_batch_parts(batch);
    batch->count = count;
    uint8_t sequence = stream->style.sequence;
    for (size_t i = 0; i < count; i++) {
        batch->items[i].frame.sequence = sequence;
        gather_item(&batch->items[i], parts);
        sequence = frame_next_sequence(&batch->items[i].frame);
    }
}

enum judgement { ADD, PASSED_OVER, END_OF_BATCH };

/* What is not simply sent needs an empty batch, because it changes the stream at once. */
static enum judgement judge(const struct stream_batch *batch, struct replica_stream *stream,
                            const struct walk_event *event)
{
    bool jumps = is_jump(stream, event);
    if (batch->count > 0 && binlog_gtid_is_type(event->header.type) && replica_skip_may_change(stream->skip))
        return END_OF_BATCH; /* what the batch holds may decide about this one */
    enum skip_verdict verdict = replica_skip_verdict(stream->skip, &batch->walk, event);
    if (verdict == SKIP_SEND && !jumps)
        return ADD;
    if (batch->count > 0)
        return END_OF_BATCH;
    if (!jumps && verdict == SKIP_LEAVE_OUT) {
        leave_out(stream, event);
        return PASSED_OVER;
    }
    if (jumps)
        take_jump(stream);
    else
        refuse_hole(stream);
    return END_OF_BATCH;
}

static struct span behind(struct span bytes, const struct walk_event *event)
{
    return (struct span){bytes.data + event->header.length, bytes.length - event->header.length};
}

/* Adds events while they are whole and simply sent. *ret_event: the last one looked at. */
static enum stream_step add_events(struct stream_batch *batch, struct replica_stream *stream,
                                   struct span bytes, struct walk_event *ret_event)
{
    while (batch->count < ITEMS_MAX) {
        enum result result = walk_peek(&batch->walk, bytes, ret_event);
        if (result == RESULT_DAMAGED && batch->count == 0)
            replica_stream_fail(stream, "ackgate: the store is damaged; its log says where");
        if (result != RESULT_OK || (!ret_event->is_whole && batch->count > 0))
            return STEP_ON;
        enum judgement judgement = judge(batch, stream, ret_event);
        if (judgement == END_OF_BATCH)
            return STEP_ON;
        if (judgement == PASSED_OVER)
            batch->walk = stream->walk;
        else if (!position_is_none(stream->left_out))
            return STEP_TELL_LEFT_OUT;
        else
            add_item(batch, stream, ret_event, walk_take(&batch->walk, ret_event));
        if (!ret_event->is_whole || !made_is_empty(&stream->made))
            return STEP_ON;
        bytes = behind(bytes, ret_event);
    }
    return STEP_ON;
}

enum stream_step stream_batch_fill(struct stream_batch *batch, struct replica_stream *stream,
                                   struct span bytes)
{
    struct walk_event event;
    batch->count = 0;
    batch->walk = stream->walk;
    enum stream_step step = add_events(batch, stream, bytes, &event);
    if (batch->count == 0)
        return step;
    ask_for_ack(batch, stream);
    if (!batch->items[0].event.is_whole) {
        /* longer than the window: it goes out piece by piece */
        batch->items[0].frame.sequence = stream->style.sequence;
        stream_batch_commit(batch, stream, 0);
        return STEP_ON;
    }
    gather(batch, stream);
    return STEP_BATCH;
}

/* ---- after the write ---- */

static void note_begun(struct replica_stream *stream, const struct batch_item *item)
{
    replica_skip_sent(stream->skip, &stream->walk, &item->event);
    stream->left_out = POSITION_NONE;
    stream->sent =
        (struct position){item->event.start.file, item->event.start.offset + item->event.header.length};
    if (item->is_of_txn)
        stream->txn_sent = stream->sent;
    if (item->begins_txn)
        note_passed(stream, &item->gtid);
    stream->unasked_bytes += item->event.header.length;
    if (item->frame.wants_ack) {
        stream->unasked_bytes = 0;
        replica_acks_asked(stream->acks, stream->sent, &item->gtid, clock_monotonic_us());
    }
}

static void keep_frame(struct replica_stream *stream, const struct batch_item *item, uint64_t sent)
{
    stream->is_in_frame = true;
    stream->frame = item->frame;
    stream->frame.sent = sent;
    stream->frame_start = item->event.start;
    stream->is_frame_stripped = item->is_stripped;
    memcpy(stream->frame_header, item->header, sizeof(item->header));
}

void stream_batch_commit(struct stream_batch *batch, struct replica_stream *stream, size_t sent_bytes)
{
    bool is_all = sent_bytes == batch->parts.bytes;
    bool is_lone_frame = batch->count == 1 && !batch->items[0].event.is_whole;
    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_item *item = &batch->items[i];
        uint64_t wire = frame_wire_bytes(&item->frame);
        if (sent_bytes == 0 && !is_lone_frame)
            break;
        note_begun(stream, item);
        if (!is_all || is_lone_frame)
            walk_take(&stream->walk, &item->event);
        if (sent_bytes < wire) {
            keep_frame(stream, item, sent_bytes);
            sent_bytes = 0;
            break;
        }
        sent_bytes -= (size_t)wire;
        stream->style.sequence = frame_next_sequence(&item->frame);
    }
    if (is_all && !is_lone_frame)
        stream->walk = batch->walk;
    batch->count = 0;
}
