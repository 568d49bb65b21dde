/* The packet arithmetic of replica_frame.h. */
#include "proxy/replica_frame.h"

#include "protocol/packet.h"
#include "protocol/semisync.h"

#include <assert.h>

static const uint64_t packet_wire_bytes = PACKET_HEADER_BYTES + (uint64_t)PACKET_PAYLOAD_MAX;

/* Bytes before the event in the payload. */
static uint64_t prefix_bytes(const struct frame *frame)
{
    return frame->is_semi_sync ? 1 + SEMISYNC_PREFIX_BYTES : 1;
}

static uint64_t payload_bytes(const struct frame *frame)
{
    return prefix_bytes(frame) + frame->event_bytes;
}

static uint64_t packet_count(const struct frame *frame)
{
    return payload_bytes(frame) / PACKET_PAYLOAD_MAX + 1;
}

uint64_t frame_wire_bytes(const struct frame *frame)
{
    return payload_bytes(frame) + PACKET_HEADER_BYTES * packet_count(frame);
}

bool frame_is_sent(const struct frame *frame)
{
    return frame->sent == frame_wire_bytes(frame);
}

uint64_t frame_event_offset(const struct frame *frame)
{
    uint64_t headers = (frame->sent / packet_wire_bytes) * PACKET_HEADER_BYTES;
    uint64_t within = frame->sent % packet_wire_bytes;
    headers += within < PACKET_HEADER_BYTES ? within : PACKET_HEADER_BYTES;
    uint64_t payload_offset = frame->sent - headers;
    uint64_t prefix = prefix_bytes(frame);
    return payload_offset < prefix ? 0 : payload_offset - prefix;
}

uint8_t frame_next_sequence(const struct frame *frame)
{
    return frame->wants_ack ? 1 : (uint8_t)(frame->sequence + packet_count(frame));
}

/* The packet's header and, in the first packet, what stands before the event; returns their length. */
static size_t write_head(const struct frame *frame, uint64_t packet, uint8_t *ret_head)
{
    uint64_t left = payload_bytes(frame) - packet * PACKET_PAYLOAD_MAX;
    struct writer writer;
    writer_init(&writer, ret_head, FRAME_HEAD_BYTES);
    writer_u24(&writer, (uint32_t)(left < PACKET_PAYLOAD_MAX ? left : PACKET_PAYLOAD_MAX));
    writer_u8(&writer, (uint8_t)(frame->sequence + packet));
    if (packet == 0) {
        writer_u8(&writer, 0);
        if (frame->is_semi_sync)
            semisync_prefix_encode(&writer, frame->wants_ack);
    }
    assert(!writer_failed(&writer));
    return writer.length;
}

static void add_part(struct frame *frame, struct frame_parts *parts, const uint8_t *data, size_t length)
{
    parts->parts[parts->count++] = (struct iovec){(void *)(uintptr_t)data, length};
    parts->bytes += length;
    frame->sent += length;
}

void frame_gather(struct frame *frame, struct span piece, struct frame_parts *parts)
{
    uint64_t wire = frame_wire_bytes(frame);
    while (frame->sent < wire && parts->count < parts->max) {
        uint64_t packet = frame->sent / packet_wire_bytes;
        size_t within = (size_t)(frame->sent % packet_wire_bytes);
        uint8_t *head = parts->heads[parts->head_count];
        size_t head_length = write_head(frame, packet, head);
        if (within < head_length) {
            parts->head_count++;
            add_part(frame, parts, head + within, head_length - within);
            continue;
        }
        uint64_t room = packet_wire_bytes - within;
        size_t take = piece.length < room ? piece.length : (size_t)room;
        if (take == 0)
            return;
        add_part(frame, parts, piece.data, take);
        piece = (struct span){piece.data + take, piece.length - take};
    }
}
