/* Packets: a cursor and a joiner fed in pieces of any size see the same payloads. */
#include "protocol/packet.h"
#include "test/fuzz/fuzz.h"

enum { PAYLOAD_MAX = 2048 };

struct seen {
    uint8_t bytes[65536];
    size_t length;
    size_t payloads;
};

static enum result with_cursor(struct span stream, struct seen *seen)
{
    struct packet_cursor cursor;
    packet_cursor_init(&cursor, 0);
    packet_cursor_expect_any(&cursor);
    struct reader reader;
    reader_init_span(&reader, stream);
    for (;;) {
        struct packet_piece piece;
        enum result result = packet_cursor_next(&cursor, &reader, &piece);
        if (result != RESULT_OK)
            return result;
        fuzz_check(piece.payload.length <= piece.raw.length);
        fuzz_check(seen->length + piece.payload.length <= sizeof seen->bytes);
        if (piece.payload.length > 0)
            memcpy(seen->bytes + seen->length, piece.payload.data, piece.payload.length);
        seen->length += piece.payload.length;
        seen->payloads += piece.ends_payload;
        if (piece.ends_payload)
            packet_cursor_expect_any(&cursor);
    }
}

/* Offers one byte more, or step more, each time; what is not consumed is offered again. */
static void with_joiner(struct span stream, size_t step, struct seen *seen)
{
    struct packet_joiner joiner;
    packet_joiner_init(&joiner, 0, PAYLOAD_MAX);
    packet_cursor_expect_any(&joiner.cursor);
    size_t consumed = 0;
    for (size_t offered = 0; offered < stream.length;) {
        offered = stream.length - offered < step ? stream.length : offered + step;
        struct span part = fuzz_copy((struct span){stream.data + consumed, offered - consumed});
        struct reader reader;
        reader_init_span(&reader, part);
        struct span payload;
        enum result result;
        while ((result = packet_joiner_next(&joiner, &reader, &payload)) == RESULT_OK) {
            fuzz_check(payload.length <= PAYLOAD_MAX);
            if (payload.length > 0)
                memcpy(seen->bytes + seen->length, payload.data, payload.length);
            seen->length += payload.length;
            seen->payloads++;
            packet_cursor_expect_any(&joiner.cursor);
        }
        consumed += reader.at;
        fuzz_free(part);
        if (result != RESULT_AGAIN)
            break;
        fuzz_check(offered - consumed <= PACKET_HEADER_BYTES);
    }
    packet_joiner_release(&joiner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 1 || length > 60000)
        return 0;
    static struct seen by_cursor, by_joiner;
    by_cursor.length = by_cursor.payloads = by_joiner.length = by_joiner.payloads = 0;
    struct span stream = fuzz_copy((struct span){data + 1, length - 1});
    (void)!with_cursor(stream, &by_cursor);
    with_joiner(stream, (size_t)data[0] % 64 + 1, &by_joiner);
    fuzz_check(by_joiner.length <= by_cursor.length && by_joiner.payloads <= by_cursor.payloads);
    fuzz_check(memcmp(by_cursor.bytes, by_joiner.bytes, by_joiner.length) == 0);
    fuzz_free(stream);
    return 0;
}
