/* layer: proxy */
/*
 * An event becomes packets, and it does not matter where the writing stops: the bytes on the wire are the
 * same, and the next byte of the event is known.
 */
#include "proxy/replica_frame.h"

#include "protocol/packet.h"
#include "protocol/xalloc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 8 };

struct parts_memory {
    struct iovec iovecs[PARTS];
    uint8_t heads[PARTS][FRAME_HEAD_BYTES];
};

static uint8_t *event_of(size_t length)
{
    uint8_t *event = xmalloc(length);
    for (size_t i = 0; i < length; i++)
        event[i] = (uint8_t)(i * 7 + i / 251);
    return event;
}

/* Writes the frame out in writes of at most step bytes, offering pieces of at most piece bytes. */
static uint8_t *write_out(struct frame *frame, const uint8_t *event, size_t piece_bytes, size_t step_bytes)
{
    struct parts_memory memory;
    uint8_t *wire = xmalloc((size_t)frame_wire_bytes(frame));
    while (!frame_is_sent(frame)) {
        struct frame_parts parts = {.parts = memory.iovecs, .heads = memory.heads, .max = PARTS};
        size_t offset = (size_t)frame_event_offset(frame);
        size_t left = (size_t)frame->event_bytes - offset;
        struct frame gathered = *frame;
        frame_gather(&gathered, (struct span){event + offset, left < piece_bytes ? left : piece_bytes},
                     &parts);
        ck_assert_uint_gt(parts.bytes, 0);
        size_t written = 0;
        for (size_t i = 0; i < parts.count && written < step_bytes; i++) {
            size_t length = parts.parts[i].iov_len;
            length = length < step_bytes - written ? length : step_bytes - written;
            memcpy(wire + frame->sent + written, parts.parts[i].iov_base, length);
            written += length;
        }
        frame->sent += written;
    }
    return wire;
}

/* The wire's payload is 00, (EF flag,) event, in packets of the right length and sequence. */
static void assert_wire(const uint8_t *wire, const struct frame *frame, const uint8_t *event)
{
    struct reader stream;
    struct packet_joiner joiner;
    struct span payload;
    size_t prefix = frame->is_semi_sync ? 3 : 1;
    reader_init(&stream, wire, (size_t)frame_wire_bytes(frame));
    packet_joiner_init(&joiner, frame->sequence, 64u << 20);
    ck_assert_int_eq(packet_joiner_next(&joiner, &stream, &payload), RESULT_OK);
    ck_assert(reader_at_end(&stream));
    ck_assert_uint_eq(payload.length, prefix + frame->event_bytes);
    ck_assert_uint_eq(payload.data[0], 0);
    if (frame->is_semi_sync) {
        ck_assert_uint_eq(payload.data[1], 0xEF);
        ck_assert_uint_eq(payload.data[2], frame->wants_ack);
    }
    ck_assert_int_eq(memcmp(payload.data + prefix, event, (size_t)frame->event_bytes), 0);
    uint8_t next = packet_cursor_next_sequence(&joiner.cursor);
    ck_assert_uint_eq(frame_next_sequence(frame), frame->wants_ack ? 1 : next);
    packet_joiner_release(&joiner);
}

static const struct {
    size_t event_bytes;
    bool is_semi_sync;
    bool wants_ack;
    uint8_t sequence;
    size_t piece_bytes;
    size_t step_bytes;
} rows[] = {
  /* whole, and a byte at a time */
    {31,                             false, false, 1,   31,      1000   },
    {31,                             false, false, 255, 31,      1      },
    {31,                             true,  false, 7,   1,       1      },
    {31,                             true,  true,  200, 5,       3      },
 /* around the length at which a packet is full: 16 MiB - 1 with the bytes before the event */
    {PACKET_PAYLOAD_MAX - 2,         false, false, 3,   1 << 18, 1 << 20},
    {PACKET_PAYLOAD_MAX - 1,         false, false, 3,   1 << 18, 1 << 20},
    {PACKET_PAYLOAD_MAX,             false, false, 254, 1 << 18, 100003 },
    {PACKET_PAYLOAD_MAX - 3,         true,  true,  3,   1 << 18, 1 << 20},
    {PACKET_PAYLOAD_MAX - 4,         true,  false, 3,   1 << 18, 1 << 20},
 /* three packets, the last one empty */
    {2 * PACKET_PAYLOAD_MAX - 3,     true,  true,  250, 1 << 18, 77777  },
    {2 * PACKET_PAYLOAD_MAX + 12345, false, false, 9,   262143,  65521  },
};

START_TEST(frames_are_the_same_wherever_writing_stops)
{
    struct frame frame = {.event_bytes = rows[_i].event_bytes,
                          .sequence = rows[_i].sequence,
                          .is_semi_sync = rows[_i].is_semi_sync,
                          .wants_ack = rows[_i].wants_ack};
    uint8_t *event = event_of(rows[_i].event_bytes);
    uint8_t *wire = write_out(&frame, event, rows[_i].piece_bytes, rows[_i].step_bytes);
    assert_wire(wire, &frame, event);
    free(wire);
    free(event);
}
END_TEST

START_TEST(full_parts_end_a_gathering)
{
    struct parts_memory memory;
    struct frame_parts parts = {.parts = memory.iovecs, .heads = memory.heads, .max = 1};
    struct frame frame = {.event_bytes = 20, .sequence = 1};
    uint8_t event[20] = {0};
    frame_gather(&frame, (struct span){event, 20}, &parts);
    ck_assert_uint_eq(parts.count, 1);
    ck_assert_uint_eq(frame.sent, 5);
    ck_assert_uint_eq(frame_event_offset(&frame), 0);
    ck_assert(!frame_is_sent(&frame));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_frame");
    TCase *tests = tcase_create("frames");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, frames_are_the_same_wherever_writing_stops, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tests, full_parts_end_a_gathering);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
