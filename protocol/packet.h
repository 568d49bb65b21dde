/*
 * Physical packets (length u24, sequence u8, payload) and the logical payloads they carry.
 *
 * Manual: "MySQL Packets". A payload of 16 MiB - 1 or more goes on in the next packet; one of exactly a
 * multiple of that ends with an empty packet. Sequence numbers count packets, wrap at 255, and begin anew
 * with every command.
 *
 * Three readers, for three needs: packet_peek() to look at what is coming; packet_cursor to move bytes on
 * while they arrive, without collecting them; packet_joiner to get whole payloads. One writer for each
 * direction of need: packet_begin()/packet_end() in place, packet_encode() for a copy, packet_splitter for no
 * copy.
 */
#ifndef ACKGATE_PROTOCOL_PACKET_H
#define ACKGATE_PROTOCOL_PACKET_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

#define PACKET_HEADER_BYTES 4
#define PACKET_PAYLOAD_MAX  0xFFFFFFu /* a packet of this length is followed by its continuation */

struct packet_header {
    uint32_t length; /* bytes of payload in this packet */
    uint8_t sequence;
};

void packet_header_encode(uint8_t ret_bytes[PACKET_HEADER_BYTES], struct packet_header header);
struct packet_header packet_header_decode(const uint8_t bytes[PACKET_HEADER_BYTES]);

/* The header at the start of bytes not consumed yet; RESULT_AGAIN with fewer than four of them. */
MUST_CHECK enum result packet_peek(struct span bytes, struct packet_header *ret_header);

/*
 * What one step of a cursor consumed. The spans point into the stream's bytes. A piece that starts a packet
 * has at least one byte of its payload, unless the packet is empty: payload.data[0] of the first piece of a
 * logical payload is there to be looked at.
 */
struct packet_piece {
    struct span raw;             /* the bytes consumed, with the header if the piece starts a packet */
    struct span payload;         /* without the header */
    struct packet_header header; /* of the packet that the piece belongs to */
    bool starts_packet;
    bool ends_packet;
    bool starts_payload; /* of the logical payload */
    bool ends_payload;
};

struct packet_cursor {
    struct packet_header header;
    uint32_t left;     /* bytes of the packet under way that have not been seen */
    uint8_t expected;  /* the next packet's sequence */
    bool any_sequence; /* the next packet's sequence is taken as it is */
    bool continues;    /* the next packet continues a logical payload */
};

void packet_cursor_init(struct packet_cursor *cursor, uint8_t sequence);
/* Between payloads only: the next packet must have this sequence, or may have any. */
void packet_cursor_expect(struct packet_cursor *cursor, uint8_t sequence);
void packet_cursor_expect_any(struct packet_cursor *cursor);
bool packet_cursor_is_between_payloads(const struct packet_cursor *cursor);
/* Number of the packet that comes next in this exchange, whoever sends it. */
uint8_t packet_cursor_next_sequence(const struct packet_cursor *cursor);

/*
 * Consumes the next piece of stream. RESULT_AGAIN: nothing more can be consumed; up to four bytes (a header,
 * or its start) stay in the stream, and the caller offers them again with what follows. RESULT_SEQUENCE:
 * wrong number; nothing is consumed, the connection is of no use any more.
 */
MUST_CHECK enum result packet_cursor_next(struct packet_cursor *cursor, struct reader *stream,
                                          struct packet_piece *ret_piece);

/* Collects logical payloads of at most payload_max bytes. */
struct packet_joiner {
    struct packet_cursor cursor;
    size_t payload_max;
    uint8_t *data; /* owned; grows with what has arrived, not with what was announced */
    size_t length;
    size_t room;
    bool delivered; /* data was given out, the next piece starts anew */
};

void packet_joiner_init(struct packet_joiner *joiner, uint8_t sequence, size_t payload_max_bytes);
void packet_joiner_release(struct packet_joiner *joiner);
/*
 * Consumes stream up to the end of one logical payload. The span points into the stream if the payload lies
 * there in one piece, else into the joiner; it lives until the next call or until the stream's bytes move.
 * RESULT_AGAIN: all but up to four bytes consumed, payload not complete. RESULT_TOO_LARGE (as soon as the
 * header says so), RESULT_SEQUENCE: the connection is of no use any more.
 */
MUST_CHECK enum result packet_joiner_next(struct packet_joiner *joiner, struct reader *stream,
                                          struct span *ret_payload);

/* Bytes on the wire for a payload: headers, and the empty packet after an exact multiple. */
size_t packet_encoded_bytes(size_t payload_bytes);
/* Writes the payload as packets; sequence is the first one's and is left at the next one's. */
void packet_encode(struct writer *writer, struct span payload, uint8_t *sequence);

/* A packet written in place: begin, write less than PACKET_PAYLOAD_MAX bytes of payload, end. */
size_t packet_begin(struct writer *writer); /* returns the mark to end it with */
void packet_end(struct writer *writer, size_t mark, uint8_t *sequence);

/* Walks over the packets of a payload without copying it. */
struct packet_splitter {
    struct span left;
    uint8_t sequence;
    bool done;
};

void packet_splitter_init(struct packet_splitter *splitter, struct span payload, uint8_t sequence);
/* False: no packet left. The part points into the payload. */
bool packet_splitter_next(struct packet_splitter *splitter, uint8_t ret_header[PACKET_HEADER_BYTES],
                          struct span *ret_part);

#endif
