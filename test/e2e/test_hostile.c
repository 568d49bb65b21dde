/* Bytes that no client should send, on all three ports: a clear error or a clean close, nobody else is
 * disturbed, and ackgate stays what it was. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/constants.h"
#include "protocol/login.h"
#include "protocol/xalloc.h"
#include "test/lib/raw_response.h"
#include "test/lib/runner.h"
#include "test/lib/scene.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

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
    static struct raw_client clients[SCENE_PORTS * CASES * 2];
    char title[120];

    for (size_t i = 0; i < SCENE_PORTS * CASES * 2; i++) {
        const struct bytes *bytes = &before_login[i / 2 % CASES];
        raw_open(&clients[i], scene->ports[i / 2 / CASES].number);
        if (i % 2)
            ck_assert_int_eq(raw_read_packet(&clients[i]), RAW_PACKET);
        (void)raw_send(&clients[i], bytes->data, bytes->size);
        scene_check_unharmed(scene, bytes->name);
    }
    for (size_t i = 0; i < SCENE_PORTS * CASES * 2; i++) {
        (void)snprintf(title, sizeof title, "%s port: %s%s", scene->ports[i / 2 / CASES].name,
                       before_login[i / 2 % CASES].name, i % 2 ? ", greeting read" : "");
        ck_assert_msg(closes(&clients[i]), "%s: not closed", title);
        raw_close(&clients[i]);
    }
    scene_end(scene);
}
END_TEST

START_TEST(a_byte_at_a_time)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;
    struct raw_response response;
    uint8_t bytes[300];

    for (size_t i = 0; i < SCENE_PORTS; i++) {
        const char *query = scene->ports[i].query;
        char payload[100];
        scene_log_in(&scene->ports[i], &client);
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
    raw_open(&client, scene->ports[SCENE_APP].number);
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

    for (size_t i = 0; i < SCENE_PORTS; i++)
        for (unsigned sequence = 1; sequence < 256; sequence += 127) {
            scene_log_in(&scene->ports[i], &client);
            int length = snprintf(payload, sizeof payload, "%c%s", COMMAND_QUERY, scene->ports[i].query);
            client.sequence = (uint8_t)sequence;
            ck_assert(raw_send_packet(&client, payload, (size_t)length));
            raw_assert_closed(&client);
            raw_close(&client);
            scene_check_unharmed(scene, "a wrong sequence number");
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
    for (size_t i = 0; i < SCENE_PORTS; i++) {
        bool is_open = true;
        scene_log_in(&scene->ports[i], &client);
        client.sequence = 0;
        for (int j = 0; j < PACKETS && is_open; j++)
            is_open = raw_send_packet(&client, payload, FULL);
        if (is_open)
            (void)raw_send_packet(&client, payload, 0);
        raw_assert_closed(&client);
        raw_close(&client);
        scene_check_unharmed(scene, scene->ports[i].name);
    }
    free(payload);
    ck_assert_uint_lt(gate_rss_peak_bytes(scene->t->gate), 160U << 20);
    scene_end(scene);
}
END_TEST

/* Sends commands until the other side takes no more, for a second at most; never reads. */
static void flood(struct raw_client *client, const char *query)
{
    uint8_t bytes[16 * 1024];
    size_t size = 0;
    char payload[100];
    int length = snprintf(payload, sizeof payload, "%c%s", COMMAND_QUERY, query);
    uint64_t end_ms = now_ms() + 1000;

    while (size + 4 + (size_t)length <= sizeof bytes) {
        raw_frame(bytes + size, 0, payload, (size_t)length);
        size += 4 + (size_t)length;
    }
    while (now_ms() < end_ms) {
        ssize_t sent = send(client->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent < (ssize_t)size)
            sleep_ms(10); /* and the packets are torn from here on */
    }
}

START_TEST(questions_without_end)
{
    struct scene *scene = scene_start(TEST_FAMILY);
    struct raw_client client;

    for (size_t i = 0; i < SCENE_PORTS; i++) {
        scene_log_in(&scene->ports[i], &client);
        flood(&client, i == SCENE_APP ? "SELECT REPEAT('x', 10000)" : scene->ports[i].query);
        scene_check_unharmed(scene, scene->ports[i].name);
        ck_assert_uint_lt(gate_rss_peak_bytes(scene->t->gate), 160U << 20);
        raw_close(&client);
    }
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
    for (size_t i = 0; i < SCENE_PORTS; i++)
        for (size_t size = 1; size <= sizeof query + 3; size++) {
            scene_log_in(&scene->ports[i], &client);
            ck_assert(raw_send(&client, bytes, size));
            if (size % 2)
                raw_abort(&client);
            else
                raw_close(&client);
            scene_check_unharmed(scene, "a torn packet");
        }
    WAIT_SQL(gate_admin(scene->t->gate), "SHOW STATUS LIKE 'Ackgate_sessions'", "Ackgate_sessions\t1");
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
        const struct scene_port *port = &scene->ports[i % SCENE_PORTS];
        bool is_logged_in = next_random() % 2;
        if (is_logged_in) {
            scene_log_in(port, &client);
        } else {
            raw_open(&client, port->number);
            (void)raw_read_packet(&client);
        }
        for (unsigned j = next_random() % 4; j < 4; j++)
            send_noise(&client, is_logged_in);
        (void)raw_read_packet_within(&client, 20);
        raw_close(&client);
        scene_check_unharmed(scene, port->name);
    }
    scene_end(scene);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");

    e2e_add(suite, "before_login", garbage_before_login);
    e2e_add(suite, "slowly", a_byte_at_a_time);
    e2e_add(suite, "slow_login", a_login_a_byte_at_a_time);
    e2e_add(suite, "sequence", wrong_sequence_numbers);
    e2e_add(suite, "endless", endless_packets);
    e2e_add(suite, "flood", questions_without_end);
    e2e_add(suite, "torn", torn_packets);
    e2e_add(suite, "noise", noise);
    return e2e_main(suite);
}
