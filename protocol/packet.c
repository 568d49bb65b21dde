/* Packets and payloads of packet.h. */
#include "protocol/packet.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void packet_header_encode(uint8_t ret_bytes[PACKET_HEADER_BYTES], struct packet_header header)
{
    struct writer writer;
    writer_init(&writer, ret_bytes, PACKET_HEADER_BYTES);
    writer_u24(&writer, header.length);
    writer_u8(&writer, header.sequence);
    assert(!writer_failed(&writer));
}

struct packet_header packet_header_decode(const uint8_t bytes[PACKET_HEADER_BYTES])
{
    struct reader reader;
    reader_init(&reader, bytes, PACKET_HEADER_BYTES);
    uint32_t length = reader_u24(&reader);
    return (struct packet_header){.length = length, .sequence = reader_u8(&reader)};
}

enum result packet_peek(struct span bytes, struct packet_header *ret_header)
{
    if (bytes.length < PACKET_HEADER_BYTES)
        return RESULT_AGAIN;
    *ret_header = packet_header_decode(bytes.data);
    return RESULT_OK;
}

void packet_cursor_init(struct packet_cursor *cursor, uint8_t sequence)
{
    *cursor = (struct packet_cursor){.expected = sequence};
}

bool packet_cursor_is_between_payloads(const struct packet_cursor *cursor)
{
    return cursor->left == 0 && !cursor->continues;
}

void packet_cursor_expect(struct packet_cursor *cursor, uint8_t sequence)
{
    assert(packet_cursor_is_between_payloads(cursor));
    cursor->expected = sequence;
    cursor->any_sequence = false;
}

void packet_cursor_expect_any(struct packet_cursor *cursor)
{
    assert(packet_cursor_is_between_payloads(cursor));
    cursor->any_sequence = true;
}

uint8_t packet_cursor_next_sequence(const struct packet_cursor *cursor)
{
    return cursor->expected;
}

/* Begins a packet if its header and, unless it is empty, the first byte of its payload are there. */
static enum result start_packet(struct packet_cursor *cursor, struct span bytes)
{
    struct packet_header header;
    enum result result = packet_peek(bytes, &header);
    if (result != RESULT_OK)
        return result;
    if (!cursor->any_sequence && header.sequence != cursor->expected)
        return RESULT_SEQUENCE;
    if (header.length > 0 && bytes.length == PACKET_HEADER_BYTES)
        return RESULT_AGAIN;
    cursor->header = header;
    cursor->left = header.length;
    cursor->expected = (uint8_t)(header.sequence + 1);
    cursor->any_sequence = false;
    return RESULT_OK;
}

enum result packet_cursor_next(struct packet_cursor *cursor, struct reader *stream,
                               struct packet_piece *ret_piece)
{
    size_t available = reader_left(stream);
    if (available == 0)
        return RESULT_AGAIN;
    struct packet_piece piece = {.starts_packet = cursor->left == 0};
    size_t header_bytes = 0;
    if (piece.starts_packet) {
        piece.starts_payload = !cursor->continues;
        enum result result = start_packet(cursor, (struct span){stream->data + stream->at, available});
        if (result != RESULT_OK)
            return result;
        header_bytes = PACKET_HEADER_BYTES;
    }
    size_t payload_bytes = available - header_bytes;
    if (payload_bytes > cursor->left)
        payload_bytes = cursor->left;
    cursor->left -= (uint32_t)payload_bytes;
    piece.header = cursor->header;
    piece.raw = reader_bytes(stream, header_bytes + payload_bytes);
    piece.payload = (struct span){piece.raw.data + header_bytes, payload_bytes};
    piece.ends_packet = cursor->left == 0;
    if (piece.ends_packet)
        cursor->continues = cursor->header.length == PACKET_PAYLOAD_MAX;
    piece.ends_payload = piece.ends_packet && !cursor->continues;
    *ret_piece = piece;
    return RESULT_OK;
}

size_t packet_encoded_bytes(size_t payload_bytes)
{
    return payload_bytes + (payload_bytes / PACKET_PAYLOAD_MAX + 1) * PACKET_HEADER_BYTES;
}

void packet_encode(struct writer *writer, struct span payload, uint8_t *sequence)
{
    struct packet_splitter splitter;
    uint8_t header[PACKET_HEADER_BYTES];
    struct span part;
    packet_splitter_init(&splitter, payload, *sequence);
    while (packet_splitter_next(&splitter, header, &part)) {
        writer_bytes(writer, header, sizeof header);
        writer_span(writer, part);
    }
    *sequence = splitter.sequence;
}

size_t packet_begin(struct writer *writer)
{
    size_t mark = writer->length;
    writer_zeros(writer, PACKET_HEADER_BYTES);
    return mark;
}

void packet_end(struct writer *writer, size_t mark, uint8_t *sequence)
{
    if (writer_failed(writer))
        return;
    size_t length = writer->length - mark - PACKET_HEADER_BYTES;
    assert(length < PACKET_PAYLOAD_MAX);
    packet_header_encode(writer->data + mark, (struct packet_header){(uint32_t)length, *sequence});
    *sequence = (uint8_t)(*sequence + 1);
}

void packet_splitter_init(struct packet_splitter *splitter, struct span payload, uint8_t sequence)
{
    *splitter = (struct packet_splitter){.left = payload, .sequence = sequence};
}

bool packet_splitter_next(struct packet_splitter *splitter, uint8_t ret_header[PACKET_HEADER_BYTES],
                          struct span *ret_part)
{
    if (splitter->done)
        return false;
    size_t length = splitter->left.length < PACKET_PAYLOAD_MAX ? splitter->left.length : PACKET_PAYLOAD_MAX;
    packet_header_encode(ret_header, (struct packet_header){(uint32_t)length, splitter->sequence++});
    *ret_part = (struct span){splitter->left.data, length};
    splitter->left.length -= length;
    if (length > 0)
        splitter->left.data += length;
    splitter->done = length < PACKET_PAYLOAD_MAX;
    return true;
}

void packet_joiner_init(struct packet_joiner *joiner, uint8_t sequence, size_t payload_max_bytes)
{
    *joiner = (struct packet_joiner){.payload_max = payload_max_bytes};
    packet_cursor_init(&joiner->cursor, sequence);
}

void packet_joiner_release(struct packet_joiner *joiner)
{
    free(joiner->data);
    joiner->data = NULL;
    joiner->length = joiner->room = 0;
}

static void append(struct packet_joiner *joiner, struct span bytes)
{
    size_t length = joiner->length + bytes.length;
    if (length > joiner->room) {
        size_t room = joiner->room < 512 ? 512 : joiner->room;
        while (room < length)
            room *= 2;
        joiner->data = xrealloc(joiner->data, room);
        joiner->room = room;
    }
    if (bytes.length > 0)
        memcpy(joiner->data + joiner->length, bytes.data, bytes.length);
    joiner->length = length;
}

/* Looks at the packet that is about to begin: would it make the payload too large? */
static bool is_too_large(const struct packet_joiner *joiner, const struct reader *stream)
{
    struct packet_header header;
    struct span rest = {stream->data + stream->at, reader_left(stream)};
    if (joiner->cursor.left > 0 || packet_peek(rest, &header) != RESULT_OK)
        return false;
    size_t have = joiner->delivered ? 0 : joiner->length;
    return header.length > joiner->payload_max - have;
}

enum result packet_joiner_next(struct packet_joiner *joiner, struct reader *stream, struct span *ret_payload)
{
    for (;;) {
        struct packet_piece piece;
        if (reader_left(stream) > 0 && is_too_large(joiner, stream))
            return RESULT_TOO_LARGE;
        enum result result = packet_cursor_next(&joiner->cursor, stream, &piece);
        if (result != RESULT_OK)
            return result;
        if (piece.starts_payload) {
            joiner->length = 0;
            joiner->delivered = false;
        }
        if (piece.starts_payload && piece.ends_payload) {
            *ret_payload = piece.payload;
            return RESULT_OK;
        }
        append(joiner, piece.payload);
        if (piece.ends_payload) {
            joiner->delivered = true;
            *ret_payload = (struct span){joiner->data, joiner->length};
            return RESULT_OK;
        }
    }
}
