/* Bytes and packets by hand, see raw_client.h; logging in is in raw_login.c. */
#include "test/lib/raw_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/response.h"
#include "protocol/resultset.h"
#include "protocol/xalloc.h"
#include "test/lib/raw_frames.h"
#include "test/lib/wait.h"

/* The last packet of each client has to be reachable for the leak checker when a test forgets raw_close(). */
enum { CLIENTS_MAX = 64 };
static uint8_t *payloads[CLIENTS_MAX];

void raw_open_at(struct place where, struct raw_client *client, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *client = (struct raw_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail_at(where, "connect to port %u: %s", port, strerror(errno));
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void free_payload(struct raw_client *client)
{
    for (size_t i = 0; i < CLIENTS_MAX && client->payload; i++)
        if (payloads[i] == client->payload)
            payloads[i] = NULL;
    free(client->payload);
    client->payload = NULL;
    client->payload_bytes = 0;
}

static void keep_payload(struct raw_client *client)
{
    size_t i = 0;

    while (i < CLIENTS_MAX - 1 && payloads[i])
        i++;
    payloads[i] = client->payload;
}

void raw_close(struct raw_client *client)
{
    (void)close(client->fd);
    raw_frames_release(client);
    client->fd = -1;
    free_payload(client);
}

void raw_abort(struct raw_client *client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    raw_close(client);
}

static bool send_plain(struct raw_client *client, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t sent = send(client->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool raw_send(struct raw_client *client, const void *bytes, size_t size)
{
    if (!client->frames)
        return send_plain(client, bytes, size);
    for (size_t sent = 0; sent < size;) {
        uint8_t frame[COMPRESSED_FRAME_MAX];
        size_t length = raw_frames_wrap(client, (const uint8_t *)bytes + sent, size - sent, frame, &sent);
        if (!send_plain(client, frame, length))
            return false;
    }
    return true;
}

bool raw_send_slowly(struct raw_client *client, const void *bytes, size_t size)
{
    struct timespec pause = {.tv_nsec = 300000};

    for (size_t i = 0; i < size; i++) {
        if (!raw_send(client, (const uint8_t *)bytes + i, 1))
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

void raw_frame(uint8_t *ret_bytes, uint8_t sequence, const void *payload, size_t size)
{
    packet_header_encode(ret_bytes, (struct packet_header){.length = (uint32_t)size, .sequence = sequence});
    memcpy(ret_bytes + PACKET_HEADER_BYTES, payload, size);
}

bool raw_send_packet(struct raw_client *client, const void *payload, size_t size)
{
    uint8_t *bytes = xmalloc(PACKET_HEADER_BYTES + size);

    raw_frame(bytes, client->sequence++, payload, size);
    bool is_sent = raw_send(client, bytes, PACKET_HEADER_BYTES + size);
    free(bytes);
    return is_sent;
}

bool raw_send_command(struct raw_client *client, uint8_t command, const void *argument, size_t size)
{
    uint8_t *payload = xmalloc(1 + size);

    raw_restart(client);
    payload[0] = command;
    if (size > 0)
        memcpy(payload + 1, argument, size);
    bool is_sent = raw_send_packet(client, payload, 1 + size);
    free(payload);
    return is_sent;
}

static enum raw_read read_until(struct raw_client *client, uint8_t *bytes, size_t size, uint64_t end_ms)
{
    size_t got = 0;

    while (got < size) {
        uint64_t now = now_ms();
        struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
        bool is_there = client->frames && raw_frames_has_rest(client);
        if (!is_there && poll(&poll_fd, 1, now < end_ms ? (int)(end_ms - now) : 0) == 0)
            return RAW_TIMEOUT;
        ssize_t count = client->frames ? raw_frames_receive(client, bytes + got, size - got)
                                       : recv(client->fd, bytes + got, size - got, 0);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (count <= 0)
            return RAW_CLOSED;
        got += (size_t)count;
    }
    return RAW_PACKET;
}

enum raw_read raw_read_bytes(struct raw_client *client, void *ret_bytes, size_t size)
{
    return read_until(client, ret_bytes, size, now_ms() + RAW_SECONDS * 1000);
}

enum raw_read raw_read_packet_within(struct raw_client *client, unsigned timeout_ms)
{
    uint64_t end_ms = now_ms() + timeout_ms;
    uint8_t bytes[PACKET_HEADER_BYTES];

    enum raw_read outcome = read_until(client, bytes, sizeof bytes, end_ms);
    if (outcome != RAW_PACKET)
        return outcome;
    struct packet_header header = packet_header_decode(bytes);
    free_payload(client);
    client->payload = xmalloc(header.length + 1);
    keep_payload(client);
    client->payload[header.length] = '\0';
    client->payload_bytes = header.length;
    client->read_sequence = header.sequence;
    client->sequence = (uint8_t)(header.sequence + 1);
    return read_until(client, client->payload, header.length, end_ms);
}

enum raw_read raw_read_packet(struct raw_client *client)
{
    return raw_read_packet_within(client, (unsigned)(RAW_SECONDS * 1000 * wait_factor()));
}

bool raw_is_error(const struct raw_client *client, unsigned *ret_number)
{
    struct span payload = {client->payload, client->payload_bytes};
    struct response_error error;

    if (!response_is_error(payload) || response_error_decode(payload, &error) != RESULT_OK)
        return false;
    if (ret_number)
        *ret_number = error.code;
    return true;
}

unsigned raw_query_at(struct place where, struct raw_client *client, const char *text)
{
    struct resultset_reader reader;
    enum resultset_step step;
    unsigned number = 0;

    resultset_reader_init(&reader, client->capabilities);
    if (!raw_send_command(client, COMMAND_QUERY, text, strlen(text)))
        fail_at(where, "%s: cannot be sent", text);
    do {
        if (raw_read_packet(client) != RAW_PACKET)
            fail_at(where, "%s: no answer", text);
        if (resultset_reader_next(&reader, (struct span){client->payload, client->payload_bytes}, &step) !=
            RESULT_OK)
            fail_at(where, "%s: the answer cannot be read", text);
    } while (step == RESULTSET_STEP_MORE || step == RESULTSET_STEP_ROW ||
             (step != RESULTSET_STEP_ERROR && (reader.status & STATUS_MORE_RESULTS)));
    if (step == RESULTSET_STEP_ERROR)
        (void)raw_is_error(client, &number);
    return number;
}

void raw_assert_closed_at(struct place where, struct raw_client *client)
{
    uint64_t end_ms = now_ms() + (uint64_t)(RAW_SECONDS * 1000 * wait_factor());
    enum raw_read outcome;
    uint8_t byte;

    do {
        outcome = read_until(client, &byte, 1, end_ms);
    } while (outcome == RAW_PACKET);
    if (outcome != RAW_CLOSED)
        fail_at(where, "the peer does not close the connection");
}
