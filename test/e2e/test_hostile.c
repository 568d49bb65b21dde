/* Bytes that no client should send, on all three ports: a clear error or a clean close, nobody else is
 * disturbed, and ackgate stays what it was. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/greeting.h"
#include "protocol/login.h"
#include "protocol/xalloc.h"
#include "test/lib/raw_response.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { PORTS = 3 };

struct port {
    const char *name;
    uint16_t number;
    const char *user;
    const char *password;
    const char *query; /* that it answers with OK or a result */
};

struct scene {
    struct topology *t;
    struct sql *bystander; /* has a transaction open all the time */
    struct port ports[PORTS];
    pid_t pid;
};

static struct scene *scene_start(enum family family)
{
    static const char *const lines[] = {"app", "auth_timeout = 2s", NULL};
    const struct topology_options options = {
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    static struct scene scene;
    struct gate *gate;

    scene.t = topology_start_with(&options);
    gate = scene.t->gate;
    scene.ports[0] = (struct port){"app", gate->app_port, "app", "app-pw", "SELECT 1"};
    scene.ports[1] =
        (struct port){"replication", gate->replication_port, "repl", "repl-pw", "SELECT UNIX_TIMESTAMP()"};
    scene.ports[2] = (struct port){"admin", gate->admin_port, "admin", "admin-pw", "SHOW STATUS"};
    scene.pid = gate->pid;
    scene.bystander = gate_app(gate);
    sql_exec(scene.bystander,
             "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v INT); "
             "BEGIN; INSERT INTO d.t (v) VALUES (1)");
    return &scene;
}

static void check_unharmed(struct scene *scene, const char *after)
{
    ck_assert_msg(gate_is_running(scene->t->gate), "ackgate has ended after: %s", after);
    ck_assert_msg(sql_try(scene->bystander, "SELECT COUNT(*) FROM d.t") == 0, "after %s: %s", after,
                  sql_error(scene->bystander));
}

/* At the end all that the test did in the meantime is committed and replicated. */
static void scene_end(struct scene *scene)
{
    ck_assert_int_eq(scene->t->gate->pid, scene->pid);
    sql_exec(scene->bystander, "COMMIT");
    for (size_t i = 0; i < PORTS; i++) {
        struct raw_client client;
        raw_open(&client, scene->ports[i].number);
        raw_login(&client, scene->ports[i].user, scene->ports[i].password, 0, 0);
        ck_assert_uint_eq(raw_query(&client, scene->ports[i].query), 0);
        raw_close(&client);
    }
    topology_assert_same_data(scene->t);
    sql_close(scene->bystander);
    gate_stop(scene->t->gate); /* the leak checker has its say */
}

struct bytes {
    const char *name;
    const void *data;
    size_t size;
};

#define BYTES(name, text)                                                                                    \
    {                                                                                                        \
        name, text, sizeof text - 1                                                                          \
    }

static const struct bytes before_login[] = {
    BYTES("an HTTP request", "GET / HTTP/1.0\r\nHost: x\r\n\r\n"),
    BYTES("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    BYTES("an empty packet", "\x00\x00\x00\x01"),
    BYTES("a packet of one byte", "\x01\x00\x00\x01\x00"),
    BYTES("a length of 16 MiB", "\xff\xff\xff\x01\x85\xa6\xff\x00\x00\x00\x00\x01"),
    BYTES("a length of 1 MiB", "\x00\x00\x10\x01\x85\xa6\xff\x00\x00\x00\x00\x01"),
    BYTES("a query", "\x09\x00\x00\x00\x03SELECT 1"),
    BYTES("a query with a login's number", "\x09\x00\x00\x01\x03SELECT 1"),
    BYTES("a request for TLS",
          "\x20\x00\x00\x01\x85\xae\xff\x00\x00\x00\x00\x01\x2d\x00\x00\x00\x00\x00\x00\x00\x00"
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    BYTES("a user name without an end", "\x26\x00\x00\x01\x05\xa2\x0b\x00\x00\x00\x00\x01\x2d\x00\x00\x00\x00"
                                        "\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                                        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00nobody"),
    BYTES("a response longer than the packet", "\x29\x00\x00\x01\x05\xa2\x2b\x00\x00\x00\x00\x01\x2d\x00\x00"
                                               "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                                               "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00nobody\x00\xfd\xff"),
    BYTES("a login of the old protocol", "\x0a\x00\x00\x01\x05\x02\x00\x00\x01root\x00"),
    BYTES("a login with number 0", "\x2a\x00\x00\x00\x05\xa2\x0b\x00\x00\x00\x00\x01\x2d\x00\x00\x00\x00\x00"
                                   "\x00\x00\x00\x00\x00\x00\x00\x00"
                                   "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00nobody\x00\x00\x00\x00"),
    BYTES("zeros",
          "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    BYTES("nothing", ""),
};

static bool closes(struct raw_client *client)
{
    enum raw_read outcome;

    do
        outcome = raw_read_packet(client);
    while (outcome == RAW_PACKET);
    return outcome == RAW_CLOSED;
}

/* With the greeting read or not: closed, at the latest when the time for a login is over. */
START_TEST(garbage_before_login)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    enum { CASES = sizeof before_login / sizeof *before_login };
    static struct raw_client clients[PORTS * CASES * 2];
    char title[120];

    for (size_t i = 0; i < PORTS * CASES * 2; i++) {
        const struct bytes *bytes = &before_login[i / 2 % CASES];
        raw_open(&clients[i], scene->ports[i / 2 / CASES].number);
        if (i % 2)
            ck_assert_int_eq(raw_read_packet(&clients[i]), RAW_PACKET);
        (void)raw_send(&clients[i], bytes->data, bytes->size);
        check_unharmed(scene, bytes->name);
    }
    for (size_t i = 0; i < PORTS * CASES * 2; i++) {
        (void)snprintf(title, sizeof title, "%s port: %s%s", scene->ports[i / 2 / CASES].name,
                       before_login[i / 2 % CASES].name, i % 2 ? ", greeting read" : "");
        ck_assert_msg(closes(&clients[i]), "%s: not closed", title);
        raw_close(&clients[i]);
    }
    scene_end(scene);
}
END_TEST

static void log_in(const struct port *port, struct raw_client *client)
{
    raw_open(client, port->number);
    raw_login(client, port->user, port->password, 0, 0);
}

static bool has_no_answer(uint8_t command)
{
    return command == COMMAND_QUIT || command == COMMAND_STMT_CLOSE || command == COMMAND_STMT_SEND_LONG_DATA;
}

/* Everything that is no command for this port: an error, and mostly the session goes on. */
static void try_command(struct scene *scene, const struct port *port, uint8_t command, size_t size)
{
    static const uint8_t zeros[64];
    struct raw_client client;
    char name[100];

    (void)snprintf(name, sizeof name, "%s port, command 0x%02x with %zu bytes", port->name, command, size);
    log_in(port, &client);
    ck_assert(raw_send_command(&client, command, zeros, size));
    if (!has_no_answer(command)) {
        enum raw_read outcome = raw_read_packet_within(&client, 5000);
        ck_assert_msg(outcome != RAW_TIMEOUT, "%s: no answer", name);
    }
    raw_close(&client);
    check_unharmed(scene, name);
}

START_TEST(every_command_byte)
{
    struct scene *scene = scene_start(TEST_FAMILY);

    for (size_t i = 0; i < PORTS; i++)
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

    log_in(&scene->ports[0], &client);
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

START_TEST(a_byte_at_a_time)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    struct raw_response response;
    uint8_t bytes[300];

    for (size_t i = 0; i < PORTS; i++) {
        const char *query = scene->ports[i].query;
        char payload[100];
        log_in(&scene->ports[i], &client);
        for (int round = 0; round < 3; round++) {
            int length = snprintf(payload, sizeof payload, "%c%s", COMMAND_QUERY, query);
            raw_frame(bytes, 0, payload, (size_t)length);
            ck_assert(raw_send_slowly(&client, bytes, 4 + (size_t)length));
            client.sequence = 1;
            raw_response_init(&response, &client);
            raw_response_finish(&response);
            ck_assert_uint_eq(response.resultsets, 1);
        }
        raw_close(&client);
    }
    scene_end(scene);
}
END_TEST

/* The account needs no password, so the packet can be made by hand. */
START_TEST(a_login_a_byte_at_a_time)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    uint8_t payload[300], bytes[304];
    struct writer writer;
    const struct login login = {
        .capabilities = CAP_LONG_PASSWORD | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH,
        .packet_max_bytes = 1U << 24,
        .charset = CHARSET_UTF8MB4,
        .user = span_of_text("root"),
        .plugin = span_of_text(TEST_FAMILY == FAMILY_MYSQL ? PLUGIN_SHA2 : PLUGIN_NATIVE),
    };

    writer_init(&writer, payload, sizeof payload);
    login_encode(&writer, &login);
    raw_frame(bytes, 1, payload, writer.length);
    raw_open(&client, scene->ports[0].number);
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert(raw_send_slowly(&client, bytes, 4 + writer.length));
    do
        ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    while (client.payload[0] == 1);
    ck_assert_uint_eq(client.payload[0], 0);
    client.capabilities = login.capabilities;
    ck_assert_uint_eq(raw_query(&client, "SELECT 1"), 0);
    raw_close(&client);
    scene_end(scene);
}
END_TEST

START_TEST(wrong_sequence_numbers)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    char payload[100];

    for (size_t i = 0; i < PORTS; i++)
        for (unsigned sequence = 1; sequence < 256; sequence += 127) {
            log_in(&scene->ports[i], &client);
            int length = snprintf(payload, sizeof payload, "%c%s", COMMAND_QUERY, scene->ports[i].query);
            client.sequence = (uint8_t)sequence;
            ck_assert(raw_send_packet(&client, payload, (size_t)length));
            raw_assert_closed(&client);
            raw_close(&client);
            check_unharmed(scene, "a wrong sequence number");
        }
    scene_end(scene);
}
END_TEST

/* A packet that says it is of 16 MiB and more follow, without an end. */
START_TEST(endless_packets)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    enum { PACKETS = 16, FULL = 0xFFFFFF };
    uint8_t *payload = xcalloc(1, FULL);
    struct raw_client client;

    memset(payload, ' ', FULL);
    payload[0] = COMMAND_QUERY;
    for (size_t i = 0; i < PORTS; i++) {
        bool is_open = true;
        log_in(&scene->ports[i], &client);
        client.sequence = 0;
        for (int j = 0; j < PACKETS && is_open; j++)
            is_open = raw_send_packet(&client, payload, FULL);
        if (is_open)
            (void)raw_send_packet(&client, payload, 0);
        raw_assert_closed(&client);
        raw_close(&client);
        check_unharmed(scene, scene->ports[i].name);
    }
    free(payload);
    ck_assert_uint_lt(gate_rss_peak_bytes(scene->t->gate), 160U << 20);
    scene_end(scene);
}
END_TEST

/* A client that leaves after any byte of a command. */
START_TEST(torn_packets)
{
    static const char query[] = "\x03SELECT 1 UNION SELECT 2";
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    uint8_t bytes[sizeof query + 4];

    raw_frame(bytes, 0, query, sizeof query - 1);
    for (size_t i = 0; i < PORTS; i++)
        for (size_t size = 1; size <= sizeof query + 3; size++) {
            log_in(&scene->ports[i], &client);
            ck_assert(raw_send(&client, bytes, size));
            if (size % 2)
                raw_abort(&client);
            else
                raw_close(&client);
            check_unharmed(scene, "a torn packet");
        }
    WAIT_SQL(gate_admin(scene->t->gate), "SHOW STATUS LIKE 'Ackgate_sessions'", "Ackgate_sessions\t1");
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

    log_in(&scene->ports[1], client);
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
        check_unharmed(scene, ack->name);
    }
    scene_end(scene);
}
END_TEST

/* The same numbers in every run. */
static uint32_t random_state = 20240607;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static size_t random_bytes(uint8_t *bytes, size_t max)
{
    size_t size = 1 + next_random() % max;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)next_random();
    return size;
}

/* Every other time with a header that fits, so that the bytes behind it are looked at. */
static void send_noise(struct raw_client *client, bool is_logged_in)
{
    uint8_t bytes[1200];
    size_t size = random_bytes(bytes, 1000);

    if (next_random() % 2) {
        if (is_logged_in && (bytes[0] == COMMAND_SHUTDOWN || bytes[0] == COMMAND_PROCESS_KILL))
            bytes[0] = COMMAND_STMT_EXECUTE;
        client->sequence = is_logged_in ? 0 : 1;
        (void)raw_send_packet(client, bytes, size);
    } else {
        (void)raw_send(client, bytes, size);
    }
}

START_TEST(noise)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    long rounds = e2e_scale(2000);

    for (long i = 0; i < rounds; i++) {
        const struct port *port = &scene->ports[i % PORTS];
        bool is_logged_in = next_random() % 2;
        if (is_logged_in) {
            log_in(port, &client);
        } else {
            raw_open(&client, port->number);
            (void)raw_read_packet(&client);
        }
        for (unsigned j = next_random() % 4; j < 4; j++)
            send_noise(&client, is_logged_in);
        (void)raw_read_packet_within(&client, 20);
        raw_close(&client);
        check_unharmed(scene, port->name);
    }
    scene_end(scene);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");

    e2e_add(suite, "before_login", garbage_before_login);
    e2e_add(suite, "commands", every_command_byte);
    e2e_add(suite, "app_port", no_replication_on_the_app_port);
    e2e_add(suite, "slowly", a_byte_at_a_time);
    e2e_add(suite, "slow_login", a_login_a_byte_at_a_time);
    e2e_add(suite, "sequence", wrong_sequence_numbers);
    e2e_add(suite, "endless", endless_packets);
    e2e_add(suite, "torn", torn_packets);
    e2e_add(suite, "lying_voter", lying_voter);
    e2e_add(suite, "noise", noise);
    return e2e_main(suite);
}
