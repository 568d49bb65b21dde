/* Many connections: those that stop in the middle of the handshake keep nobody out and go, those that are
 * idle cost little, and those that come and go leave nothing behind; in the clear, and with TLS on both sides
 * of ackgate. Full sizes under `make test-long`. */
#include <check.h>
#include <dirent.h>
#include <pthread.h>
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
    IDLE_WITH_TLS = 2000, /* a tenth is enough for the short form */
    IDLE_BYTES_MAX = 4096,
    IDLE_TLS_BYTES_MAX = 60 * 1024,
    WARM = 50, /* sessions before the first look at the memory */
    ROUNDS = 100000,
    ROUNDS_BETWEEN = 1000,
    LOOPS = 4, /* clients that come and go at the same time */
    GROWTH_BYTES_MAX = 2 * 1024 * 1024,
    FILES_MAX = 65000,
    FILES_ASIDE = 200, /* of ackgate's, for all but sessions */
};

/* As many files as a process may have; ackgate and the source inherit it. */
static long raise_file_limit(void)
{
    struct rlimit files = {FILES_MAX, FILES_MAX};

    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return (long)files.rlim_cur;
}

/* A session takes two files: 10,000 where the machine lets a process have 20,200. */
static long idle_count(long wanted)
{
    long most = (raise_file_limit() - FILES_ASIDE) / 2;

    return wanted < most ? wanted : most;
}

static char certificates[108]; /* where they are */

static struct topology *start_with(enum family family, long connections, bool with_tls)
{
    (void)raise_file_limit();
    place_make_dir("certificates", certificates, sizeof certificates);
    certificate_make_usual(certificates);
    const char *lines[] = {"app",
                           "auth_timeout = 4s",
                           "app",
                           e2e_is_long() ? "max_connections = 11000" : "max_connections = 1100",
                           with_tls ? "source" : NULL,
                           "tls = required",
                           NULL};
    const char *options[] = {place_format("--max-connections=%ld", connections), "--open-files-limit=65000",
                             "--table-open-cache=64", NULL};
    return topology_start_with(&(struct topology_options){.family = family,
                                                          .rule = "ANY 1 (r1)",
                                                          .replicas = 1,
                                                          .source_options = options,
                                                          .gate_lines = lines,
                                                          .certificates = certificates,
                                                          .app_tls = with_tls ? "required" : NULL});
}

static struct topology *start(enum family family, long connections)
{
    return start_with(family, connections, false);
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

struct crowd {
    struct raw_client *clients;
    long count;
    bool *are_secured;
    long secured;
};

/* Those that have a greeting by now begin TLS. The source takes enough of them for a handful. */
static bool have_some_begun_tls(void *argument)
{
    struct crowd *crowd = argument;

    for (long i = 2; i < crowd->count; i += 3) {
        if (crowd->are_secured[i] || !start_tls(&crowd->clients[i]))
            continue;
        crowd->are_secured[i] = true;
        crowd->secured++;
    }
    return crowd->secured > 5;
}

/* More than the source takes and than ackgate does: a third of them without a byte, a third with the start of
 * a login, and a third, as far as they have a greeting to answer, with the start of a TLS handshake. */
START_TEST(unfinished_handshakes_keep_nobody_out)
{
    long count = e2e_is_long() ? UNFINISHED + 200 : 200;
    struct topology *t = start(TEST_FAMILY, e2e_is_long() ? 500 : 60);
    struct raw_client *clients = xcalloc((size_t)count, sizeof *clients);

    gate_set_tls(t->gate, "app", "preferred", certificates, "server");
    gate_restart(t->gate);
    topology_wait_open(t);
    for (long i = 0; i < count; i++) {
        raw_open(&clients[i], t->gate->app_port);
        if (i % 3 == 1)
            (void)raw_send(&clients[i], "\x50\0\0\1\x05\xa2", 6);
    }
    struct crowd crowd = {clients, count, xcalloc((size_t)count, sizeof(bool)), 0};
    wait_until(have_some_begun_tls, &crowd, WAIT_SECONDS, "TLS to be begun by some");
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
    free(crowd.are_secured);
    free(clients);
}
END_TEST

/* Tells and checks what each session beyond the first ones has cost. */
static void check_growth(struct topology *t, long bytes_before, long sessions, long bytes_max,
                         const char *how)
{
    long each = (resident_bytes(t->gate) - bytes_before) / sessions;

    (void)printf("%s: %ld bytes for each of %ld idle sessions %s\n", family_name(t->family), each, sessions,
                 how);
    ck_assert_msg(each < bytes_max || gate_has_sanitizer(t->gate), "%ld bytes for each of %ld sessions", each,
                  sessions);
}

START_TEST(idle_sessions_are_small)
{
    long count = idle_count(e2e_scale(IDLE)), bytes_before = 0;
    struct topology *t = start(TEST_FAMILY, count + 50);
    struct raw_client *clients = xcalloc((size_t)count, sizeof *clients);

    for (long i = 0; i < count; i++) {
        raw_open(&clients[i], t->gate->app_port);
        raw_login(&clients[i], "app", "app-pw", 0, 0);
        ck_assert_uint_eq(raw_query(&clients[i], "DO 1"), 0);
        if (i == WARM)
            bytes_before = resident_bytes(t->gate);
    }
    check_growth(t, bytes_before, count - WARM, IDLE_BYTES_MAX, "in the clear");
    for (long i = 0; i < count; i++)
        raw_close(&clients[i]);
    free(clients);
}
END_TEST

/* With an authority given: without, the client library reads all of the system's each time. */
static struct sql *open_with_tls(struct topology *t)
{
    char ca[128];

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", certificates);
    return sql_open_with(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .tls = true, .tls_ca = ca});
}

START_TEST(idle_sessions_with_tls_are_small)
{
    long count = idle_count(e2e_is_long() ? IDLE : e2e_scale(IDLE_WITH_TLS)), bytes_before = 0;
    struct topology *t = start_with(TEST_FAMILY, count + 50, true);

    for (long i = 0; i < count; i++) {
        struct sql *app = open_with_tls(t);
        sql_exec(app, "DO 1");
        if (i == WARM)
            bytes_before = resident_bytes(t->gate);
    }
    check_growth(t, bytes_before, count - WARM, IDLE_TLS_BYTES_MAX, "with TLS on both sides");
}
END_TEST

/* One of several clients that come and go. */
struct loop {
    pthread_t thread;
    struct topology *t;
    long rounds;
    bool with_tls;
};

static void come_and_go_once(struct topology *t, long i)
{
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

static void come_and_go_with_tls(struct topology *t, long i)
{
    struct sql *app = open_with_tls(t);

    ck_assert_uint_eq(strlen(sql_value(app, "SELECT REPEAT('x', 1000)")), 1000);
    if (i % 3 == 0)
        sql_break(app);
    sql_close(app);
}

static void *run_loop(void *argument)
{
    const struct loop *loop = argument;

    for (long i = 0; i < loop->rounds; i++)
        (loop->with_tls ? come_and_go_with_tls : come_and_go_once)(loop->t, i);
    return NULL;
}

static void come_and_go(struct topology *t, long rounds, bool with_tls)
{
    struct loop loops[LOOPS];

    for (int i = 0; i < LOOPS; i++) {
        loops[i] = (struct loop){.t = t, .rounds = rounds / LOOPS, .with_tls = with_tls};
        ck_assert_int_eq(pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]), 0);
    }
    for (int i = 0; i < LOOPS; i++)
        (void)pthread_join(loops[i].thread, NULL);
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM sessions", "0");
}

struct files {
    struct gate *gate;
    unsigned count;
};

/* The last good-byes to the source (farewell.h) end after their sessions. */
static bool are_as_few(void *argument)
{
    struct files *before = argument;

    return open_files(before->gate) <= before->count;
}

static void check_for_leaks(struct topology *t, long rounds_before, long rounds, bool with_tls)
{
    come_and_go(t, rounds_before, with_tls);
    long bytes = resident_bytes(t->gate);
    struct files before = {t->gate, open_files(t->gate)};
    come_and_go(t, rounds, with_tls);
    long growth = resident_bytes(t->gate) - bytes;
    (void)printf("%s: after %ld rounds%s %ld bytes more, files: %u before, %u after\n",
                 family_name(t->family), rounds, with_tls ? " with TLS" : "", growth, before.count,
                 open_files(t->gate));
    wait_until(are_as_few, &before, WAIT_SECONDS, "as few files as before");
    ck_assert_msg(growth < GROWTH_BYTES_MAX || gate_has_sanitizer(t->gate), "%ld bytes more after %ld rounds",
                  growth, rounds);
}

START_TEST(coming_and_going_leaves_nothing)
{
    struct topology *t = start(TEST_FAMILY, 300);

    check_for_leaks(t, ROUNDS_BETWEEN, e2e_is_long() ? ROUNDS : ROUNDS / 20, false);
}
END_TEST

/* A tenth of the rounds: they are slower. */
START_TEST(coming_and_going_with_tls_leaves_nothing)
{
    struct topology *t = start_with(TEST_FAMILY, 300, true);

    check_for_leaks(t, ROUNDS_BETWEEN / 2, e2e_is_long() ? ROUNDS / 10 : ROUNDS / 200, true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crowd");
    double seconds = e2e_is_long() ? 900 : 120;

    e2e_add_within(suite, "unfinished", unfinished_handshakes_keep_nobody_out, seconds);
    e2e_add_within(suite, "idle", idle_sessions_are_small, seconds);
    e2e_add_within(suite, "idle_tls", idle_sessions_with_tls_are_small, seconds);
    e2e_add_within(suite, "leaks", coming_and_going_leaves_nothing, seconds);
    e2e_add_within(suite, "leaks_tls", coming_and_going_with_tls_leaves_nothing, seconds);
    return e2e_main(suite);
}
