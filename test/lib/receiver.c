/* The receiver of receiver.h. It looks at the head of each packet only; the rest is counted and dropped. */
#include "test/lib/receiver.h"

#include <check.h>
#include <errno.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/binlog_event.h"
#include "protocol/binlog_rotate.h"
#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/gtid_set.h"
#include "protocol/packet.h"
#include "protocol/semisync.h"
#include "test/lib/place.h"
#include "test/lib/sql.h"

enum { READ_BYTES = 256 * 1024, COMMAND_BYTES = 16 * 1024, FULL_BYTES = 0xffffff };

/* ---- asking for a dump ---- */

static void say_what_it_is(struct place where, struct sql *conn, const struct receiver_options *options)
{
    if (options->family == FAMILY_MYSQL) {
        sql_exec_at(where, conn,
                    "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = "
                    "@@global.binlog_checksum");
        const char *uuid = place_format("5eceb5e5-0000-4000-8000-%012u", options->server_id);
        sql_exec_at(where, conn, "SET @slave_uuid = '%s', @replica_uuid = '%s'", uuid, uuid);
    } else {
        sql_exec_at(where, conn, "SET @master_binlog_checksum= @@global.binlog_checksum");
        sql_exec_at(where, conn, "SET @mariadb_slave_capability=4");
        if (options->gtids != NULL)
            sql_exec_at(where, conn, "SET @slave_connect_state='%s'", options->gtids);
    }
    if (options->is_semi_sync)
        sql_exec_at(where, conn,
                    options->family == FAMILY_MYSQL ? "SET @rpl_semi_sync_replica = 1"
                                                    : "SET @rpl_semi_sync_slave= 1");
}

static void encode_gtid_dump(struct writer *writer, const struct receiver_options *options, uint16_t flags)
{
    struct gtid_set set;
    struct writer encoded;
    uint8_t bytes[COMMAND_BYTES / 2];
    gtid_set_init(&set);
    ck_assert_int_eq(gtid_set_parse(&set, span_of_text(options->gtids)), RESULT_OK);
    writer_init(&encoded, bytes, sizeof bytes);
    gtid_set_encode(&encoded, &set);
    gtid_set_release(&set);
    ck_assert(!writer_failed(&encoded));
    command_dump_gtid_encode(writer, &(struct command_dump_gtid){
                                         .flags = flags,
                                         .server_id = options->server_id,
                                         .position = BINLOG_START,
                                         .gtid_set = {bytes, encoded.length}
    });
}

static void encode_dump(struct writer *writer, const struct receiver_options *options)
{
    uint16_t flags = options->ends_at_newest ? DUMP_FLAG_NON_BLOCK : 0;
    if (options->gtids != NULL && options->family == FAMILY_MYSQL)
        encode_gtid_dump(writer, options, flags);
    else if (options->gtids != NULL)
        command_dump_encode(
            writer, &(struct command_dump){BINLOG_START, flags, options->server_id, span_of_text("")});
    else
        command_dump_encode(writer, &(struct command_dump){options->offset, flags, options->server_id,
                                                           span_of_text(options->file)});
}

static void send_packet(const struct receiver *receiver, const uint8_t *payload, size_t length)
{
    uint8_t bytes[4 + COMMAND_BYTES] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), 0};
    memcpy(bytes + 4, payload, length);
    ssize_t sent = send(receiver->fd, bytes, 4 + length, MSG_NOSIGNAL);
    /* what has gone is seen at the next read */
    ck_assert_msg(sent == (ssize_t)(4 + length) || errno == EPIPE || errno == ECONNRESET,
                  "a receiver cannot send: %m");
}

void receiver_prepare_at(struct place where, struct receiver *receiver,
                         const struct receiver_options *options)
{
    *receiver = (struct receiver){.is_semi_sync = options->is_semi_sync, .head_wanted = 4};
    receiver->conn = sql_open_at(
        where, &(struct sql_options){.port = options->port, .user = "repl", .password = "repl-pw"});
    receiver->fd = (int)mysql_get_socket(sql_handle(receiver->conn));
    say_what_it_is(where, receiver->conn, options);
}

void receiver_start_at(struct place where, struct receiver *receiver, const struct receiver_options *options)
{
    uint8_t bytes[COMMAND_BYTES];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    encode_dump(&writer, options);
    if (writer_failed(&writer))
        fail_at(where, "the dump command is too long");
    send_packet(receiver, bytes, writer.length);
}

void receiver_open_at(struct place where, struct receiver *receiver, const struct receiver_options *options)
{
    receiver_prepare_at(where, receiver, options);
    receiver_start_at(where, receiver, options);
}

/* ---- what comes ---- */

static void send_ack(struct receiver *receiver)
{
    uint8_t bytes[SEMISYNC_ACK_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    semisync_ack_encode(&writer, &(struct semisync_ack){receiver->offset, span_of_text(receiver->file)});
    ck_assert(!writer_failed(&writer));
    send_packet(receiver, bytes, writer.length);
    receiver->acks++;
    receiver->wants_ack = false;
}

/* "binlog.000001", and perhaps a checksum behind it. */
static void take_rotate(struct receiver *receiver, struct span event)
{
    size_t start = BINLOG_HEADER_BYTES + 8;
    ck_assert_uint_gt(event.length, start);
    const uint8_t *dot = memchr(event.data + start, '.', event.length - start);
    ck_assert_ptr_nonnull(dot);
    size_t length = (size_t)(dot - (event.data + start)) + 7;
    ck_assert(length < sizeof receiver->file && start + length <= event.length);
    memcpy(receiver->file, event.data + start, length);
    receiver->file[length] = '\0';
    receiver->offset = BINLOG_START;
}

static void take_head(struct receiver *receiver)
{
    struct span payload = {receiver->head + 4, receiver->head_length - 4};
    size_t before = receiver->is_semi_sync ? 3 : 1;
    struct binlog_event_header header;
    if (payload.data[0] == 0xfe) {
        receiver->is_over = true;
        return;
    }
    ck_assert_msg(payload.data[0] == 0, "a receiver got an error: %.*s", (int)payload.length - 3,
                  (const char *)payload.data + 3);
    struct span event = {payload.data + before, payload.length - before};
    ck_assert_int_eq(binlog_event_header_decode(event, &header), RESULT_OK);
    receiver->wants_ack = receiver->is_semi_sync && payload.data[2] == 1;
    if (header.type == BINLOG_ROTATE)
        take_rotate(receiver, event);
    else if (header.log_pos != 0)
        receiver->offset = header.log_pos;
}

static void end_packet(struct receiver *receiver)
{
    receiver->is_continued = receiver->is_full;
    receiver->head_length = 0;
    receiver->head_wanted = 4;
    if (receiver->is_full)
        return;
    receiver->events++;
    if (receiver->wants_ack)
        send_ack(receiver);
}

/* The four bytes in front are there: how much of the payload is looked at. */
static void begin_packet(struct receiver *receiver)
{
    const uint8_t *head = receiver->head;
    size_t length = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
    size_t looked_at = receiver->is_continued ? 0 : length;
    if (looked_at > RECEIVER_HEAD_MAX)
        looked_at = RECEIVER_HEAD_MAX;
    receiver->is_full = length == FULL_BYTES;
    receiver->head_wanted = 4 + looked_at;
    receiver->left = length - looked_at;
}

static size_t at_most(size_t wanted, size_t there)
{
    return wanted < there ? wanted : there;
}

static void take_bytes(struct receiver *receiver, const uint8_t *bytes, size_t length)
{
    while (length > 0 && !receiver->is_over) {
        bool is_in_head = receiver->head_length < receiver->head_wanted;
        size_t wanted = is_in_head ? receiver->head_wanted - receiver->head_length : receiver->left;
        size_t part = at_most(wanted, length);
        if (is_in_head) {
            memcpy(receiver->head + receiver->head_length, bytes, part);
            receiver->head_length += part;
        } else {
            receiver->left -= part;
        }
        bytes += part;
        length -= part;
        if (is_in_head && receiver->head_length == 4)
            begin_packet(receiver);
        if (receiver->head_length < receiver->head_wanted)
            continue;
        if (is_in_head && receiver->head_wanted > 4)
            take_head(receiver);
        if (receiver->left == 0)
            end_packet(receiver);
    }
}

bool receiver_take(struct receiver *receiver)
{
    static __thread uint8_t buffer[READ_BYTES];
    if (receiver->is_over)
        return false;
    ssize_t got = recv(receiver->fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0) {
        receiver->is_over = true;
        return false;
    }
    receiver->bytes += (size_t)got;
    take_bytes(receiver, buffer, (size_t)got);
    return !receiver->is_over;
}

void receiver_take_all(struct receiver *receiver)
{
    while (receiver_take(receiver))
        continue;
}

void receiver_close(struct receiver *receiver)
{
    if (receiver->conn == NULL)
        return;
    sql_break(receiver->conn);
    sql_close(receiver->conn);
    receiver->conn = NULL;
}
