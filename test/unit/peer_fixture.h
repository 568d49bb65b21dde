/* For tests of what runs on a channel: a loop, a channel, and a peer on the other end that a test scripts. */
#ifndef ACKGATE_TEST_PEER_FIXTURE_H
#define ACKGATE_TEST_PEER_FIXTURE_H

#include "protocol/packet.h"
#include "protocol/response.h"
#include "proxy/channel.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    struct loop *loop;
    struct channel *channel; /* the side under test */
    int fd;                  /* the peer's */
    uint8_t sequence;        /* of the peer's next packet */
    uint8_t bytes[65536];    /* the payload heard last */
    unsigned done;           /* how often the thing under test called back */
    enum result result;
    char message[512];
};

static inline void peer_on_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
    ck_abort_msg("a payload that nobody takes");
}

static inline void peer_on_closed(void *argument, enum result reason)
{
    (void)argument;
    (void)reason;
}

static inline void peer_init(struct peer *peer)
{
    static const struct channel_callbacks none = {peer_on_payload, peer_on_closed, NULL};
    int fds[2];
    memset(peer, 0, sizeof(*peer));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    peer->fd = fds[1];
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    peer->loop = loop_new();
    peer->channel = channel_new(peer->loop, fds[0], sizeof(peer->bytes), &none);
}

static inline void peer_release(struct peer *peer)
{
    channel_free(&peer->channel);
    close(peer->fd);
    loop_free(&peer->loop);
}

/* Lets everything happen that can without the peer. */
static inline void peer_settle(struct peer *peer)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(loop_base(peer->loop), EVLOOP_NONBLOCK);
}

static inline void peer_says(struct peer *peer, struct span payload)
{
    uint8_t packet[4096];
    struct writer writer;
    writer_init(&writer, packet, sizeof(packet));
    packet_encode(&writer, payload, &peer->sequence);
    ck_assert(!writer_failed(&writer));
    ck_assert_int_eq(send(peer->fd, packet, writer.length, MSG_NOSIGNAL), (ssize_t)writer.length);
    peer_settle(peer);
}

static inline void peer_says_ok(struct peer *peer)
{
    static const uint8_t ok[] = {0, 0, 0, 2, 0, 0, 0};
    peer_says(peer, (struct span){ok, sizeof(ok)});
}

static inline void peer_says_error(struct peer *peer, uint16_t code, const char *text)
{
    uint8_t payload[600];
    struct writer writer;
    writer_init(&writer, payload, sizeof(payload));
    response_error_encode(&writer, code, span_of_text(text));
    peer_says(peer, writer_span_written(&writer));
}

static inline void peer_hangs_up(struct peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    peer_settle(peer);
}

/* The one payload that the side under test has sent since; empty when it has sent nothing. */
static inline struct span peer_hears(struct peer *peer)
{
    peer_settle(peer);
    ssize_t length = recv(peer->fd, peer->bytes, sizeof(peer->bytes), 0);
    if (length <= 0)
        return (struct span){NULL, 0};
    struct packet_header header;
    ck_assert_int_eq(packet_peek((struct span){peer->bytes, (size_t)length}, &header), RESULT_OK);
    ck_assert_uint_eq((size_t)length, PACKET_HEADER_BYTES + header.length);
    peer->sequence = (uint8_t)(header.sequence + 1);
    return (struct span){peer->bytes + PACKET_HEADER_BYTES, header.length};
}

static inline void peer_note_done(struct peer *peer, enum result result, const char *message)
{
    peer->done++;
    peer->result = result;
    ck_assert_ptr_nonnull(message);
    strncpy(peer->message, message, sizeof(peer->message) - 1);
}

static inline void peer_assert_done(const struct peer *peer, enum result result, const char *part)
{
    ck_assert_uint_eq(peer->done, 1);
    ck_assert_msg(peer->result == result, "%s: %s", result_text(peer->result), peer->message);
    ck_assert_msg(strstr(peer->message, part) != NULL, "'%s' has no '%s'", peer->message, part);
}

static inline int peer_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
