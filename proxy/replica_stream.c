/* The stream of replica_stream.h. Batches are built in replica_batch.c. */
#include "proxy/replica_stream.h"

#include "protocol/constants.h"
#include "proxy/clock.h"
#include "proxy/conn.h"
#include "proxy/replica_batch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { READ_BYTES = 256 * 1024 };

/* Where a format description says when its server was started: a replica drops temporary tables then. */
static const size_t created_at = BINLOG_HEADER_BYTES + 2 + BINLOG_SERVER_VERSION_BYTES;

void replica_stream_start(struct replica_stream *stream, struct position from, const struct walk *located,
                          struct position jump, const struct gtid_state *file_start)
{
    stream->walk = *located;
    if (from.offset == BINLOG_START)
        walk_init(&stream->walk, stream->options.flavor, from);
    stream->sent = stream->txn_sent = from;
    stream->left_out = POSITION_NONE;
    stream->jump = jump;
    gtid_state_init(&stream->passed, FLAVOR_UNKNOWN);
    if (file_start != NULL && stream->skip->start.count > 0)
        gtid_state_copy(&stream->passed, file_start);
    stream->needs_head = true;
    stream->style = (struct made_style){
        .is_semi_sync = stream->options.is_semi_sync,
        .is_checksummed = stream->options.checksum == SESSION_CHECKSUM_CRC32,
        .sequence = 1,
    };
    stream->last_sent_ms = clock_monotonic_ms();
}

void replica_stream_release(struct replica_stream *stream)
{
    made_release(&stream->made);
    gtid_state_release(&stream->passed);
}

void replica_stream_fail(struct replica_stream *stream, const char *text)
{
    snprintf(stream->error_text, sizeof(stream->error_text), "%s", text);
    if (!stream->is_in_frame)
        made_error(&stream->made, &stream->style, ERROR_CODE_SOURCE_FATAL_READING_BINLOG, text);
    stream->is_in_frame = false;
    stream->is_ending = true;
}

static enum stream_step fail_at(struct replica_stream *stream, enum result result)
{
    char text[200];
    char name[BINLOG_NAME_MAX];
    store_file_name(stream->store, stream->walk.at.file, name, sizeof(name));
    snprintf(text, sizeof(text), "ackgate: cannot read the store at '%.100s' %llu: %s", name,
             (unsigned long long)stream->walk.at.offset, result_text(result));
    replica_stream_fail(stream, text);
    return STEP_ON;
}

struct position replica_stream_covered(const struct replica_stream *stream, struct position acked)
{
    bool has_all =
        position_compare(acked, stream->txn_sent) >= 0 && !stream->walk.tracker.open && !stream->is_in_frame;
    return has_all ? position_max(acked, stream->walk.at) : acked;
}

/* ---- what is made ---- */

static enum stream_step send_made(struct replica_stream *stream)
{
    struct span left = made_left(&stream->made);
    struct iovec part = {(void *)(uintptr_t)left.data, left.length};
    size_t length;
    enum result result = conn_write(stream->conn, &part, 1, &length);
    if (result == RESULT_AGAIN)
        return STEP_BLOCKED;
    if (result != RESULT_OK)
        return STEP_BROKEN;
    made_advance(&stream->made, length);
    stream->last_sent_ms = clock_monotonic_ms();
    return STEP_ON;
}

/* Tells up to where the stream is, artificial or not; silent where the position does not fit. */
static void make_heartbeat(struct replica_stream *stream, uint64_t offset)
{
    char name[BINLOG_NAME_MAX];
    uint8_t type = stream->options.is_heartbeat_v2 ? BINLOG_HEARTBEAT_V2 : BINLOG_HEARTBEAT;
    if (type == BINLOG_HEARTBEAT && offset > UINT32_MAX)
        return;
    store_file_name(stream->store, stream->walk.at.file, name, sizeof(name));
    made_heartbeat(&stream->made, &stream->style, type, name, offset);
}

void replica_stream_heartbeat(struct replica_stream *stream)
{
    if (made_is_empty(&stream->made) && !stream->is_in_frame && !stream->needs_head && !stream->is_ending)
        make_heartbeat(stream, stream->walk.at.offset);
}

/* The replica is told about what was left out, as the source's flavour does. */
static enum stream_step tell_left_out(struct replica_stream *stream)
{
    if (stream->options.flavor == FLAVOR_MYSQL)
        make_heartbeat(stream, stream->left_out.offset);
    stream->left_out = POSITION_NONE;
    return STEP_ON;
}

/* Reads the format description of walk.at.file, makes of it what this replica is sent, and moves file_walk
 * behind it. */
static enum result read_format(struct replica_stream *stream, bool is_mid_file, struct walk *file_walk,
                               uint8_t ret_event[BINLOG_FORMAT_EVENT_MAX], size_t *ret_length)
{
    struct span bytes;
    struct binlog_format format;
    struct walk_event head;
    file_walk->at = (struct position){stream->walk.at.file, BINLOG_START};
    enum result result =
        walk_read(file_walk, stream->store, WALK_HEAD_BYTES, stream_batch_scratch(stream->batch), &bytes);
    if (result == RESULT_OK)
        result = walk_peek(file_walk, bytes, &head);
    if (result != RESULT_OK)
        return result;
    size_t length = head.header.length;
    if (!head.is_whole || length > BINLOG_FORMAT_EVENT_MAX ||
        binlog_format_decode(head.bytes, &format) != RESULT_OK)
        return RESULT_DAMAGED;
    memcpy(ret_event, head.bytes.data, length);
    stream->style.server_id = head.header.server_id; /* artificial events come from the source too */
    if (stream->options.clears_created)
        memset(ret_event + created_at, 0, sizeof(format.created));
    stream->options.clears_created = false;
    stream->strips_checksum = stream->options.checksum == SESSION_CHECKSUM_UNKNOWN;
    binlog_format_prepare(ret_event, length, is_mid_file,
                          binlog_format_is_checksummed(&format) && !stream->strips_checksum);
    stream->strips_checksum = stream->strips_checksum && binlog_format_is_checksummed(&format);
    walk_take(file_walk, &head);
    *ret_length = length;
    return RESULT_OK;
}

/* ROTATE and format description, which every file begins with and every dump too. */
static enum stream_step make_head(struct replica_stream *stream)
{
    char name[BINLOG_NAME_MAX];
    uint8_t event[BINLOG_FORMAT_EVENT_MAX];
    size_t length;
    struct walk file_walk = stream->walk;
    bool is_mid_file = stream->walk.at.offset != BINLOG_START;
    enum result result = read_format(stream, is_mid_file, &file_walk, event, &length);
    if (result == RESULT_AGAIN)
        return STEP_AT_END; /* the file has begun, its first event is not there yet */
    if (result != RESULT_OK)
        return fail_at(stream, result);
    store_file_name(stream->store, stream->walk.at.file, name, sizeof(name));
    made_rotate(&stream->made, &stream->style, name, stream->walk.at.offset);
    made_event(&stream->made, &stream->style, (struct span){event, length});
    if (!is_mid_file) {
        stream->walk = file_walk;
        stream->sent = stream->walk.at;
        stream->skip->leaves_out = false;
    }
    stream->style.is_checksummed = stream->walk.is_checksummed && !stream->strips_checksum;
    stream->needs_head = false;
    return STEP_ON;
}

/* ---- what is in the store ---- */

static enum stream_step send_parts(struct replica_stream *stream, const struct frame_parts *parts,
                                   struct position end, size_t *ret_length)
{
    assert(position_compare(end, store_end(stream->store)) <= 0);
    enum result result = conn_write(stream->conn, parts->parts, (int)parts->count, ret_length);
    if (result == RESULT_AGAIN)
        return STEP_BLOCKED;
    if (result != RESULT_OK)
        return STEP_BROKEN;
    stream->last_sent_ms = clock_monotonic_ms();
    return *ret_length < parts->bytes ? STEP_BLOCKED : STEP_ON;
}

/* Goes on with the event that is half sent: as much of it as the store gives at once. */
static enum stream_step send_frame(struct replica_stream *stream, size_t *quota)
{
    struct frame_parts *parts = stream_batch_parts(stream->batch);
    uint64_t offset = frame_event_offset(&stream->frame);
    struct span piece = {NULL, 0};
    if (stream->is_frame_stripped && offset < BINLOG_HEADER_BYTES) {
        piece = (struct span){stream->frame_header + offset, (size_t)(BINLOG_HEADER_BYTES - offset)};
    } else if (offset < stream->frame.event_bytes) {
        uint64_t left = stream->frame.event_bytes - offset;
        struct position at = {stream->frame_start.file, stream->frame_start.offset + offset};
        enum result result =
            store_read(stream->store, at, left < READ_BYTES ? (size_t)left : READ_BYTES, &piece);
        if (result != RESULT_OK)
            return fail_at(stream, result);
    }
    struct frame gathered = stream->frame;
    frame_gather(&gathered, piece, parts);
    size_t length = 0;
    enum stream_step step = send_parts(stream, parts, stream->sent, &length);
    stream->frame.sent += length;
    *quota -= length < *quota ? length : *quota;
    if (frame_is_sent(&stream->frame)) {
        stream->is_in_frame = false;
        stream->style.sequence = frame_next_sequence(&stream->frame);
    }
    return step;
}

/* Sends what the batch holds, and takes as begun what has left. */
static enum stream_step send_batch(struct replica_stream *stream, size_t *quota)
{
    struct frame_parts *parts = stream_batch_parts(stream->batch);
    size_t length = 0;
    enum stream_step step =
        send_parts(stream, parts, stream_batch_end(stream->batch, &stream->walk), &length);
    *quota -= length < *quota ? length : *quota;
    stream_batch_commit(stream->batch, stream, length);
    return step;
}

static enum stream_step send_window(struct replica_stream *stream, size_t *quota)
{
    struct span bytes;
    enum result result =
        walk_read(&stream->walk, stream->store, READ_BYTES, stream_batch_scratch(stream->batch), &bytes);
    if (result == RESULT_AGAIN)
        return STEP_AT_END;
    if (result == RESULT_CLOSED) {
        stream->walk.at = (struct position){stream->walk.at.file + 1, BINLOG_START};
        stream->left_out = POSITION_NONE;
        stream->needs_head = true;
        return STEP_ON;
    }
    if (result != RESULT_OK)
        return fail_at(stream, result);
    struct position before = stream->walk.at;
    enum stream_step step = stream_batch_fill(stream->batch, stream, bytes);
    if (before.offset < stream->walk.at.offset) {
        uint64_t passed = stream->walk.at.offset - before.offset;
        *quota -= passed < *quota ? (size_t)passed : *quota;
    }
    return step == STEP_BATCH ? send_batch(stream, quota) : step;
}

static enum stream_step at_end(struct replica_stream *stream)
{
    if (!position_is_none(stream->left_out))
        return tell_left_out(stream);
    if (stream->options.is_non_block) {
        made_eof(&stream->made, &stream->style);
        stream->is_ending = true;
        return STEP_ON;
    }
    return STEP_WAIT;
}

static enum stream_step end_until(struct replica_stream *stream)
{
    struct gtid_state state;
    gtid_state_init(&state, FLAVOR_MARIADB);
    enum result result = store_gtids_at(stream->store, stream->walk.at, &state);
    if (result == RESULT_OK)
        made_gtid_list(&stream->made, &stream->style, &state.list, stream->walk.at.offset, true);
    gtid_state_release(&state);
    if (result != RESULT_OK)
        return fail_at(stream, result);
    made_eof(&stream->made, &stream->style);
    stream->is_ending = true;
    return STEP_ON;
}

static bool is_heartbeat_due(const struct replica_stream *stream)
{
    return !position_is_none(stream->left_out) && stream->options.heartbeat_ms > 0 &&
           clock_monotonic_ms() - stream->last_sent_ms >= stream->options.heartbeat_ms;
}

static enum stream_step step(struct replica_stream *stream, size_t *quota)
{
    if (!made_is_empty(&stream->made))
        return send_made(stream);
    if (stream->is_ending)
        return STEP_OVER;
    if (stream->is_in_frame)
        return send_frame(stream, quota);
    enum stream_step result;
    if (stream->needs_head)
        result = make_head(stream);
    else if (replica_skip_is_until_over(stream->skip) && !stream->walk.tracker.open)
        result = end_until(stream);
    else if (is_heartbeat_due(stream))
        result = tell_left_out(stream);
    else
        result = send_window(stream, quota);
    if (result == STEP_TELL_LEFT_OUT)
        result = tell_left_out(stream);
    return result == STEP_AT_END ? at_end(stream) : result;
}

enum stream_state replica_stream_run(struct replica_stream *stream, size_t quota_bytes)
{
    for (;;) {
        switch (step(stream, &quota_bytes)) {
        case STEP_BLOCKED:
            return STREAM_WAITS_FOR_SOCKET;
        case STEP_WAIT:
            return STREAM_WAITS_FOR_STORE;
        case STEP_OVER:
            return STREAM_OVER;
        case STEP_BROKEN:
            return STREAM_BROKEN;
        default:
            if (quota_bytes == 0)
                return STREAM_HAS_MORE;
        }
    }
}
