/* The source's binlog dump: events to ackgate as packets with semi-sync's prefix, and its acks. */
#include "protocol/binlog_rotate.h"
#include "protocol/packet.h"
#include "protocol/semisync.h"
#include "test/sim/dice.h"
#include "test/sim/source_state.h"
#include "test/sim/world.h"

#include <stdio.h>
#include <string.h>

enum { OUT_BYTES = 16384, ACK_BYTES = 1024 };

static struct dump {
    struct link *link;
    bool has_begun;
    bool is_semi_sync;
    struct position at;
    bool needs_head; /* ROTATE, and in the middle of a file its format description */
    uint8_t sequence;
    struct group group;
    uint8_t ack[ACK_BYTES];
    size_t ack_length;
} dump;

static uint8_t out[OUT_BYTES];
static struct writer writer;

void source_dump_reset(void)
{
    dump = (struct dump){.link = NULL};
}

static void leave(enum link_end end)
{
    if (dump.link != NULL)
        link_leave(dump.link, end);
    source_dump_reset();
}

void source_dump_die(void)
{
    leave(dice_chance(500) ? LINK_VANISH : LINK_CUT);
}

void source_drop_dump(void)
{
    leave(LINK_CLOSE);
}

/* ---- sending ---- */

static void flush(void)
{
    struct span bytes = writer_span_written(&writer);
    while (bytes.length > 0) {
        size_t length = dice_chance(100) ? (size_t)dice_between(1, bytes.length) : bytes.length;
        link_send(dump.link, (struct span){bytes.data, length});
        bytes = (struct span){bytes.data + length, bytes.length - length};
    }
    writer_init(&writer, out, sizeof(out));
}

static void put_event(struct span event, bool is_ack_wanted)
{
    uint8_t payload[4096];
    struct writer packet;
    if (writer.length > OUT_BYTES / 2)
        flush();
    writer_init(&packet, payload, sizeof(payload));
    writer_u8(&packet, 0);
    if (dump.is_semi_sync)
        semisync_prefix_encode(&packet, is_ack_wanted);
    writer_span(&packet, event);
    packet_encode(&writer, writer_span_written(&packet), &dump.sequence);
    if (dump.is_semi_sync && is_ack_wanted)
        dump.sequence = 1;
}

static void put_format(struct span event, bool is_mid_file)
{
    uint8_t copy[BINLOG_FORMAT_EVENT_MAX];
    memcpy(copy, event.data, event.length);
    binlog_format_prepare(copy, event.length, is_mid_file, true);
    put_event((struct span){copy, event.length}, false);
}

static void put_head(struct span file)
{
    char name[SOURCE_NAME_MAX];
    uint8_t event[BINLOG_ROTATE_EVENT_MAX];
    struct writer rotate;
    struct span format;
    struct binlog_event_header header;
    snprintf(name, sizeof(name), "binlog.%06llu", (unsigned long long)dump.at.file);
    writer_init(&rotate, event, sizeof(event));
    binlog_rotate_encode_artificial(&rotate, 1, span_of_text(name), dump.at.offset, true);
    put_event(writer_span_written(&rotate), false);
    struct span rest = {file.data + BINLOG_START, file.length - BINLOG_START};
    if (dump.at.offset > BINLOG_START && event_next(rest, &format, &header))
        put_format(format, true);
    dump.needs_head = false;
}

static void put_next(struct span event, const struct binlog_event_header *header)
{
    bool ends = group_take(&dump.group, event, dump.at.offset);
    if (header->type == BINLOG_FORMAT_DESCRIPTION)
        put_format(event, false);
    else
        put_event(event, ends && source_state.is_semi_sync);
    dump.at.offset += event.length;
}

/* All of the file that may be sent. Returns whether another file follows. */
static bool pump_file(void)
{
    bool is_last = dump.at.file == source_state.file;
    struct span file = source_file_bytes(dump.at.file);
    size_t limit = is_last ? (size_t)source_state.synced_end : file.length;
    struct span event;
    struct binlog_event_header header;
    if (dump.needs_head)
        put_head(file);
    while (dump.at.offset < limit &&
           event_next((struct span){file.data + dump.at.offset, limit - (size_t)dump.at.offset}, &event,
                      &header))
        put_next(event, &header);
    if (is_last)
        return false;
    dump.at = (struct position){dump.at.file + 1, BINLOG_START};
    dump.needs_head = true;
    return true;
}

void source_dump_pump(void)
{
    if (dump.link == NULL || !dump.has_begun)
        return;
    writer_init(&writer, out, sizeof(out));
    while (pump_file())
        continue;
    flush();
}

/* ---- acks ---- */

static void take_ack(struct span payload)
{
    struct semisync_ack ack;
    struct position up_to;
    if (semisync_ack_decode(payload, &ack) != RESULT_OK ||
        binlog_name_parse(ack.name, NULL, &up_to.file) != RESULT_OK)
        world_fail("the source was sent an ack that is none");
    up_to.offset = ack.offset;
    source_acked(up_to);
}

static void on_bytes(void *argument, struct span bytes)
{
    uint8_t payload[ACK_BYTES];
    (void)argument;
    if (dump.ack_length + bytes.length > ACK_BYTES)
        world_fail("the source was sent more than acks");
    memcpy(dump.ack + dump.ack_length, bytes.data, bytes.length);
    dump.ack_length += bytes.length;
    while (dump.link != NULL && dump.ack_length >= PACKET_HEADER_BYTES) {
        struct packet_header header = packet_header_decode(dump.ack);
        size_t length = PACKET_HEADER_BYTES + header.length;
        if (dump.ack_length < length)
            return;
        memcpy(payload, dump.ack + PACKET_HEADER_BYTES, header.length);
        dump.ack_length -= length;
        memmove(dump.ack, dump.ack + length, dump.ack_length);
        take_ack((struct span){payload, header.length});
    }
}

static void on_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
}

static void on_closed(void *argument)
{
    (void)argument;
    source_dump_reset();
}

struct link *source_accept(void)
{
    if (!source_state.is_up)
        return NULL;
    source_drop_dump();
    struct link_peer peer = {on_bytes, on_payload, NULL, on_closed, NULL, NULL};
    dump.link = link_new(&peer);
    link_send_payload(dump.link, span_of_text("greeting"));
    return dump.link;
}

/* The start of a dump is an ack of everything before. */
void source_begin_dump(struct link *link, struct position start, bool is_semi_sync)
{
    if (dump.link != link)
        return;
    dump.has_begun = dump.needs_head = true;
    dump.is_semi_sync = is_semi_sync;
    dump.at = start;
    dump.sequence = 1;
    source_acked(start);
    source_dump_pump();
}
