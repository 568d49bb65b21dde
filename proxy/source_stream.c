/*
 * The stream of source_stream.h.
 *
 * One read fills the buffer; whole packets in it are handled in place. A packet that does not fit into the
 * buffer begins a "large" event, whose pieces go to the checksum and the store as they come. After a packet
 * that wants an ack the source's sequence starts again at 1.
 */
#include "proxy/source_stream.h"

#include "protocol/binlog_format.h"
#include "protocol/binlog_heartbeat.h"
#include "protocol/binlog_rotate.h"
#include "protocol/packet.h"
#include "protocol/response.h"
#include "protocol/semisync.h"
#include "protocol/xalloc.h"
#include "proxy/conn.h"
#include "proxy/log.h"
#include "proxy/timer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES = 256 * 1024,
    HEAD_BYTES = BINLOG_HEADER_BYTES + TXN_BODY_BYTES,
    READS_PER_TURN = 4,
    MESSAGE_MAX = 512,
};

/* An event that is larger than the buffer, on its way through. */
struct large_event {
    bool is_active;
    bool is_last_packet; /* the packet under way ends the payload */
    bool is_ack_wanted;
    enum result verdict;  /* not OK: its bytes are only checksummed, to tell another history from damage */
    uint32_t packet_left; /* bytes of the packet under way that are still to come */
    uint64_t seen;        /* bytes of the event */
    struct binlog_event_header header;
    struct binlog_crc crc;
    size_t head_length;
    uint8_t head[HEAD_BYTES];
};

struct source_stream {
    struct conn conn;
    struct source_stream_options options;
    struct source_stream_callbacks callbacks;
    struct timer silence;
    struct position at; /* where the next stored event stands in the source's file */
    bool has_file;      /* the dump has said which file it sends */
    struct binlog_format format;
    bool has_format;
    uint8_t sequence; /* of the next packet */
    bool is_over;
    char message[MESSAGE_MAX];                           /* why an event could not be taken */
    uint8_t ack[PACKET_HEADER_BYTES + SEMISYNC_ACK_MAX]; /* an ack that the socket did not take yet */
    size_t ack_length;
    struct large_event large;
    size_t start;
    size_t end;
    uint8_t buffer[BUFFER_BYTES];
};

static void finish(struct source_stream *stream, enum result result, const char *message)
{
    if (stream->is_over)
        return;
    stream->is_over = true;
    conn_watch(&stream->conn, 0);
    timer_stop(&stream->silence);
    store_event_abort(stream->options.store);
    stream->callbacks.on_lost(stream->callbacks.argument, result, message);
}

/* ---- events ---- */

static enum result take_rotate(struct source_stream *stream, struct span event)
{
    bool is_checksummed = binlog_event_check(event) == RESULT_OK; /* it may come before any format is known */
    struct span body;
    struct binlog_rotate rotate;
    enum result result = binlog_event_body(event, is_checksummed, &body);
    if (result == RESULT_OK)
        result = binlog_rotate_decode(body, &rotate);
    uint64_t file = 0;
    if (result == RESULT_OK)
        result = binlog_name_parse(rotate.name, NULL, &file);
    if (result != RESULT_OK) {
        snprintf(stream->message, sizeof(stream->message), "a ROTATE event is %s", result_text(result));
        return result;
    }
    struct store *store = stream->options.store;
    if (store_is_empty(store) || file >= store_end(store).file) {
        char name[BINLOG_NAME_MAX];
        result = span_copy_text(rotate.name, name, sizeof(name));
        if (result == RESULT_OK)
            result = store_begin_file(store, stream->options.flavor, name);
        if (result != RESULT_OK) {
            snprintf(stream->message, sizeof(stream->message), "cannot go on in file %s: %s",
                     log_quote(rotate.name), result_text(result));
            return result;
        }
    }
    stream->at = (struct position){file, rotate.position};
    stream->has_file = true;
    return RESULT_OK;
}

/* The offsets that the source gives must be the ones that we count; a gap would be lost bytes. */
static enum result check_place(struct source_stream *stream, const struct binlog_event_header *header)
{
    uint64_t end = stream->at.offset + header->length;
    if ((uint32_t)end == header->log_pos)
        return RESULT_OK;
    snprintf(stream->message, sizeof(stream->message),
             "a %s event ends at %" PRIu32 " by its header and at %" PRIu64 " by our count in file %" PRIu64
             " (is binlog encryption on? MariaDB's encrypted binlogs cannot be relayed)",
             binlog_event_type_name(header->type), header->log_pos, end, stream->at.file);
    return RESULT_DIVERGED;
}

/* Nothing is stored unless it is known where, and how to check it. */
static enum result check_begun(struct source_stream *stream)
{
    if (stream->has_file && stream->has_format)
        return RESULT_OK;
    snprintf(stream->message, sizeof(stream->message), "an event came before the dump's %s",
             stream->has_file ? "format description" : "ROTATE event");
    return RESULT_MALFORMED;
}

static bool is_stored_already(const struct source_stream *stream)
{
    return position_compare(stream->at, store_end(stream->options.store)) < 0;
}

static enum result compare(struct source_stream *stream, uint64_t offset, struct span bytes)
{
    enum result result =
        store_compare(stream->options.store, (struct position){stream->at.file, offset}, bytes);
    if (result == RESULT_NOT_FOUND)
        result = RESULT_DIVERGED; /* the store ends inside of an event of the source */
    if (result == RESULT_DIVERGED)
        snprintf(stream->message, sizeof(stream->message),
                 "file %" PRIu64 " has other bytes at %" PRIu64 " than when they came first", stream->at.file,
                 offset);
    return result;
}

/* The event that was written is whole. */
static enum result end_stored(struct source_stream *stream, const struct binlog_event_header *header,
                              struct span head)
{
    enum result result = store_event_done(stream->options.store, header, head);
    if (result != RESULT_OK)
        snprintf(stream->message, sizeof(stream->message),
                 "the store does not take a %s event at %" PRIu64 " of file %" PRIu64 ": %s",
                 binlog_event_type_name(header->type), stream->at.offset, stream->at.file,
                 result_text(result));
    return result;
}

/* An event that stands in the source's file: stored, or compared when it was stored before. */
static enum result take_stored(struct source_stream *stream, const struct binlog_event_header *header,
                               struct span event)
{
    enum result result = check_begun(stream);
    if (result == RESULT_OK)
        result = check_place(stream, header);
    if (result != RESULT_OK)
        return result;
    if (is_stored_already(stream)) {
        result = compare(stream, stream->at.offset, event);
    } else {
        result = store_write(stream->options.store, event);
        if (result == RESULT_OK)
            result = end_stored(stream, header, event);
    }
    stream->at.offset += header->length;
    return result;
}

static enum result take_format(struct source_stream *stream, const struct binlog_event_header *header,
                               struct span event)
{
    enum result result = binlog_format_decode(event, &stream->format);
    if (result != RESULT_OK) {
        snprintf(stream->message, sizeof(stream->message), "a format description is %s", result_text(result));
        return result;
    }
    stream->has_format = true;
    return header->log_pos == 0 ? RESULT_OK : take_stored(stream, header, event);
}

static enum result check_event(struct source_stream *stream, const struct binlog_event_header *header,
                               struct span event)
{
    bool is_checksummed = stream->has_format && binlog_format_is_checksummed(&stream->format);
    enum result result = is_checksummed ? binlog_event_check(event) : RESULT_OK;
    if (result != RESULT_OK)
        snprintf(stream->message, sizeof(stream->message),
                 "a %s event at %" PRIu64 " of file %" PRIu64 ": %s", binlog_event_type_name(header->type),
                 stream->at.offset, stream->at.file, result_text(result));
    return result;
}

static enum result take_event(struct source_stream *stream, struct span event)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode(event, &header);
    if (result == RESULT_OK && header.length != event.length)
        result = RESULT_MALFORMED;
    if (result != RESULT_OK) {
        snprintf(stream->message, sizeof(stream->message), "an event's header is %s", result_text(result));
        return result;
    }
    if (header.type == BINLOG_ROTATE && binlog_rotate_is_artificial(&header))
        return take_rotate(stream, event);
    if (header.type == BINLOG_FORMAT_DESCRIPTION)
        return take_format(stream, &header, event);
    result = check_event(stream, &header, event);
    if (result != RESULT_OK || !binlog_event_type_is_stored(header.type))
        return result; /* a heartbeat has done its work by arriving */
    return take_stored(stream, &header, event);
}

/* ---- packets ---- */

/* Splits off the semi-sync prefix. */
static enum result take_prefix(struct source_stream *stream, struct reader *reader, bool *ret_ack_wanted)
{
    *ret_ack_wanted = false;
    if (!stream->options.is_semi_sync)
        return RESULT_OK;
    enum result result = semisync_prefix_decode(reader, ret_ack_wanted);
    if (result != RESULT_OK)
        snprintf(stream->message, sizeof(stream->message),
                 "a packet without the semi-sync prefix: is semi-sync on?");
    return result;
}

static enum result take_error(struct source_stream *stream, struct span payload)
{
    struct response_error error;
    enum result result = response_error_decode(payload, &error);
    if (result != RESULT_OK)
        return result;
    snprintf(stream->message, sizeof(stream->message), "the source says: %s (error %u)",
             log_quote(error.message), error.code);
    return RESULT_CLOSED;
}

static enum result take_packet(struct source_stream *stream, struct span payload, bool *ret_ack_wanted)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    switch (reader_u8(&reader)) {
    case RESPONSE_HEADER_OK: {
        enum result result = take_prefix(stream, &reader, ret_ack_wanted);
        return result == RESULT_OK ? take_event(stream, reader_rest(&reader)) : result;
    }
    case RESPONSE_HEADER_ERR:
        return take_error(stream, payload);
    case RESPONSE_HEADER_EOF:
        snprintf(stream->message, sizeof(stream->message), "the source ended the dump");
        return RESULT_CLOSED;
    default:
        snprintf(stream->message, sizeof(stream->message), "a packet that is no part of a dump");
        return RESULT_MALFORMED;
    }
}

static enum result check_sequence(struct source_stream *stream, uint8_t sequence)
{
    if (sequence == stream->sequence)
        return RESULT_OK;
    snprintf(stream->message, sizeof(stream->message), "packets out of order: %u came and %u was expected",
             sequence, stream->sequence);
    return RESULT_SEQUENCE;
}

/* ---- large events ---- */

static enum result take_piece(struct source_stream *stream, struct span piece)
{
    struct large_event *large = &stream->large;
    if (piece.length > large->header.length - large->seen) {
        snprintf(stream->message, sizeof(stream->message), "an event is longer than its header says");
        return RESULT_MALFORMED;
    }
    binlog_crc_update(&large->crc, piece);
    size_t room = HEAD_BYTES - large->head_length;
    size_t copied = piece.length < room ? piece.length : room;
    memcpy(large->head + large->head_length, piece.data, copied);
    large->head_length += copied;
    uint64_t offset = stream->at.offset + large->seen;
    large->seen += piece.length;
    if (large->verdict != RESULT_OK)
        return RESULT_OK;
    if (!is_stored_already(stream))
        return store_write(stream->options.store, piece);
    large->verdict = compare(stream, offset, piece);
    return RESULT_OK;
}

static enum result end_large(struct source_stream *stream)
{
    struct large_event *large = &stream->large;
    large->is_active = false;
    enum result result = large->seen == large->header.length ? RESULT_OK : RESULT_TRUNCATED;
    if (result == RESULT_OK && binlog_format_is_checksummed(&stream->format))
        result = binlog_crc_final(&large->crc);
    if (result != RESULT_OK) {
        snprintf(stream->message, sizeof(stream->message), "an event of %" PRIu32 " bytes: %s",
                 large->header.length, result_text(result));
        return result;
    }
    result = large->verdict;
    if (result == RESULT_OK && !is_stored_already(stream))
        result = end_stored(stream, &large->header, (struct span){large->head, large->head_length});
    stream->at.offset += large->header.length;
    stream->sequence = large->is_ack_wanted ? 1 : stream->sequence;
    return result;
}

/* The start of a packet that does not fit into the buffer: its header and the event's. */
static enum result begin_large(struct source_stream *stream, struct packet_header packet, struct span bytes,
                               size_t *ret_consumed)
{
    struct large_event *large = &stream->large;
    large->is_active = true;
    large->is_ack_wanted = false;
    large->seen = large->head_length = 0;
    struct reader reader;
    reader_init_span(&reader, bytes);
    reader_skip(&reader, PACKET_HEADER_BYTES);
    enum result result = reader_u8(&reader) == RESPONSE_HEADER_OK ? RESULT_OK : RESULT_MALFORMED;
    if (result == RESULT_OK)
        result = take_prefix(stream, &reader, &large->is_ack_wanted);
    size_t consumed = bytes.length - reader_left(&reader);
    if (result == RESULT_OK)
        result = binlog_event_header_decode(reader_rest(&reader), &large->header);
    if (result == RESULT_OK && !binlog_event_type_is_stored(large->header.type))
        result = RESULT_MALFORMED;
    if (result == RESULT_OK)
        result = check_begun(stream);
    if (result != RESULT_OK)
        return result;
    large->verdict = check_place(stream, &large->header);
    binlog_crc_init(&large->crc, &large->header);
    large->packet_left = packet.length - (uint32_t)(consumed - PACKET_HEADER_BYTES);
    large->is_last_packet = packet.length < PACKET_PAYLOAD_MAX;
    stream->sequence++;
    *ret_consumed = consumed;
    return RESULT_OK;
}

/* Takes what is there of a large event. RESULT_AGAIN: more has to come. */
static enum result continue_large(struct source_stream *stream)
{
    struct large_event *large = &stream->large;
    size_t there = stream->end - stream->start;
    if (large->packet_left > 0) {
        size_t length = there < large->packet_left ? there : large->packet_left;
        if (length == 0)
            return RESULT_AGAIN;
        enum result result = take_piece(stream, (struct span){stream->buffer + stream->start, length});
        stream->start += length;
        large->packet_left -= (uint32_t)length;
        return result;
    }
    if (large->is_last_packet)
        return end_large(stream);
    struct packet_header packet;
    enum result result = packet_peek((struct span){stream->buffer + stream->start, there}, &packet);
    if (result == RESULT_OK)
        result = check_sequence(stream, packet.sequence);
    if (result != RESULT_OK)
        return result;
    stream->start += PACKET_HEADER_BYTES;
    stream->sequence++;
    large->packet_left = packet.length;
    large->is_last_packet = packet.length < PACKET_PAYLOAD_MAX;
    return RESULT_OK;
}

/* ---- the buffer ---- */

/* Handles the next packet in the buffer. RESULT_AGAIN: more has to be read first. */
static enum result next_packet(struct source_stream *stream)
{
    if (stream->large.is_active)
        return continue_large(stream);
    struct span bytes = {stream->buffer + stream->start, stream->end - stream->start};
    struct packet_header packet;
    enum result result = packet_peek(bytes, &packet);
    if (result == RESULT_OK)
        result = check_sequence(stream, packet.sequence);
    if (result != RESULT_OK)
        return result;
    size_t length = PACKET_HEADER_BYTES + (size_t)packet.length;
    if (length > BUFFER_BYTES) {
        if (bytes.length < PACKET_HEADER_BYTES + 1 + SEMISYNC_PREFIX_BYTES + BINLOG_HEADER_BYTES)
            return RESULT_AGAIN;
        size_t consumed = 0;
        result = begin_large(stream, packet, bytes, &consumed);
        stream->start += consumed;
        return result;
    }
    if (bytes.length < length)
        return RESULT_AGAIN;
    bool is_ack_wanted = false;
    result =
        take_packet(stream, (struct span){bytes.data + PACKET_HEADER_BYTES, packet.length}, &is_ack_wanted);
    stream->start += length;
    stream->sequence = is_ack_wanted ? 1 : (uint8_t)(stream->sequence + 1);
    return result;
}

/* Handles all that was read, and hands the batch over. */
static void process(struct source_stream *stream)
{
    enum result result;
    do
        result = next_packet(stream);
    while (result == RESULT_OK);
    memmove(stream->buffer, stream->buffer + stream->start, stream->end - stream->start);
    stream->end -= stream->start;
    stream->start = 0;
    enum result flushed = store_flush(stream->options.store);
    stream->callbacks.on_batch(stream->callbacks.argument);
    if (result != RESULT_AGAIN)
        finish(stream, result, stream->message[0] != '\0' ? stream->message : result_text(result));
    else if (flushed != RESULT_OK)
        finish(stream, flushed, "the store cannot be written");
}

static void on_readable(struct source_stream *stream)
{
    for (int i = 0; i < READS_PER_TURN && !stream->is_over; i++) {
        size_t length;
        size_t room = BUFFER_BYTES - stream->end;
        assert(room > 0);
        enum result result = conn_read(&stream->conn, stream->buffer + stream->end, room, &length);
        if (result == RESULT_AGAIN)
            return;
        if (result != RESULT_OK) {
            finish(stream, result, result == RESULT_IO ? strerror(errno) : result_text(result));
            return;
        }
        timer_start(&stream->silence, stream->options.silence_max_ms);
        stream->end += length;
        process(stream);
        if (length < room)
            return;
    }
}

/* ---- acks ---- */

static void write_ack(struct source_stream *stream)
{
    size_t written = 0;
    struct iovec part = {stream->ack, stream->ack_length};
    enum result result = conn_write(&stream->conn, &part, 1, &written);
    if (result == RESULT_OK && written < stream->ack_length) {
        finish(stream, RESULT_IO,
               "an ack could be sent only in part"); /* the source could not make sense of it */
    } else if (result == RESULT_OK) {
        stream->ack_length = 0;
        conn_watch(&stream->conn, CONN_READ);
    } else if (result == RESULT_AGAIN) {
        conn_watch(&stream->conn, CONN_READ | CONN_WRITE);
    } else {
        finish(stream, result, strerror(errno));
    }
}

void source_stream_ack(struct source_stream *stream, const char *file, uint64_t offset)
{
    if (!stream->options.is_semi_sync || stream->is_over)
        return;
    struct writer writer;
    writer_init(&writer, stream->ack, sizeof(stream->ack));
    size_t mark = packet_begin(&writer);
    semisync_ack_encode(&writer, &(struct semisync_ack){.offset = offset, .name = span_of_text(file)});
    uint8_t sequence = 0;
    packet_end(&writer, mark, &sequence);
    assert(!writer_failed(&writer));
    stream->ack_length = writer.length; /* a newer ack takes the place of one that waits */
    write_ack(stream);
}

static void on_ready(void *argument, unsigned what)
{
    struct source_stream *stream = argument;
    if (stream->is_over)
        return;
    if (what & CONN_WRITE)
        write_ack(stream);
    else
        on_readable(stream);
}

static void on_silence(void *argument)
{
    finish(argument, RESULT_TIMEOUT, "no event and no heartbeat for too long");
}

static void on_rest(void *argument)
{
    struct source_stream *stream = argument;
    if (!stream->is_over)
        process(stream);
}

struct source_stream *source_stream_start(int fd, struct span rest,
                                          const struct source_stream_options *options,
                                          const struct source_stream_callbacks *callbacks)
{
    assert(rest.length <= BUFFER_BYTES);
    struct source_stream *stream = xcalloc(1, sizeof(*stream));
    stream->options = *options;
    stream->callbacks = *callbacks;
    stream->sequence = 1;
    stream->at = options->start;
    if (rest.length > 0)
        memcpy(stream->buffer, rest.data, rest.length);
    stream->end = rest.length;
    conn_open(&stream->conn, options->loop, fd, on_ready, stream);
    timer_init(&stream->silence, options->loop, on_silence, stream);
    timer_start(&stream->silence, options->silence_max_ms);
    conn_watch(&stream->conn, CONN_READ);
    if (rest.length > 0)
        loop_defer(options->loop, on_rest, stream);
    return stream;
}

static void on_turn_over_free(void *argument)
{
    free(argument);
}

void source_stream_free(struct source_stream **stream)
{
    struct source_stream *old = *stream;
    if (old == NULL)
        return;
    *stream = NULL;
    if (!old->is_over)
        store_event_abort(old->options.store);
    old->is_over = true;
    conn_close(&old->conn);
    timer_release(&old->silence);
    loop_defer(old->options.loop, on_turn_over_free, old);
}
