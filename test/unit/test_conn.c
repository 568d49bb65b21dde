/* layer: proxy
 *
 * The seam to the network: connecting, also where nobody listens; reading and writing as far as it goes;
 * closing inside of a callback. And the listener on the other side.
 */
#include "proxy/conn.h"
#include "proxy/listener.h"
#include "proxy/log.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct loop *loop;
    struct conn conn;
    unsigned calls;
    unsigned what; /* of the last call */
    bool closes;   /* inside of the call */
    int accepted;  /* by the listener; -1: none yet */
    unsigned accepts;
} t;

static void on_ready(void *argument, unsigned what)
{
    ck_assert_ptr_eq(argument, &t);
    t.calls++;
    t.what = what;
    if (t.closes)
        conn_close(&t.conn);
}

static void on_accept(void *argument, int fd)
{
    ck_assert_ptr_eq(argument, &t);
    t.accepts++;
    if (t.accepted >= 0)
        close(t.accepted);
    t.accepted = fd;
}

static void start(void)
{
    memset(&t, 0, sizeof(t));
    t.accepted = -1;
    t.loop = loop_new();
    log_set_level(LOG_LEVEL_ERROR + 1);
}

static void stop(void)
{
    conn_close(&t.conn);
    conn_close(&t.conn);
    if (t.accepted >= 0)
        close(t.accepted);
    loop_free(&t.loop);
}

static void wait_call(void)
{
    for (unsigned before = t.calls; t.calls == before;)
        event_base_loop(loop_base(t.loop), EVLOOP_ONCE);
}

static void turn(void)
{
    event_base_loop(loop_base(t.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* A port on 127.0.0.1 that is bound, listened on or not. */
static int bind_port(bool listens, unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    if (listens)
        ck_assert_int_eq(listen(fd, 4), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* ---- connecting ---- */

static const char *const hosts[] = {"127.0.0.1", "localhost"}; /* which may be ::1 first */

START_TEST(a_connection_is_made_and_knows_its_peer)
{
    unsigned port;
    char peer[64];
    start();
    int fd = bind_port(true, &port);
    ck_assert_int_eq(conn_connect(&t.conn, t.loop, hosts[_i], port, on_ready, &t), RESULT_OK);
    wait_call();
    ck_assert_uint_eq(t.what, CONN_WRITE);
    ck_assert_int_eq(conn_connect_result(&t.conn), RESULT_OK);
    snprintf(peer, sizeof(peer), "127.0.0.1:%u", port);
    ck_assert_str_eq(t.conn.peer, peer);
    int no_delay = 0;
    socklen_t length = sizeof(no_delay);
    ck_assert_int_eq(getsockopt(t.conn.fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
    ck_assert_int_eq(no_delay, 1);
    close(fd);
    stop();
}
END_TEST

START_TEST(nobody_listens)
{
    unsigned port;
    start();
    int fd = bind_port(false, &port);
    enum result result = conn_connect(&t.conn, t.loop, hosts[_i], port, on_ready, &t);
    if (result == RESULT_OK) {
        wait_call();
        ck_assert_uint_eq(t.calls, 1);
        result = conn_connect_result(&t.conn);
    }
    ck_assert_int_eq(result, RESULT_IO);
    ck_assert_int_eq(errno, ECONNREFUSED);
    close(fd);
    stop();
}
END_TEST

/* Stands in for the resolver: three addresses for "many", of which somebody listens on the last at most. */
static struct addrinfo *make_addresses(unsigned port)
{
    struct addrinfo *list = NULL;
    for (int i = 2; i >= 0; i--) {
        struct addrinfo *each = NULL;
        char host[16];
        char service[8];
        snprintf(host, sizeof(host), "127.0.0.%d", 3 - i);
        snprintf(service, sizeof(service), "%u", port);
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
        ck_assert_int_eq(getaddrinfo(host, service, &hints, &each), 0);
        each->ai_next = list;
        list = each;
    }
    return list;
}

/* _i: the last address listens, or none does */
START_TEST(the_addresses_of_a_name_are_tried_in_turn)
{
    unsigned port;
    start();
    int fd = bind_port(_i == 0, &port);
    ck_assert_int_eq(conn_connect(&t.conn, t.loop, "127.0.0.3", port, on_ready, &t), RESULT_OK);
    freeaddrinfo(t.conn.addresses);
    t.conn.addresses = make_addresses(port);
    t.conn.next = t.conn.addresses->ai_next;
    wait_call();
    ck_assert_uint_eq(t.calls, 1);
    ck_assert_uint_eq(t.what, CONN_WRITE);
    enum result result = conn_connect_result(&t.conn);
    ck_assert_int_eq(result, _i == 0 ? RESULT_OK : RESULT_IO);
    if (result != RESULT_OK)
        ck_assert_int_eq(errno, ECONNREFUSED);
    ck_assert_ptr_null(t.conn.addresses);
    close(fd);
    stop();
}
END_TEST

START_TEST(closing_while_it_connects_is_fine)
{
    unsigned port;
    start();
    int fd = bind_port(true, &port);
    ck_assert_int_eq(conn_connect(&t.conn, t.loop, "127.0.0.1", port, on_ready, &t), RESULT_OK);
    conn_close(&t.conn);
    ck_assert(!conn_is_open(&t.conn));
    turn();
    ck_assert_uint_eq(t.calls, 0);
    close(fd);
    stop();
}
END_TEST

START_TEST(what_cannot_be_connected_to)
{
    char path[300];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    start();
    ck_assert_int_eq(conn_connect(&t.conn, t.loop, path, 0, on_ready, &t), RESULT_TOO_LARGE);
    ck_assert_int_eq(conn_connect(&t.conn, t.loop, "/tmp/ackgate-none", 0, on_ready, &t), RESULT_IO);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(conn_connect(&t.conn, t.loop, "1.2.3.4.5", 1, on_ready, &t), RESULT_NOT_FOUND);
    ck_assert(!conn_is_open(&t.conn));
    stop();
}
END_TEST

/* ---- reading and writing ---- */

static int open_pair(void)
{
    int fds[2];
    start();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    conn_open(&t.conn, t.loop, fds[0], on_ready, &t);
    ck_assert_str_eq(t.conn.peer, "local");
    return fds[1];
}

/* The socket takes a part, then nothing, then goes on where it stopped. */
START_TEST(a_write_may_be_short)
{
    enum { PART = 3 * 1024 * 1024 };
    int peer = open_pair();
    uint8_t *bytes = malloc(2 * PART);
    uint8_t *heard = malloc(2 * PART);
    for (size_t i = 0; i < 2 * PART; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    size_t sent = 0;
    size_t received = 0;
    unsigned shorts = 0;
    while (received < 2 * PART) {
        size_t first = sent < PART ? PART - sent : 0;
        struct iovec parts[2] = {
            {bytes + sent,                        first                  },
            {bytes + (sent < PART ? PART : sent), 2 * PART - sent - first}
        };
        size_t length = 0;
        enum result result = sent == 2 * PART ? RESULT_AGAIN : conn_write(&t.conn, parts, 2, &length);
        if (result == RESULT_OK) {
            ck_assert_uint_gt(length, 0);
            shorts += length < 2 * PART - sent;
            sent += length;
            continue;
        }
        ck_assert_int_eq(result, RESULT_AGAIN);
        ssize_t got = recv(peer, heard + received, 2 * PART - received, MSG_DONTWAIT);
        ck_assert_int_gt(got, 0);
        received += (size_t)got;
    }
    ck_assert_uint_gt(shorts, 0);
    ck_assert_int_eq(memcmp(bytes, heard, 2 * PART), 0);
    free(bytes);
    free(heard);
    close(peer);
    stop();
}
END_TEST

START_TEST(reading_says_what_there_is)
{
    char bytes[8];
    size_t length = 99;
    int peer = open_pair();
    ck_assert_int_eq(conn_read(&t.conn, bytes, sizeof(bytes), &length), RESULT_AGAIN);
    ck_assert_uint_eq(length, 99);
    ck_assert_int_eq(write(peer, "0123456789", 10), 10);
    ck_assert_int_eq(conn_read(&t.conn, bytes, sizeof(bytes), &length), RESULT_OK);
    ck_assert_uint_eq(length, 8);
    ck_assert_int_eq(conn_read(&t.conn, bytes, sizeof(bytes), &length), RESULT_OK);
    ck_assert_uint_eq(length, 2);
    close(peer);
    ck_assert_int_eq(conn_read(&t.conn, bytes, sizeof(bytes), &length), RESULT_CLOSED);
    struct iovec part = {bytes, 1};
    ck_assert_int_eq(conn_write(&t.conn, &part, 1, &length), RESULT_IO); /* and no signal */
    ck_assert_int_eq(errno, EPIPE);
    stop();
}
END_TEST

START_TEST(only_what_is_watched_is_told)
{
    int peer = open_pair();
    ck_assert_int_eq(write(peer, "x", 1), 1);
    turn();
    ck_assert_uint_eq(t.calls, 0);
    conn_watch(&t.conn, CONN_READ);
    turn();
    ck_assert_uint_eq(t.what, CONN_READ);
    conn_watch(&t.conn, CONN_WRITE);
    turn();
    ck_assert_uint_eq(t.what, CONN_WRITE);
    unsigned before = t.calls;
    conn_watch(&t.conn, CONN_READ | CONN_WRITE);
    turn();
    ck_assert_uint_eq(t.calls, before + 2); /* one call for each */
    conn_watch(&t.conn, 0);
    turn();
    ck_assert_uint_eq(t.calls, before + 2);
    close(peer);
    stop();
}
END_TEST

/* Both ways are ready; the first call closes, the second does not come. */
START_TEST(a_connection_may_be_closed_in_its_own_call)
{
    int peer = open_pair();
    ck_assert_int_eq(write(peer, "x", 1), 1);
    t.closes = true;
    conn_watch(&t.conn, CONN_READ | CONN_WRITE);
    turn();
    turn();
    ck_assert_uint_eq(t.calls, 1);
    ck_assert(!conn_is_open(&t.conn));
    close(peer);
    stop();
}
END_TEST

/* ---- listening ---- */

START_TEST(a_listener_accepts_all)
{
    struct listener *listener;
    unsigned port;
    char address[64];
    start();
    close(bind_port(false, &port));
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    ck_assert_int_eq(listener_open(t.loop, address, on_accept, &t, &listener), RESULT_OK);
    struct listener *second = NULL;
    ck_assert_int_eq(listener_open(t.loop, address, on_accept, &t, &second), RESULT_IO);
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_ptr_null(second);
    for (int i = 0; i < 3; i++) {
        struct conn conn;
        ck_assert_int_eq(conn_connect(&conn, t.loop, "127.0.0.1", port, on_ready, &t), RESULT_OK);
        while (t.accepts <= (unsigned)i)
            event_base_loop(loop_base(t.loop), EVLOOP_ONCE);
        conn_close(&conn);
    }
    listener_close(&listener);
    ck_assert_ptr_null(listener);
    listener_close(&listener);
    stop();
}
END_TEST

START_TEST(a_unix_sockets_file_comes_and_goes)
{
    char dir[] = "/tmp/ackgate-conn-XXXXXX";
    char address[64];
    const char *path = address + 5;
    struct stat status;
    struct listener *listener;
    start();
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(address, sizeof(address), "unix:%s/sock", dir);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(listener_open(t.loop, address, on_accept, &t, &listener), RESULT_OK);
        ck_assert_int_eq(lstat(path, &status), 0);
        ck_assert_int_eq(conn_connect(&t.conn, t.loop, path, 0, on_ready, &t), RESULT_OK);
        wait_call();
        ck_assert_int_eq(conn_connect_result(&t.conn), RESULT_OK);
        while (t.accepts <= (unsigned)i)
            event_base_loop(loop_base(t.loop), EVLOOP_ONCE);
        conn_close(&t.conn);
        listener_close(&listener);
        ck_assert_int_eq(lstat(path, &status), -1);
    }
    /* a plain file is nobody's left-over socket */
    ck_assert_int_ge(t.accepted, 0);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(listener_open(t.loop, address, on_accept, &t, &listener), RESULT_IO);
    ck_assert_int_eq(lstat(path, &status), 0);
    close(fd);
    unlink(path);
    rmdir(dir);
    stop();
}
END_TEST

static const char *const bad_addresses[] = {"", "3306", "localhost:", ":nonsense", "unix:", "no such host:1"};

START_TEST(what_is_no_address)
{
    struct listener *listener = NULL;
    start();
    ck_assert_int_eq(listener_open(t.loop, bad_addresses[_i], on_accept, &t, &listener), RESULT_MALFORMED);
    ck_assert_ptr_null(listener);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conn");
    TCase *tests = tcase_create("conn");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_connection_is_made_and_knows_its_peer, 0, 2);
    tcase_add_loop_test(tests, nobody_listens, 0, 2);
    tcase_add_loop_test(tests, the_addresses_of_a_name_are_tried_in_turn, 0, 2);
    tcase_add_test(tests, closing_while_it_connects_is_fine);
    tcase_add_test(tests, what_cannot_be_connected_to);
    tcase_add_test(tests, a_write_may_be_short);
    tcase_add_test(tests, reading_says_what_there_is);
    tcase_add_test(tests, only_what_is_watched_is_told);
    tcase_add_test(tests, a_connection_may_be_closed_in_its_own_call);
    tcase_add_test(tests, a_listener_accepts_all);
    tcase_add_test(tests, a_unix_sockets_file_comes_and_goes);
    tcase_add_loop_test(tests, what_is_no_address, 0, sizeof(bad_addresses) / sizeof(bad_addresses[0]));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
