/* The packets of replica_made.h. */
#include "proxy/replica_made.h"

#include "protocol/binlog_heartbeat.h"
#include "protocol/binlog_rotate.h"
#include "protocol/packet.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"
#include "proxy/replica_frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t gtid_list_until_reached = UINT32_C(1) << 28;

void made_release(struct made *made)
{
    free(made->data);
    *made = (struct made){0};
}

bool made_is_empty(const struct made *made)
{
    return made->sent == made->length;
}

struct span made_left(const struct made *made)
{
    return (struct span){made->data + made->sent, made->length - made->sent};
}

void made_advance(struct made *made, size_t sent_bytes)
{
    assert(sent_bytes <= made->length - made->sent);
    made->sent += sent_bytes;
    if (made_is_empty(made))
        made_release(made);
}

static void append(struct made *made, const void *data, size_t length)
{
    if (made->room - made->length < length) {
        made->room = made->length + length + 512;
        made->data = xrealloc(made->data, made->room);
    }
    memcpy(made->data + made->length, data, length);
    made->length += length;
}

static void append_parts(struct made *made, const struct frame_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        append(made, parts->parts[i].iov_base, parts->parts[i].iov_len);
}

void made_event(struct made *made, struct made_style *style, struct span event)
{
    enum { PARTS = 8 };
    struct iovec parts_of[PARTS];
    uint8_t heads[PARTS][FRAME_HEAD_BYTES];
    struct frame_parts parts = {.parts = parts_of, .heads = heads, .max = PARTS};
    struct frame frame = {
        .event_bytes = event.length, .sequence = style->sequence, .is_semi_sync = style->is_semi_sync};
    frame_gather(&frame, event, &parts);
    assert(frame_is_sent(&frame));
    append_parts(made, &parts);
    style->sequence = frame_next_sequence(&frame);
}

void made_rotate(struct made *made, struct made_style *style, const char *name, uint64_t offset)
{
    uint8_t bytes[BINLOG_ROTATE_EVENT_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    binlog_rotate_encode_artificial(&writer, style->server_id, span_of_text(name), offset,
                                    style->is_checksummed);
    made_event(made, style, writer_span_written(&writer));
}

void made_heartbeat(struct made *made, struct made_style *style, uint8_t type, const char *name,
                    uint64_t offset)
{
    uint8_t bytes[BINLOG_HEARTBEAT_EVENT_MAX];
    struct writer writer;
    struct binlog_heartbeat heartbeat = {.name = span_of_text(name), .position = offset};
    writer_init(&writer, bytes, sizeof(bytes));
    binlog_heartbeat_encode(&writer, type, style->server_id, &heartbeat, style->is_checksummed);
    made_event(made, style, writer_span_written(&writer));
}

void made_gtid_list(struct made *made, struct made_style *style, const struct gtid_list *list,
                    uint64_t log_pos, bool is_until_reached)
{
    size_t body_bytes = gtid_list_encoded_bytes(list);
    size_t length = BINLOG_HEADER_BYTES + body_bytes + (style->is_checksummed ? BINLOG_CHECKSUM_BYTES : 0);
    uint8_t *bytes = xcalloc(1, length);
    struct binlog_event_header header = {.type = BINLOG_MARIADB_GTID_LIST,
                                         .server_id = style->server_id,
                                         .length = (uint32_t)length,
                                         .log_pos = (uint32_t)log_pos,
                                         .flags = BINLOG_FLAG_ARTIFICIAL};
    struct writer writer;
    writer_init(&writer, bytes, length);
    binlog_event_header_encode(&writer, &header);
    gtid_list_encode(&writer, list);
    if (is_until_reached) {
        struct writer patch;
        writer_init(&patch, bytes + BINLOG_HEADER_BYTES, 4);
        writer_u32(&patch, (uint32_t)list->count | gtid_list_until_reached);
    }
    if (style->is_checksummed)
        binlog_event_seal(bytes, length);
    made_event(made, style, (struct span){bytes, length});
    free(bytes);
}

static void made_payload(struct made *made, struct made_style *style, struct span payload)
{
    uint8_t head[PACKET_HEADER_BYTES];
    packet_header_encode(head, (struct packet_header){(uint32_t)payload.length, style->sequence++});
    append(made, head, sizeof(head));
    append(made, payload.data, payload.length);
}

void made_eof(struct made *made, struct made_style *style)
{
    uint8_t bytes[16];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    response_eof_encode(&writer, (struct response_eof){0});
    made_payload(made, style, writer_span_written(&writer));
}

void made_error(struct made *made, struct made_style *style, uint16_t code, const char *message)
{
    uint8_t bytes[1024];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    response_error_encode(&writer, code, span_of_text(message));
    made_payload(made, style, writer_span_written(&writer));
}
