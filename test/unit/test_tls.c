/* layer: proxy
 *
 * TLS behind a conn: both ends on one loop, over a socket pair, as it comes or one byte at a time. What is
 * read ahead, what the socket does not take, ends, hand-overs, certificates that are not taken, sessions
 * resumed.
 */
#include "proxy/conn.h"
#include "test/lib/certificate.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 300000, ROOM = 64 * 1024 };

struct end {
    struct conn conn;
    bool is_secured;
    enum result secured; /* how the handshake ended */
    enum result result;  /* of the last read */
    size_t room;         /* of one read */
    uint8_t *heard;
    size_t heard_length;
    size_t to_say; /* bytes of the pattern, from here … */
    size_t said;   /* … on */
};

static struct {
    struct loop *loop;
    char dir[64];
    struct tls_context *contexts[2]; /* the server's and the client's */
    struct end server;
    struct end client;
    int relay[2]; /* the middle of two socket pairs; -1: there is one only */
    char *paths[32];
    size_t path_count;
} t;

static char *pem(const char *name)
{
    char *path = malloc(600);
    snprintf(path, 600, "%s/%s.pem", t.dir, name);
    t.paths[t.path_count++] = path;
    return path;
}

static struct tls_context *context(enum tls_side side, enum tls_mode mode, const char *ca, const char *name)
{
    struct tls_context *made;
    char error[TLS_ERROR_MAX];
    char key[64];
    snprintf(key, sizeof(key), "%s-key", name == NULL ? "" : name);
    const struct tls_settings settings = {.mode = mode,
                                          .ca = ca == NULL ? NULL : pem(ca),
                                          .cert = name == NULL ? NULL : pem(name),
                                          .key = name == NULL ? NULL : pem(key)};
    enum result result = tls_context_new(side, &settings, &made, error);
    ck_assert_msg(result == RESULT_OK, "%s", error);
    return made;
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/* ---- an end: reads all there is, writes the pattern ---- */

static void say(struct end *end)
{
    static uint8_t bytes[BIG];
    while (end->said < end->to_say) {
        for (size_t i = end->said; i < end->to_say; i++)
            bytes[i] = pattern(i);
        /* three parts, as results come */
        size_t left = end->to_say - end->said;
        size_t third = left / 3;
        struct iovec parts[3] = {
            {bytes + end->said,             third           },
            {bytes + end->said + third,     third           },
            {bytes + end->said + 2 * third, left - 2 * third}
        };
        size_t length = 0;
        enum result result = conn_write(&end->conn, parts, 3, &length);
        if (result == RESULT_AGAIN)
            break;
        ck_assert_int_eq(result, RESULT_OK);
        end->said += length;
    }
    conn_watch(&end->conn, end->said < end->to_say ? CONN_READ | CONN_WRITE : CONN_READ);
}

static void on_ready(void *argument, unsigned what)
{
    struct end *end = argument;
    if (what & CONN_WRITE) {
        say(end);
        return;
    }
    size_t length = 0;
    end->result = conn_read(&end->conn, end->heard + end->heard_length, end->room, &length);
    if (end->result == RESULT_OK)
        end->heard_length += length;
    else if (end->result != RESULT_AGAIN)
        conn_watch(&end->conn, 0);
}

static void on_secured(void *argument, enum result result)
{
    struct end *end = argument;
    end->is_secured = true;
    end->secured = result;
    if (result == RESULT_OK)
        say(end);
}

/* ---- the scene ---- */

static void set_up(void)
{
    memset(&t, 0, sizeof(t));
    strcpy(t.dir, "/tmp/ackgate-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.dir));
    certificate_make_usual(t.dir);
    t.loop = loop_new();
    t.server.room = t.client.room = ROOM;
    t.server.heard = malloc(2 * BIG);
    t.client.heard = malloc(2 * BIG);
    t.contexts[0] = context(TLS_SERVER, TLS_PREFERRED, "ca", "server");
    t.contexts[1] = context(TLS_CLIENT, TLS_VERIFY_IDENTITY, "ca", "client");
    t.relay[0] = t.relay[1] = -1;
}

static void tear_down(void)
{
    char command[128];
    conn_close(&t.server.conn);
    conn_close(&t.client.conn);
    for (int i = 0; i < 2; i++)
        if (t.relay[i] >= 0)
            close(t.relay[i]);
    loop_free(&t.loop);
    tls_context_free(&t.contexts[0]);
    tls_context_free(&t.contexts[1]);
    free(t.server.heard);
    free(t.client.heard);
    for (size_t i = 0; i < t.path_count; i++)
        free(t.paths[i]);
    snprintf(command, sizeof(command), "rm -rf %s", t.dir);
    ck_assert_int_eq(system(command), 0);
}

static void pair(int fds[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* At most one byte each way. */
static void relay_a_byte(void)
{
    for (int i = 0; i < 2 && t.relay[0] >= 0; i++) {
        char byte;
        if (recv(t.relay[i], &byte, 1, 0) == 1)
            ck_assert_int_eq(send(t.relay[1 - i], &byte, 1, MSG_NOSIGNAL), 1);
    }
}

static void turns(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        relay_a_byte();
        event_base_loop(loop_base(t.loop), EVLOOP_NONBLOCK);
    }
}

static void open_ends(bool is_relayed)
{
    int fds[4];
    pair(fds);
    if (is_relayed) {
        pair(fds + 2);
        t.relay[0] = fds[1];
        t.relay[1] = fds[2];
        fds[1] = fds[3];
    }
    conn_open(&t.server.conn, t.loop, fds[0], on_ready, &t.server);
    conn_open(&t.client.conn, t.loop, fds[1], on_ready, &t.client);
}

static void secure_ends(const char *host)
{
    conn_secure(&t.server.conn, tls_new(t.contexts[0], NULL), (struct span){0}, on_secured);
    conn_secure(&t.client.conn, tls_new(t.contexts[1], host), (struct span){0}, on_secured);
}

static void wait_secured(void)
{
    for (int i = 0; i < 20000 && !(t.server.is_secured && t.client.is_secured); i++)
        turns(1);
    ck_assert(t.server.is_secured && t.client.is_secured);
}

static void connect_ends(void)
{
    t.server.is_secured = t.client.is_secured = false;
    open_ends(false);
    secure_ends("localhost");
    wait_secured();
    ck_assert_msg(t.client.secured == RESULT_OK, "%s", conn_tls_error(&t.client.conn));
    ck_assert_int_eq(t.server.secured, RESULT_OK);
    turns(4); /* what comes after the handshake */
}

static void close_ends(void)
{
    conn_close(&t.client.conn);
    conn_close(&t.server.conn);
}

static void assert_pattern(const struct end *end, size_t length)
{
    ck_assert_uint_eq(end->heard_length, length);
    for (size_t i = 0; i < length; i++)
        ck_assert_msg(end->heard[i] == pattern(i), "byte %zu is another one", i);
}

/* ---- bytes ---- */

static const struct {
    size_t to_client;
    size_t to_server;
    size_t room; /* of the readers */
    bool is_relayed;
} flows[] = {
    {1,     1,     ROOM, false},
    {BIG,   BIG,   ROOM, false},
    {BIG,   10,    100,  false}, /* what TLS has read ahead comes without the socket */
    {20000, 17000, ROOM, true },
    {3000,  1,     7,    true },
};

START_TEST(bytes_come_as_they_went)
{
    t.client.to_say = flows[_i].to_server;
    t.server.to_say = flows[_i].to_client;
    t.client.room = t.server.room = flows[_i].room;
    open_ends(flows[_i].is_relayed);
    secure_ends("localhost");
    wait_secured();
    for (int i = 0;
         i < 200000 && (t.client.heard_length < t.server.to_say || t.server.heard_length < t.client.to_say);
         i++)
        turns(1);
    assert_pattern(&t.client, flows[_i].to_client);
    assert_pattern(&t.server, flows[_i].to_server);
}
END_TEST

START_TEST(a_client_that_does_not_wait_is_understood)
{
    uint8_t early[4096];
    int fds[2];
    t.client.to_say = 5;
    pair(fds);
    conn_open(&t.client.conn, t.loop, fds[1], on_ready, &t.client);
    conn_secure(&t.client.conn, tls_new(t.contexts[1], "localhost"), (struct span){0}, on_secured);
    turns(2);
    ssize_t length = recv(fds[0], early, sizeof(early), 0);
    ck_assert_int_gt(length, 100);
    conn_open(&t.server.conn, t.loop, fds[0], on_ready, &t.server);
    conn_secure(&t.server.conn, tls_new(t.contexts[0], NULL), (struct span){early, (size_t)length},
                on_secured);
    wait_secured();
    turns(4);
    assert_pattern(&t.server, 5);
}
END_TEST

/* The peer does not read: what was taken is kept once, what was not can be anything at the next try. */
START_TEST(bytes_not_taken_may_change)
{
    static uint8_t old[ROOM];
    static uint8_t new[] = "another text";
    size_t taken = 0;
    size_t length;
    enum result result = RESULT_OK;
    connect_ends();
    conn_watch(&t.client.conn, 0);
    memset(old, 'x', sizeof(old));
    while (result == RESULT_OK) {
        struct iovec part = {old, sizeof(old)};
        result = conn_write(&t.server.conn, &part, 1, &length);
        taken += result == RESULT_OK ? length : 0;
    }
    ck_assert_int_eq(result, RESULT_AGAIN);
    ck_assert(conn_has_unsent(&t.server.conn));
    t.client.heard = realloc(t.client.heard, taken + ROOM + sizeof(new));
    conn_watch(&t.client.conn, CONN_READ);
    turns(200);
    ck_assert(!conn_has_unsent(&t.server.conn));
    struct iovec part = {new, sizeof(new)};
    ck_assert_int_eq(conn_write(&t.server.conn, &part, 1, &length), RESULT_OK);
    turns(4);
    ck_assert_uint_eq(t.client.heard_length, taken + sizeof(new));
    ck_assert_int_eq(t.client.heard[taken - 1], 'x');
    ck_assert_mem_eq(t.client.heard + taken, new, sizeof(new));
}
END_TEST

START_TEST(a_small_write_is_one_record)
{
    uint8_t raw[200] = {0};
    size_t length;
    connect_ends();
    conn_watch(&t.client.conn, 0);
    struct iovec parts[] = {
        {raw,      4 },
        {raw + 10, 30}
    };
    ck_assert_int_eq(conn_write(&t.server.conn, parts, 2, &length), RESULT_OK);
    ck_assert_uint_eq(length, 34);
    ssize_t got = recv(t.client.conn.fd, raw, sizeof(raw), 0);
    ck_assert_int_gt(got, 34);
    ck_assert_uint_eq(raw[0], 0x17);
    ck_assert_int_eq(got, 5 + raw[3] * 256 + raw[4]);
}
END_TEST

/* ---- ends and hand-overs ---- */

START_TEST(an_end_comes_behind_the_last_byte)
{
    t.server.to_say = BIG;
    connect_ends();
    for (int i = 0; i < 1000 && t.server.said < BIG; i++)
        turns(1);
    conn_end(&t.server.conn);
    turns(50);
    assert_pattern(&t.client, BIG);
    ck_assert_int_eq(t.client.result, RESULT_CLOSED);
    /* the other way goes on */
    t.client.to_say = 3;
    say(&t.client);
    turns(4);
    ck_assert_uint_eq(t.server.heard_length, 3);
}
END_TEST

START_TEST(a_peer_that_vanishes_ends_it)
{
    connect_ends();
    shutdown(t.client.conn.fd, SHUT_RDWR);
    turns(4);
    ck_assert_int_eq(t.server.result, RESULT_CLOSED);
}
END_TEST

START_TEST(what_was_read_ahead_goes_along)
{
    connect_ends();
    conn_watch(&t.client.conn, 0);
    t.server.to_say = 5000;
    say(&t.server);
    ck_assert_int_eq(conn_read(&t.client.conn, t.client.heard, 10, &t.client.heard_length), RESULT_OK);
    struct conn_link link = conn_give_up(&t.client.conn);
    conn_adopt(&t.client.conn, t.loop, link, on_ready, &t.client);
    ck_assert(conn_is_secure(&t.client.conn));
    conn_watch(&t.client.conn, CONN_READ);
    turns(1000);
    assert_pattern(&t.client, 5000);
}
END_TEST

/* ---- what does not come about ---- */

static const struct {
    const char *server; /* its certificate */
    enum tls_mode mode; /* of the client */
    const char *ca;     /* the client's */
    const char *host;
    const char *client;  /* its certificate */
    const char *problem; /* of the client, or the server; NULL: none */
} meetings[] = {
    {"server",   TLS_VERIFY_IDENTITY, "ca",       "127.0.0.1",         NULL,       NULL                        },
    {"server",   TLS_VERIFY_IDENTITY, "ca",       "localhost",         "client",   NULL                        },
    {"server",   TLS_VERIFY_IDENTITY, "ca",       "127.0.0.2",         NULL,       "IP address mismatch"       },
    {"server",   TLS_VERIFY_IDENTITY, "ca",       "elsewhere.example", NULL,       "hostname mismatch"         },
    {"server",   TLS_VERIFY_CA,       "ca",       "elsewhere.example", NULL,       NULL                        },
    {"server",   TLS_VERIFY_CA,       "other-ca", "localhost",         NULL,       "self-signed certificate in"},
    {"server",   TLS_REQUIRED,        NULL,       "localhost",         NULL,       NULL                        },
    {"stranger", TLS_VERIFY_IDENTITY, "other-ca", "elsewhere.example", NULL,       NULL                        },
    {"server",   TLS_REQUIRED,        NULL,       "localhost",         "stranger", "unable to get local issuer"},
};

START_TEST(certificates_are_looked_at)
{
    tls_context_free(&t.contexts[0]);
    tls_context_free(&t.contexts[1]);
    t.contexts[0] = context(TLS_SERVER, TLS_PREFERRED, "ca", meetings[_i].server);
    t.contexts[1] = context(TLS_CLIENT, meetings[_i].mode, meetings[_i].ca, meetings[_i].client);
    open_ends(false);
    secure_ends(meetings[_i].host);
    turns(20);
    bool is_client = t.client.is_secured && t.client.secured != RESULT_OK;
    const struct end *refusing = is_client ? &t.client : &t.server;
    ck_assert(refusing->is_secured);
    if (meetings[_i].problem == NULL) {
        ck_assert_msg(t.client.secured == RESULT_OK && t.server.secured == RESULT_OK, "%s / %s",
                      conn_tls_error(&t.client.conn), conn_tls_error(&t.server.conn));
        return;
    }
    ck_assert_int_eq(refusing->secured, RESULT_DENIED);
    ck_assert_msg(strstr(conn_tls_error(&refusing->conn), meetings[_i].problem) != NULL, "%s",
                  conn_tls_error(&refusing->conn));
}
END_TEST

START_TEST(the_peers_subject)
{
    char subject[200];
    connect_ends();
    tls_peer_subject(t.server.conn.tls, subject, sizeof(subject));
    ck_assert_str_eq(subject, "CN=client,O=ackgate test");
    tls_peer_subject(t.server.conn.tls, subject, 10); /* a part would be another name */
    ck_assert_str_eq(subject, "");
}
END_TEST

static const char *const no_handshakes[] = {"GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\xff\xff", ""};

START_TEST(what_is_no_handshake_is_refused)
{
    int fds[2];
    pair(fds);
    conn_open(&t.server.conn, t.loop, fds[0], on_ready, &t.server);
    conn_secure(&t.server.conn, tls_new(t.contexts[0], NULL), (struct span){0}, on_secured);
    ck_assert_int_eq(send(fds[1], no_handshakes[_i], strlen(no_handshakes[_i]), 0),
                     (ssize_t)strlen(no_handshakes[_i]));
    turns(4);
    shutdown(fds[1], SHUT_WR);
    turns(4);
    ck_assert(t.server.is_secured);
    ck_assert_int_ne(t.server.secured, RESULT_OK);
    ck_assert_str_ne(conn_tls_error(&t.server.conn), "");
    close(fds[1]);
}
END_TEST

/* ---- resumption ---- */

static bool is_resumed(void)
{
    connect_ends();
    bool is_resumed = tls_is_resumed(t.client.conn.tls) && tls_is_resumed(t.server.conn.tls);
    close_ends();
    return is_resumed;
}

START_TEST(sessions_are_resumed_until_a_reload)
{
    char error[TLS_ERROR_MAX];
    ck_assert(!is_resumed());
    ck_assert(is_resumed());
    ck_assert(is_resumed());
    ck_assert_int_eq(tls_context_reload(t.contexts[0], error), RESULT_OK);
    ck_assert(!is_resumed());
    ck_assert(is_resumed());
    ck_assert_int_eq(tls_context_reload(t.contexts[1], error), RESULT_OK);
    ck_assert(!is_resumed());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls");
    TCase *tests = tcase_create("tls");
    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, bytes_come_as_they_went, 0, sizeof(flows) / sizeof(flows[0]));
    tcase_add_test(tests, a_client_that_does_not_wait_is_understood);
    tcase_add_test(tests, bytes_not_taken_may_change);
    tcase_add_test(tests, a_small_write_is_one_record);
    tcase_add_test(tests, an_end_comes_behind_the_last_byte);
    tcase_add_test(tests, a_peer_that_vanishes_ends_it);
    tcase_add_test(tests, what_was_read_ahead_goes_along);
    tcase_add_loop_test(tests, certificates_are_looked_at, 0, sizeof(meetings) / sizeof(meetings[0]));
    tcase_add_test(tests, the_peers_subject);
    tcase_add_loop_test(tests, what_is_no_handshake_is_refused, 0, 3);
    tcase_add_test(tests, sessions_are_resumed_until_a_reload);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
