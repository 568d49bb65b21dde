/*
 * The stream of source_stream.h.
 *
 * One read fills the buffer; whole packets in it are handled in place. The event in a packet that does not
 * fit goes to the intake in pieces, as it comes. After a packet that wants an ack the source's sequence
 * starts again at 1.
 */
#include "proxy/source_stream.h"

#include "protocol/packet.h"
#include "protocol/response.h"
#include "protocol/semisync.h"
#include "protocol/xalloc.h"
#include "proxy/conn.h"
#include "proxy/log.h"
#include "proxy/source_intake.h"
#include "proxy/timer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES = 256 * 1024,
    READS_PER_TURN = 4,
};

/* A packet that is larger than the buffer, and those that continue it. */
struct large_packet {
    bool is_active;
    bool is_last; /* the packet under way ends the payload */
    bool is_ack_wanted;
    uint32_t left; /* bytes of the packet under way that are still to come */
};

struct source_stream {
    struct conn conn;
    struct source_stream_options options;
    struct source_stream_callbacks callbacks;
    struct timer silence;
    struct source_intake intake;
    uint8_t sequence; /* of the next packet */
    bool is_over;
    uint8_t ack[PACKET_HEADER_BYTES + SEMISYNC_ACK_MAX]; /* an ack that the socket did not take yet */
    size_t ack_length;
    struct large_packet large;
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

/* ---- packets ---- */

/* Splits off the semi-sync prefix. */
static enum result take_prefix(struct source_stream *stream, struct reader *reader, bool *ret_ack_wanted)
{
    *ret_ack_wanted = false;
    if (!stream->options.is_semi_sync)
        return RESULT_OK;
    enum result result = semisync_prefix_decode(reader, ret_ack_wanted);
    if (result != RESULT_OK)
        snprintf(stream->intake.message, sizeof(stream->intake.message),
                 "a packet without the semi-sync prefix: is semi-sync on?");
    return result;
}

static enum result take_error(struct source_stream *stream, struct span payload)
{
    struct response_error error;
    enum result result = response_error_decode(payload, &error);
    if (result != RESULT_OK)
        return result;
    snprintf(stream->intake.message, sizeof(stream->intake.message), "the source says: %s (error %u)",
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
        return result == RESULT_OK ? source_intake_event(&stream->intake, reader_rest(&reader)) : result;
    }
    case RESPONSE_HEADER_ERR:
        return take_error(stream, payload);
    case RESPONSE_HEADER_EOF:
        snprintf(stream->intake.message, sizeof(stream->intake.message), "the source ended the dump");
        return RESULT_CLOSED;
    default:
        snprintf(stream->intake.message, sizeof(stream->intake.message),
                 "a packet that is no part of a dump");
        return RESULT_MALFORMED;
    }
}

static enum result check_sequence(struct source_stream *stream, uint8_t sequence)
{
    if (sequence == stream->sequence)
        return RESULT_OK;
    snprintf(stream->intake.message, sizeof(stream->intake.message),
             "packets out of order: %u came and %u was expected", sequence, stream->sequence);
    return RESULT_SEQUENCE;
}

/* ---- packets that do not fit into the buffer ---- */

/* The start of one: its header, the prefix, and the header of the event. */
static enum result begin_large(struct source_stream *stream, struct packet_header packet, struct span bytes,
                               size_t *ret_consumed)
{
    struct large_packet *large = &stream->large;
    struct reader reader;
    reader_init_span(&reader, bytes);
    reader_skip(&reader, PACKET_HEADER_BYTES);
    enum result result = reader_u8(&reader) == RESPONSE_HEADER_OK ? RESULT_OK : RESULT_MALFORMED;
    if (result == RESULT_OK)
        result = take_prefix(stream, &reader, &large->is_ack_wanted);
    size_t consumed = bytes.length - reader_left(&reader);
    if (result == RESULT_OK)
        result = source_intake_begin(&stream->intake, reader_rest(&reader));
    if (result != RESULT_OK)
        return result;
    large->is_active = true;
    large->left = packet.length - (uint32_t)(consumed - PACKET_HEADER_BYTES);
    large->is_last = packet.length < PACKET_PAYLOAD_MAX;
    stream->sequence++;
    *ret_consumed = consumed;
    return RESULT_OK;
}

static enum result end_large(struct source_stream *stream)
{
    struct large_packet *large = &stream->large;
    large->is_active = false;
    stream->sequence = large->is_ack_wanted ? 1 : stream->sequence;
    return source_intake_end(&stream->intake);
}

/* Takes what is there of it. RESULT_AGAIN: more has to come. */
static enum result continue_large(struct source_stream *stream)
{
    struct large_packet *large = &stream->large;
    size_t there = stream->end - stream->start;
    if (large->left > 0) {
        size_t length = there < large->left ? there : large->left;
        if (length == 0)
            return RESULT_AGAIN;
        struct span piece = {stream->buffer + stream->start, length};
        stream->start += length;
        large->left -= (uint32_t)length;
        return source_intake_piece(&stream->intake, piece);
    }
    if (large->is_last)
        return end_large(stream);
    struct packet_header packet;
    enum result result = packet_peek((struct span){stream->buffer + stream->start, there}, &packet);
    if (result == RESULT_OK)
        result = check_sequence(stream, packet.sequence);
    if (result != RESULT_OK)
        return result;
    stream->start += PACKET_HEADER_BYTES;
    stream->sequence++;
    large->left = packet.length;
    large->is_last = packet.length < PACKET_PAYLOAD_MAX;
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
        finish(stream, result,
               stream->intake.message[0] != '\0' ? stream->intake.message : result_text(result));
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

struct source_stream *source_stream_start(struct conn_link link, struct span rest,
                                          const struct source_stream_options *options,
                                          const struct source_stream_callbacks *callbacks)
{
    assert(rest.length <= BUFFER_BYTES);
    struct source_stream *stream = xcalloc(1, sizeof(*stream));
    stream->options = *options;
    stream->callbacks = *callbacks;
    stream->sequence = 1;
    source_intake_init(&stream->intake, options->store, options->flavor, options->start);
    if (rest.length > 0)
        memcpy(stream->buffer, rest.data, rest.length);
    stream->end = rest.length;
    conn_adopt(&stream->conn, options->loop, link, on_ready, stream);
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
