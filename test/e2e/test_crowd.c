/* Many connections: those that stop in the middle of the handshake keep nobody out and go, those that are
 * idle cost little, and those that come and go leave nothing behind. Full sizes under `make test-long`. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "protocol/constants.h"
#include "protocol/login.h"
#include "protocol/xalloc.h"
#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    AUTH_TIMEOUT_S = 4,
    UNFINISHED = 1000,
    IDLE = 10000,
    IDLE_BYTES_MAX = 4096,
    ROUNDS = 100000,
    ROUNDS_BETWEEN = 1000,
    GROWTH_BYTES_MAX = 2 * 1024 * 1024,
    FILES_MAX = 65000,
};

static struct topology *start(enum family family, const char *connections)
{
    static const char *lines[] = {"app", "auth_timeout = 4s", "app", NULL, NULL};
    struct rlimit files = {FILES_MAX, FILES_MAX};
    const char *options[] = {place_format("--max-connections=%s", connections), "--open-files-limit=65000",
                             "--table-open-cache=64", NULL};
    struct topology_options with = {.family = family,
                                    .rule = "ANY 1 (r1)",
                                    .replicas = 1,
                                    .source_options = options,
                                    .gate_lines = lines};

    lines[3] = e2e_is_long() ? "max_connections = 11000" : "max_connections = 1100";
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return topology_start_with(&with);
}

static long status_value(struct gate *gate, const char *key)
{
    char *text = place_read_file(place_format("/proc/%d/status", (int)gate->pid), NULL);
    char *found = strstr(text, key);
    long value = found ? strtol(found + strlen(key), NULL, 10) : -1;

    free(text);
    return value;
}

static long resident_bytes(struct gate *gate)
{
    return status_value(gate, "VmRSS:") * 1024;
}

static unsigned open_files(struct gate *gate)
{
    DIR *dir = opendir(place_format("/proc/%d/fd", (int)gate->pid));
    unsigned count = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

/* Asks for TLS, and stops in the middle of its first message. False: it has got no greeting yet. */
static bool start_tls(struct raw_client *client)
{
    static const uint8_t request[36] = {SSL_REQUEST_BYTES, 0, 0, 1, 0x05, 0xaa, 0x08, 0, 0, 0, 0, 1, 45};

    return raw_read_packet_within(client, 1) == RAW_PACKET && raw_send(client, request, sizeof request) &&
           raw_send(client, "\x16\3\1\2\0\1\0\1\xfc\3\3", 11);
}

/* More than the source takes and than ackgate does: a third of them without a byte, a third with the start of
 * a login, and a third, as far as they have a greeting to answer, with the start of a TLS handshake. */
START_TEST(unfinished_handshakes_keep_nobody_out)
{
    char dir[108];
    long secured = 0;
    long count = e2e_is_long() ? UNFINISHED + 200 : 200;
    struct topology *t = start(TEST_FAMILY, e2e_is_long() ? "500" : "60");
    struct raw_client *clients = xcalloc((size_t)count, sizeof *clients);

    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    gate_set(t->gate, "app", "tls = preferred");
    gate_set(t->gate, "app", "tls_cert = %s/server.pem", dir);
    gate_set(t->gate, "app", "tls_key = %s/server-key.pem", dir);
    gate_restart(t->gate);
    topology_wait_open(t);
    for (long i = 0; i < count; i++) {
        raw_open(&clients[i], t->gate->app_port);
        if (i % 3 == 1)
            (void)raw_send(&clients[i], "\x50\0\0\1\x05\xa2", 6);
    }
    for (long i = 2; i < count; i += 3)
        secured += start_tls(&clients[i]);
    ck_assert_int_gt(secured, 5);
    for (int i = 0; i < 3; i++) {
        struct sql *app = gate_app(t->gate);
        ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
        sql_close(app);
    }
    for (long i = 0; i < count; i++)
        raw_assert_closed(&clients[i]);
    for (long i = 0; i < count; i++)
        raw_close(&clients[i]);
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM sessions", "0");
    free(clients);
}
END_TEST

START_TEST(idle_sessions_are_small)
{
    long count = e2e_scale(IDLE);
    struct topology *t = start(TEST_FAMILY, place_format("%ld", count + 50));
    struct raw_client *clients = xcalloc((size_t)count, sizeof *clients);
    long warm = 50, bytes_before = 0;

    for (long i = 0; i < count; i++) {
        raw_open(&clients[i], t->gate->app_port);
        raw_login(&clients[i], "app", "app-pw", 0, 0);
        ck_assert_uint_eq(raw_query(&clients[i], "DO 1"), 0);
        if (i == warm)
            bytes_before = resident_bytes(t->gate);
    }
    long growth = resident_bytes(t->gate) - bytes_before;
    ck_assert_msg(growth / (count - warm) < IDLE_BYTES_MAX, "%ld bytes for each of %ld sessions",
                  growth / (count - warm), count - warm);
    (void)printf("%s: %ld bytes for each of %ld idle sessions\n", family_name(TEST_FAMILY),
                 growth / (count - warm), count - warm);
    for (long i = 0; i < count; i++)
        raw_close(&clients[i]);
    free(clients);
}
END_TEST

static void come_and_go(struct topology *t, long rounds)
{
    for (long i = 0; i < rounds; i++) {
        struct raw_client client;
        raw_open(&client, t->gate->app_port);
        raw_login(&client, "app", "app-pw", i % 2 ? CAP_COMPRESS : 0, 0);
        if (client.capabilities & CAP_COMPRESS)
            raw_compress(&client);
        ck_assert_uint_eq(raw_query(&client, "SELECT REPEAT('x', 1000)"), 0);
        if (i % 3)
            (void)raw_send_command(&client, COMMAND_QUIT, "", 0);
        raw_close(&client);
    }
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM sessions", "0");
}

START_TEST(coming_and_going_leaves_nothing)
{
    long rounds = e2e_is_long() ? ROUNDS : ROUNDS / 20;
    struct topology *t = start(TEST_FAMILY, "300");

    come_and_go(t, ROUNDS_BETWEEN);
    long bytes = resident_bytes(t->gate);
    unsigned files = open_files(t->gate);
    come_and_go(t, rounds);
    ck_assert_uint_le(open_files(t->gate), files);
    long growth = resident_bytes(t->gate) - bytes;
    ck_assert_msg(growth < GROWTH_BYTES_MAX, "%ld bytes more after %ld rounds", growth, rounds);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crowd");
    double seconds = e2e_is_long() ? 900 : 120;

    e2e_add_within(suite, "unfinished", unfinished_handshakes_keep_nobody_out, seconds);
    e2e_add_within(suite, "idle", idle_sessions_are_small, seconds);
    e2e_add_within(suite, "leaks", coming_and_going_leaves_nothing, seconds);
    return e2e_main(suite);
}
