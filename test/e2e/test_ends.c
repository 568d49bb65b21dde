/* How connections end: a client that is connected directly and one that is connected through ackgate see the
 * same packets and the same close, whoever ends it and whenever. */
#include <check.h>
#include <errmsg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/xalloc.h"
#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    DIRECT,
    THROUGH,
    BOTH,
    KEPT_BYTES = 2000,
    ROWS_BEFORE_THE_END = 100,
    ENDING_MS = 45000,
    SAME_MS = 5000
};

/* Two clients of one source that go through the same. */
struct pair {
    struct topology *t;
    struct raw_client client[BOTH];
};

/* What comes until the connection is closed; the beginning of it is kept. */
struct ending {
    uint8_t bytes[KEPT_BYTES];
    size_t length;
    unsigned packets;
    unsigned error; /* the number of the last packet, if that is an ERR */
    bool is_closed;
};

static void connect_pair(struct pair *pair)
{
    raw_open(&pair->client[DIRECT], pair->t->source->port);
    raw_open(&pair->client[THROUGH], pair->t->gate->app_port);
    for (int i = 0; i < BOTH; i++)
        raw_login(&pair->client[i], "app", "app-pw", CAP_DEPRECATE_EOF, 0);
}

static struct pair start(enum family family)
{
    struct pair pair = {.t = topology_start(family, "ANY 1 (r1)", 1)};

    connect_pair(&pair);
    return pair;
}

static void send_both(struct pair *pair, const char *text)
{
    for (int i = 0; i < BOTH; i++)
        ck_assert(raw_send_command(&pair->client[i], COMMAND_QUERY, text, strlen(text)));
}

static void query_both(struct pair *pair, const char *text)
{
    for (int i = 0; i < BOTH; i++)
        ck_assert_uint_eq(raw_query(&pair->client[i], text), 0);
}

static struct ending take_ending(struct raw_client *client, unsigned within_ms)
{
    struct ending ending = {0};
    enum raw_read outcome;

    while ((outcome = raw_read_packet_within(client, (unsigned)(within_ms * wait_factor()))) == RAW_PACKET) {
        size_t length = client->payload_bytes < KEPT_BYTES - ending.length ? client->payload_bytes
                                                                           : KEPT_BYTES - ending.length;
        memcpy(ending.bytes + ending.length, client->payload, length);
        ending.length += length;
        ending.packets++;
        ending.error = 0;
        (void)raw_is_error(client, &ending.error);
    }
    ending.is_closed = outcome == RAW_CLOSED;
    raw_close(client);
    return ending;
}

/* Both end alike, and at the same time: a server that shuts down may give its sessions some time, but once
 * the direct one has ended, the other has too. Returns the error that comes last, 0: none. */
static unsigned assert_same_ending(struct pair *pair)
{
    struct ending direct = take_ending(&pair->client[DIRECT], ENDING_MS);
    struct ending through = take_ending(&pair->client[THROUGH], SAME_MS);

    ck_assert_msg(direct.is_closed && through.is_closed, "closed: directly %d, through ackgate %d",
                  direct.is_closed, through.is_closed);
    ck_assert_uint_eq(through.error, direct.error);
    ck_assert_uint_eq(through.packets, direct.packets);
    ck_assert_uint_eq(through.length, direct.length);
    ck_assert(memcmp(through.bytes, direct.bytes, direct.length) == 0);
    return direct.error;
}

START_TEST(idle_for_too_long)
{
    struct pair pair = start(TEST_FAMILY);

    query_both(&pair, "SET SESSION wait_timeout = 1");
    (void)assert_same_ending(&pair);
}
END_TEST

START_TEST(killed_from_another_session)
{
    struct pair pair = start(TEST_FAMILY);
    struct sql *killer = gate_app(pair.t->gate);

    send_both(&pair, "SELECT SLEEP(60), 1");
    WAIT_SQL(killer, "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60), 1'",
             "2");
    for (int i = 0; i < BOTH; i++)
        sql_exec(killer, "KILL QUERY %u", pair.client[i].thread_id);
    for (int i = 0; i < BOTH; i++)
        while (raw_read_packet(&pair.client[i]) == RAW_PACKET && pair.client[i].payload[0] != 0xFE)
            ck_assert(!raw_is_error(&pair.client[i], NULL) || TEST_FAMILY == FAMILY_MARIADB);
    for (int i = 0; i < BOTH; i++)
        sql_exec(killer, "KILL %u", pair.client[i].thread_id);
    (void)assert_same_ending(&pair);
    connect_pair(&pair);
    send_both(&pair, "SELECT SLEEP(60), 2");
    WAIT_SQL(killer, "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60), 2'",
             "2");
    for (int i = 0; i < BOTH; i++)
        sql_exec(killer, "KILL %u", pair.client[i].thread_id);
    (void)assert_same_ending(&pair);
}
END_TEST

START_TEST(source_shuts_down)
{
    struct pair pair = start(TEST_FAMILY);
    struct pair busy = pair;

    connect_pair(&busy);
    send_both(&busy, "SELECT SLEEP(60)");
    WAIT_SQL(server_admin(pair.t->source),
             "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'", "2");
    server_terminate(pair.t->source);
    (void)assert_same_ending(&pair);
    (void)assert_same_ending(&busy);
    server_wait_end(pair.t->source);
}
END_TEST

/* Both get whole packets as far as they got, and then a broken connection: nothing in between. */
START_TEST(source_is_lost_in_the_middle_of_a_result)
{
    struct pair pair = start(TEST_FAMILY);

    send_both(
        &pair,
        "SELECT REPEAT('x', 1000) FROM information_schema.collations a, information_schema.collations b");
    for (int i = 0; i < BOTH; i++)
        for (int row = 0; row < ROWS_BEFORE_THE_END; row++)
            ck_assert_int_eq(raw_read_packet(&pair.client[i]), RAW_PACKET);
    server_kill(pair.t->source);
    for (int i = 0; i < BOTH; i++) {
        struct ending ending = take_ending(&pair.client[i], SAME_MS);
        ck_assert_msg(ending.is_closed, "not closed");
        ck_assert_uint_eq(ending.error, 0);
    }
}
END_TEST

/* A client that sends a command and closes its half gets the answer, and then the close. */
static void half_close(struct pair *pair, const char *query)
{
    send_both(pair, query);
    for (int i = 0; i < BOTH; i++)
        ck_assert_int_eq(shutdown(pair->client[i].fd, SHUT_WR), 0);
    (void)assert_same_ending(pair);
    connect_pair(pair);
    for (int i = 0; i < BOTH; i++)
        ck_assert_int_eq(shutdown(pair->client[i].fd, SHUT_WR), 0);
    (void)assert_same_ending(pair);
    WAIT_SQL(gate_admin(pair->t->gate), "SELECT COUNT(*) FROM sessions", "0");
}

/* The source in the clear, and over TLS, which has an end of its own. */
START_TEST(half_closed)
{
    char dir[108];
    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    struct pair pair = {
        .t = topology_start_with(&(struct topology_options){
            .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .certificates = dir})};

    connect_pair(&pair);
    half_close(&pair, "SELECT SLEEP(0.3), REPEAT('x', 300000)");
    gate_set(pair.t->gate, "source", "tls = required");
    gate_restart(pair.t->gate);
    topology_wait_open(pair.t);
    connect_pair(&pair);
    half_close(&pair, "SELECT SLEEP(0.3), REPEAT('x', 8000000)");
}
END_TEST

/* Not even a whole command: nobody waits for the rest of it. */
START_TEST(half_closed_in_a_command)
{
    struct pair pair = start(TEST_FAMILY);

    for (int i = 0; i < BOTH; i++) {
        ck_assert(raw_send(&pair.client[i], "\x40\0\0\0\3SELECT", 11));
        ck_assert_int_eq(shutdown(pair.client[i].fd, SHUT_WR), 0);
    }
    for (int i = 0; i < BOTH; i++)
        ck_assert(take_ending(&pair.client[i], ENDING_MS).is_closed);
    WAIT_SQL(gate_admin(pair.t->gate), "SELECT COUNT(*) FROM sessions", "0");
}
END_TEST

/* ---- with TLS on every connection: what a client library says ---- */

struct secure_pair {
    struct topology *t;
    struct sql *client[BOTH];
};

static struct secure_pair start_secure(enum family family)
{
    static char dir[108];

    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    const char *lines[] = {"source", "tls = required", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){.family = family,
                                                                        .rule = "ANY 1 (r1)",
                                                                        .replicas = 1,
                                                                        .gate_lines = lines,
                                                                        .certificates = dir,
                                                                        .app_tls = "required"});
    return (struct secure_pair){.t = t};
}

static void connect_secure(struct secure_pair *pair)
{
    const uint16_t ports[BOTH] = {pair->t->source->port, pair->t->gate->app_port};

    for (int i = 0; i < BOTH; i++)
        pair->client[i] = sql_open_with(
            &(struct sql_options){.port = ports[i], .user = "app", .password = "app-pw", .tls = true});
}

/* Whether the library learns of the end while it sends or while it reads is its luck; and a source that is
 * killed does not end TLS in good order, as ackgate does then. */
static unsigned lost_or(unsigned number)
{
    return number == CR_SERVER_GONE_ERROR || number == CR_SSL_CONNECTION_ERROR ? CR_SERVER_LOST : number;
}

/* What is under way (NULL) or comes next ends with the same error. */
static void assert_same_errors(struct secure_pair *pair, const char *statement)
{
    unsigned errors[BOTH];

    for (int i = 0; i < BOTH; i++) {
        errors[i] = statement ? sql_try(pair->client[i], "%s", statement) : sql_finish_try(pair->client[i]);
        sql_close(pair->client[i]);
    }
    ck_assert_uint_ne(errors[DIRECT], 0);
    ck_assert_uint_eq(lost_or(errors[THROUGH]), lost_or(errors[DIRECT]));
}

static void start_sleeping(struct secure_pair *pair)
{
    for (int i = 0; i < BOTH; i++)
        sql_start(pair->client[i], "SELECT SLEEP(60)");
    WAIT_SQL(server_admin(pair->t->source),
             "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'", "2");
}

START_TEST(ends_with_tls)
{
    struct secure_pair pair = start_secure(TEST_FAMILY);
    struct sql *admin = server_admin(pair.t->source);

    connect_secure(&pair);
    for (int i = 0; i < BOTH; i++)
        sql_exec(pair.client[i], "SET SESSION wait_timeout = 1");
    WAIT_SQL(admin, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'", "0");
    WAIT_SQL(gate_admin(pair.t->gate), "SELECT COUNT(*) FROM sessions", "0");
    assert_same_errors(&pair, "SELECT 2");

    connect_secure(&pair);
    start_sleeping(&pair);
    for (int i = 0; i < BOTH; i++)
        sql_exec(admin, "KILL %llu", (unsigned long long)sql_thread_id(pair.client[i]));
    assert_same_errors(&pair, NULL);

    connect_secure(&pair);
    start_sleeping(&pair);
    server_kill(pair.t->source);
    assert_same_errors(&pair, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ends");

    e2e_add(suite, "idle", idle_for_too_long);
    e2e_add(suite, "killed", killed_from_another_session);
    e2e_add(suite, "shutdown", source_shuts_down);
    e2e_add(suite, "lost", source_is_lost_in_the_middle_of_a_result);
    e2e_add(suite, "half", half_closed);
    e2e_add(suite, "torn", half_closed_in_a_command);
    e2e_add(suite, "tls", ends_with_tls);
    return e2e_main(suite);
}
