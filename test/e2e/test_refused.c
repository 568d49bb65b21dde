/* Commands that a port does not serve, and acks of what was never sent: an error or nothing, and no commit
 * goes through by it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/constants.h"
#include "test/lib/runner.h"
#include "test/lib/scene.h"
#include "test/lib/sql.h"

struct bytes {
    const char *name;
    const void *data;
    size_t size;
};

#define BYTES(name, text)                                                                                    \
    {                                                                                                        \
        name, text, sizeof text - 1                                                                          \
    }

static bool has_no_answer(uint8_t command)
{
    return command == COMMAND_QUIT || command == COMMAND_STMT_CLOSE || command == COMMAND_STMT_SEND_LONG_DATA;
}

/* Everything that is no command for this port: an error, and mostly the session goes on. */
static void try_command(struct scene *scene, const struct scene_port *port, uint8_t command, size_t size)
{
    static const uint8_t zeros[64];
    struct raw_client client;
    char name[100];

    (void)snprintf(name, sizeof name, "%s port, command 0x%02x with %zu bytes", port->name, command, size);
    scene_log_in(port, &client);
    ck_assert(raw_send_command(&client, command, zeros, size));
    if (!has_no_answer(command)) {
        enum raw_read outcome = raw_read_packet_within(&client, 5000);
        ck_assert_msg(outcome != RAW_TIMEOUT, "%s: no answer", name);
    }
    raw_close(&client);
    scene_check_unharmed(scene, name);
}

START_TEST(every_command_byte)
{
    struct scene *scene = scene_start(TEST_FAMILY);

    for (size_t i = 0; i < SCENE_PORTS; i++)
        for (unsigned command = 0; command < 256; command++) {
            /* what would end the source, and what is known and would wait for more */
            if (command == COMMAND_SHUTDOWN || (command > 0x30 && command < 0xF0))
                continue;
            /* MariaDB's bulk execute of a statement that does not exist is not answered at all */
            if (command == COMMAND_MARIADB_STMT_BULK_EXECUTE)
                continue;
            try_command(scene, &scene->ports[i], (uint8_t)command, 0);
            try_command(scene, &scene->ports[i], (uint8_t)command, 20);
        }
    scene_end(scene);
}
END_TEST

/* Through the app port nobody gets the binlog past ackgate's books. */
START_TEST(no_replication_on_the_app_port)
{
    static const uint8_t commands[] = {COMMAND_BINLOG_DUMP, COMMAND_BINLOG_DUMP_GTID,
                                       COMMAND_REGISTER_REPLICA, COMMAND_TABLE_DUMP, COMMAND_CONNECT_OUT};
    static const uint8_t dump[] = "\x04\x00\x00\x00\x00\x00\x63\x00\x00\x00"
                                  "binlog.000001";
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    unsigned number = 0;

    scene_log_in(&scene->ports[SCENE_APP], &client);
    for (size_t i = 0; i < sizeof commands; i++) {
        ck_assert(raw_send_command(&client, commands[i], dump, sizeof dump - 1));
        ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
        ck_assert(raw_is_error(&client, &number));
        ck_assert_uint_eq(client.read_sequence, 1);
        ck_assert_uint_eq(raw_query(&client, "SELECT 1"), 0);
    }
    raw_close(&client);
    ck_assert_str_eq(server_status(scene->t->source, semisync_name(TEST_FAMILY, "clients")), "1");
    scene_end(scene);
}
END_TEST

static void send_written(struct raw_client *client, const struct writer *writer)
{
    client->sequence = 0;
    ck_assert(raw_send_packet(client, writer->data, writer->length));
}

/* Logs in as the voter r1 and asks for the binlog from its beginning, with semi-sync. */
static void pretend_to_be_r1(struct scene *scene, struct raw_client *client)
{
    uint32_t server_id = scene->t->replica[0]->server_id;
    const struct command_register registration = {.server_id = server_id, .port = 3306};
    const struct command_dump dump = {
        .position = 4, .server_id = server_id, .file = span_of_text("binlog.000001")};
    uint8_t bytes[200];
    struct writer writer;

    scene_log_in(&scene->ports[SCENE_REPLICATION], client);
    ck_assert_uint_eq(raw_query(client, "SET @master_binlog_checksum = @@global.binlog_checksum"), 0);
    ck_assert_uint_eq(raw_query(client, "SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1"), 0);
    writer_init(&writer, bytes, sizeof bytes);
    command_register_encode(&writer, &registration);
    send_written(client, &writer);
    ck_assert_int_eq(raw_read_packet(client), RAW_PACKET);
    writer_init(&writer, bytes, sizeof bytes);
    command_dump_encode(&writer, &dump);
    send_written(client, &writer);
    ck_assert_int_eq(raw_read_packet(client), RAW_PACKET);
    ck_assert_uint_eq(client->payload[0], 0);
}

/* Nothing of this acks a transaction that comes later. */
static const struct bytes lying_acks[] = {
    BYTES("an ack of the far future", "\xef\x00\x00\x00\x00\x00\x01\x00\x00"
                                      "binlog.999999"),
    BYTES("an ack at the end of numbers", "\xef\xff\xff\xff\xff\xff\xff\xff\xff"
                                          "binlog.000001"),
    BYTES("an ack of another kind of file", "\xef\x00\x00\x00\x00\x00\x01\x00\x00"
                                            "zzz"),
    BYTES("an ack without a file", "\xef\x00\x00\x00\x00\x00\x01\x00\x00"),
    BYTES("half an ack", "\xef\x00\x00"),
    BYTES("an empty packet", ""),
    BYTES("a query", "\x03SELECT 1"),
    BYTES("noise", "\x99\x98\x97\x96\x95\x94\x93\x92\x91\x90"),
};

START_TEST(lying_voter)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct sql *app = gate_app(scene->t->gate);
    struct raw_client client;

    for (size_t i = 0; i < sizeof lying_acks / sizeof *lying_acks; i++) {
        const struct bytes *ack = &lying_acks[i];
        replica_stop_receiver(scene->t->replica[0]);
        pretend_to_be_r1(scene, &client);
        client.sequence = 0;
        (void)raw_send_packet(&client, ack->data, ack->size);
        sql_start(app, "/* %s */ INSERT INTO d.t (v) VALUES (%zu)", ack->name, i);
        sql_assert_waiting(app, 200);
        raw_close(&client);
        replica_start_receiver(scene->t->replica[0]);
        sql_finish(app);
        scene_check_unharmed(scene, ack->name);
    }
    scene_end(scene);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refused");

    e2e_add(suite, "commands", every_command_byte);
    e2e_add(suite, "app_port", no_replication_on_the_app_port);
    e2e_add(suite, "lying_voter", lying_voter);
    return e2e_main(suite);
}
