/* What a replica makes of its stream: packets, events, whole transactions, acks. */
#include "protocol/binlog_rotate.h"
#include "protocol/packet.h"
#include "protocol/semisync.h"
#include "test/sim/replica_state.h"
#include "test/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void send_ack(struct replica_model *replica, uint64_t offset)
{
    char name[64];
    uint8_t bytes[256];
    uint8_t sequence = 0;
    struct writer writer;
    snprintf(name, sizeof(name), "binlog.%06llu", (unsigned long long)replica->file);
    writer_init(&writer, bytes, sizeof(bytes));
    size_t mark = packet_begin(&writer);
    semisync_ack_encode(&writer, &(struct semisync_ack){offset, span_of_text(name)});
    packet_end(&writer, mark, &sequence);
    for (; replica_is_voter(replica) && replica->acked < replica->received; replica->acked++)
        truth_on_acked(replica->number, replica->uids[replica->acked]);
    link_send(replica->link, writer_span_written(&writer));
}

static void receive(struct replica_model *replica, uint64_t offset)
{
    uint64_t uid = replica->group.uid;
    for (size_t i = 0; i < replica->received; i++)
        if (gtid_equal(&truth_of(replica->uids[i])->gtid, &truth_of(uid)->gtid))
            world_fail("P3: replica %u is sent a GTID that it has, as transaction %llu after %llu",
                       replica->number, (unsigned long long)uid, (unsigned long long)replica->uids[i]);
    replica->uids[replica->received++] = uid;
    truth_on_received(replica->number, replica->age, uid, (struct position){replica->file, offset},
                      (struct span){replica->bytes, replica->length});
    replica_plan_execution(replica);
}

static void take_rotate(struct replica_model *replica, struct span event)
{
    struct span body;
    struct binlog_rotate rotate;
    if (binlog_event_body(event, true, &body) != RESULT_OK ||
        binlog_rotate_decode(body, &rotate) != RESULT_OK ||
        binlog_name_parse(rotate.name, NULL, &replica->file) != RESULT_OK)
        world_fail("replica %u was sent a ROTATE that is none", replica->number);
    replica->group.is_open = false; /* what a source left half goes */
}

static void take_event(struct replica_model *replica, struct span event, bool is_ack_wanted)
{
    struct binlog_event_header header;
    if (binlog_event_header_decode(event, &header) != RESULT_OK || header.length != event.length)
        world_fail("replica %u was sent an event that is none", replica->number);
    if (header.type == BINLOG_ROTATE && binlog_rotate_is_artificial(&header)) {
        take_rotate(replica, event);
        return;
    }
    if (!binlog_event_type_is_stored(header.type))
        return;
    if (!replica->group.is_open)
        replica->length = 0;
    if (replica->length + event.length <= REPLICA_GROUP_BYTES)
        memcpy(replica->bytes + replica->length, event.data, event.length);
    replica->length += event.length;
    if (group_take(&replica->group, event, 0))
        receive(replica, header.log_pos);
    if (is_ack_wanted)
        send_ack(replica, header.log_pos);
}

/* 1236 stops a real replica for good: none of these deserves it, unless a disk was made to fail. */
void replica_take_error(struct replica_model *replica, struct span payload)
{
    unsigned code = payload.length > 2 ? payload.data[1] | (unsigned)payload.data[2] << 8 : 0;
    if (code != 1105 && !world_may_fail())
        world_fail("replica %u is refused: %u %.*s", replica->number, code, (int)payload.length - 9,
                   (const char *)payload.data + 9);
}

static void take_packet(struct replica_model *replica, struct span payload)
{
    if (payload.length > 0 && payload.data[0] == 0xFF) {
        replica_take_error(replica, payload);
        return;
    }
    size_t prefix = replica_is_by_position(replica) ? 1 : 3;
    bool is_ack_wanted = prefix == 3 && payload.length > 2 && payload.data[2] == 1;
    if (payload.length < prefix || payload.data[0] != 0)
        world_fail("replica %u was sent a packet that is no part of a dump", replica->number);
    take_event(replica, (struct span){payload.data + prefix, payload.length - prefix}, is_ack_wanted);
}

void replica_on_bytes(void *argument, struct span bytes)
{
    struct replica_model *replica = argument;
    assert(replica->rx_length + bytes.length <= REPLICA_RX_BYTES);
    memcpy(replica->rx + replica->rx_length, bytes.data, bytes.length);
    replica->rx_length += bytes.length;
    size_t at = 0;
    while (replica->rx_length - at >= PACKET_HEADER_BYTES) {
        size_t length = packet_header_decode(replica->rx + at).length;
        if (replica->rx_length - at < PACKET_HEADER_BYTES + length)
            break;
        take_packet(replica, (struct span){replica->rx + at + PACKET_HEADER_BYTES, length});
        at += PACKET_HEADER_BYTES + length;
    }
    memmove(replica->rx, replica->rx + at, replica->rx_length - at);
    replica->rx_length -= at;
}
