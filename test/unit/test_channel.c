/* layer: proxy */
/* Packets over a channel: split and joined at every byte, out of order, too large, sent while the peer does
 * not read. */
#include "proxy/channel.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 1000 };

static struct {
    struct loop *loop;
    struct channel *channel;
    int peer; /* the other end */
    char got[4096];
    size_t got_length;
    unsigned payloads;
    enum result closed;
    bool is_closed;
} t;

static void on_payload(void *argument, struct span payload)
{
    (void)argument;
    memcpy(t.got + t.got_length, payload.data, payload.length);
    t.got_length += payload.length;
    t.payloads++;
}

static void on_closed(void *argument, enum result reason)
{
    (void)argument;
    t.is_closed = true;
    t.closed = reason;
}

static void start(void)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    memset(&t, 0, sizeof(t));
    t.peer = fds[1];
    t.loop = loop_new();
    t.channel =
        channel_new(t.loop, fds[0], PAYLOAD_MAX, &(struct channel_callbacks){on_payload, on_closed, NULL});
}

static void stop(void)
{
    channel_free(&t.channel);
    close(t.peer);
    loop_free(&t.loop);
}

static void on_stop(void *argument)
{
    loop_stop(argument);
}

/* Runs the loop until what is ready has been handled. */
static void turn(void)
{
    loop_post(t.loop, on_stop, t.loop);
    loop_run(t.loop);
}

static void peer_sends(const void *bytes, size_t length)
{
    ck_assert_int_eq(write(t.peer, bytes, length), (ssize_t)length);
}

START_TEST(a_payload_arrives_whole_however_it_is_cut)
{
    static const char stream[] = "\x05\0\0\0hello\x00\0\0\x01\x03\0\0\0bye";
    size_t length = sizeof(stream) - 1;
    start();
    peer_sends(stream, (size_t)_i);
    peer_sends(stream + _i, length - (size_t)_i);
    turn();
    ck_assert_uint_eq(t.payloads, 3);
    ck_assert_mem_eq(t.got, "hellobye", 8);
    ck_assert(!t.is_closed);
    stop();
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    enum result reason;
} broken[] = {
    {"\x01\0\0\x07x",            5,  RESULT_SEQUENCE },
    {"\x01\0\0\0x\x01\0\0\x03y", 10, RESULT_SEQUENCE },
    {"\xFF\xFF\xFE\0",           4,  RESULT_TOO_LARGE},
    {"\xE9\x03\0\0",             4,  RESULT_TOO_LARGE},
};

START_TEST(a_broken_stream_ends_with_its_reason)
{
    start();
    peer_sends(broken[_i].bytes, broken[_i].length);
    turn();
    ck_assert(t.is_closed);
    ck_assert_int_eq(t.closed, broken[_i].reason);
    stop();
}
END_TEST

START_TEST(what_is_sent_is_framed_and_numbered)
{
    start();
    channel_start_command(t.channel);
    channel_send(t.channel, span_of_text("one"));
    channel_send(t.channel, span_of_text("two"));
    turn();
    char bytes[64];
    ck_assert_int_eq(read(t.peer, bytes, sizeof(bytes)), 14); /* one write for both */
    ck_assert_mem_eq(bytes, "\x03\0\0\0one\x03\0\0\x01two", 14);
    stop();
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_closed)
{
    start();
    static uint8_t payload[PAYLOAD_MAX];
    for (int i = 0; i < 10000; i++)
        channel_send(t.channel, (struct span){payload, sizeof(payload)});
    turn();
    ck_assert(t.is_closed);
    ck_assert_int_eq(t.closed, RESULT_FULL);
    stop();
}
END_TEST

/* ---- much to be sent: others have their turns in between ---- */

enum { MUCH = 1024 * 1024, PIECE = 128 * 1024, TURNS_MAX = 1000 };

static struct {
    size_t received;
    size_t received_in_a_turn; /* the most */
    unsigned turns;
} much;

/* Posted again and again: it runs between the others. */
static void on_turn_receive(void *argument)
{
    static uint8_t bytes[MUCH];
    size_t before = much.received;
    ssize_t length;
    (void)argument;
    while ((length = recv(t.peer, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        much.received += (size_t)length;
    if (much.received - before > much.received_in_a_turn)
        much.received_in_a_turn = much.received - before;
    if (much.received == MUCH || ++much.turns == TURNS_MAX)
        loop_stop(t.loop);
    else
        loop_post(t.loop, on_turn_receive, NULL);
}

START_TEST(much_goes_out_in_pieces)
{
    start();
    memset(&much, 0, sizeof(much));
    channel_set_payload_max(t.channel, MUCH);
    channel_send_owned(t.channel, calloc(1, MUCH), MUCH, 5);
    loop_post(t.loop, on_turn_receive, NULL);
    loop_run(t.loop);
    ck_assert_uint_eq(much.received, MUCH);
    ck_assert_uint_le(much.received_in_a_turn, PIECE);
    ck_assert(!t.is_closed);
    ck_assert_uint_eq(channel_next_sequence(t.channel), 5);
    stop();
}
END_TEST

START_TEST(a_detached_socket_keeps_what_was_read)
{
    start();
    channel_pause(t.channel);
    peer_sends("\x01\0\0\0x", 5);
    turn();
    uint8_t rest[16];
    size_t rest_length;
    struct conn_link link = {-1, NULL};
    ck_assert_int_eq(channel_detach(&t.channel, rest, sizeof(rest), &rest_length, &link), RESULT_OK);
    ck_assert_ptr_null(t.channel);
    ck_assert_uint_eq(rest_length, 0); /* it was paused before anything was read */
    ck_assert_int_eq(read(link.fd, rest, sizeof(rest)), 5);
    conn_link_close(&link);
    stop();
}
END_TEST

START_TEST(the_peers_end_is_told)
{
    start();
    shutdown(t.peer, SHUT_WR);
    turn();
    ck_assert(t.is_closed);
    ck_assert_int_eq(t.closed, RESULT_CLOSED);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel");
    TCase *tests = tcase_create("channel");
    tcase_add_loop_test(tests, a_payload_arrives_whole_however_it_is_cut, 0, 20);
    tcase_add_loop_test(tests, a_broken_stream_ends_with_its_reason, 0, sizeof(broken) / sizeof(broken[0]));
    tcase_add_test(tests, what_is_sent_is_framed_and_numbered);
    tcase_add_test(tests, a_peer_that_does_not_read_is_closed);
    tcase_add_test(tests, much_goes_out_in_pieces);
    tcase_add_test(tests, a_detached_socket_keeps_what_was_read);
    tcase_add_test(tests, the_peers_end_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
