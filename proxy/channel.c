/* Packets over a conn, after channel.h. Bytes go through one inbox, one joiner and one outbox. */
#include "proxy/channel.h"

#include "protocol/packet.h"
#include "protocol/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_BYTES = 16 * 1024,
    KEEP_BYTES = 64 * 1024,
    WRITE_BYTES = 128 * 1024 /* in a turn of the loop, which has others to serve */
};

/* Bytes in a row with a consumed part in front. */
struct box {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t room;
};

struct channel {
    struct loop *loop;
    struct conn conn;
    struct channel_callbacks callbacks;
    struct packet_joiner joiner;
    size_t payload_max;
    struct box in;
    struct box out;
    uint8_t sequence; /* of the next packet in this exchange, whoever sends it */
    struct tls *tls;  /* not NULL: the handshake begins at the end of the turn */
    channel_secured_fn *on_secured;
    bool is_connecting;
    bool is_securing; /* what waits to be sent is for after the handshake */
    bool is_paused;
    bool is_closing;       /* once the outbox is empty */
    bool is_flush_planned; /* at the end of this turn */
    bool is_over;          /* on_closed was called, or nobody listens any more */
};

static void on_ready(void *argument, unsigned what);

static size_t box_length(const struct box *box)
{
    return box->end - box->start;
}

static uint8_t *box_reserve(struct box *box, size_t length)
{
    if (box->room - box->end < length && box->start > 0) {
        memmove(box->data, box->data + box->start, box_length(box));
        box->end -= box->start;
        box->start = 0;
    }
    if (box->room - box->end < length) {
        box->room = (box->end + length) * 2;
        box->data = xrealloc(box->data, box->room);
    }
    return box->data + box->end;
}

static void box_consume(struct box *box, size_t length)
{
    box->start += length;
    if (box->start < box->end)
        return;
    box->start = box->end = 0;
    if (box->room > KEEP_BYTES) {
        free(box->data);
        *box = (struct box){0};
    }
}

static struct channel *make(struct loop *loop, size_t payload_max, const struct channel_callbacks *callbacks)
{
    struct channel *channel = xcalloc(1, sizeof(*channel));
    channel->loop = loop;
    channel->callbacks = *callbacks;
    channel->payload_max = payload_max;
    packet_joiner_init(&channel->joiner, 0, payload_max);
    return channel;
}

struct channel *channel_new_on(struct loop *loop, struct conn_link link, size_t payload_max_bytes,
                               const struct channel_callbacks *callbacks)
{
    struct channel *channel = make(loop, payload_max_bytes, callbacks);
    conn_adopt(&channel->conn, loop, link, on_ready, channel);
    conn_watch(&channel->conn, CONN_READ);
    return channel;
}

struct channel *channel_new(struct loop *loop, int fd, size_t payload_max_bytes,
                            const struct channel_callbacks *callbacks)
{
    return channel_new_on(loop, (struct conn_link){.fd = fd}, payload_max_bytes, callbacks);
}

enum result channel_connect(struct loop *loop, const char *host, unsigned port, size_t payload_max_bytes,
                            const struct channel_callbacks *callbacks, struct channel **ret_channel)
{
    struct channel *channel = make(loop, payload_max_bytes, callbacks);
    enum result result = conn_connect(&channel->conn, loop, host, port, on_ready, channel);
    if (result != RESULT_OK) {
        packet_joiner_release(&channel->joiner);
        free(channel);
        return result;
    }
    channel->is_connecting = true;
    *ret_channel = channel;
    return RESULT_OK;
}

static void on_turn_over_free(void *argument)
{
    struct channel *channel = argument;
    packet_joiner_release(&channel->joiner);
    free(channel->in.data);
    if (channel->out.data != NULL)
        explicit_bzero(channel->out.data, channel->out.room); /* may hold what a password was made into */
    free(channel->out.data);
    free(channel);
}

void channel_free(struct channel **channel)
{
    struct channel *old = *channel;
    if (old == NULL)
        return;
    *channel = NULL;
    old->is_over = true;
    tls_free(&old->tls);
    conn_close(&old->conn);
    loop_defer(old->loop, on_turn_over_free, old);
}

void channel_set_callbacks(struct channel *channel, const struct channel_callbacks *callbacks)
{
    channel->callbacks = *callbacks;
}

void channel_set_payload_max(struct channel *channel, size_t payload_max_bytes)
{
    channel->payload_max = payload_max_bytes;
    channel->joiner.payload_max = payload_max_bytes;
}

/* Tells the owner, once, that the connection is over. */
static void finish(struct channel *channel, enum result reason)
{
    if (channel->is_over)
        return;
    channel->is_over = true;
    int saved_errno = errno;
    conn_watch(&channel->conn, 0);
    errno = saved_errno;
    channel->callbacks.on_closed(channel->callbacks.argument, reason);
}

static unsigned wanted(const struct channel *channel)
{
    unsigned what = channel->is_paused || channel->is_closing ? 0 : CONN_READ;
    bool is_unsent = channel->is_closing && conn_has_unsent(&channel->conn);
    return box_length(&channel->out) > 0 || is_unsent ? what | CONN_WRITE : what;
}

static void update_watch(struct channel *channel)
{
    if (!channel->is_over && !channel->is_connecting && !channel->is_securing)
        conn_watch(&channel->conn, wanted(channel));
}

/* Writes what the socket takes, and no more than WRITE_BYTES: the rest once it is found writable again. */
static enum result flush(struct channel *channel)
{
    struct box *out = &channel->out;
    size_t left = WRITE_BYTES;
    while (box_length(out) > 0 && left > 0) {
        struct iovec part = {out->data + out->start, box_length(out) < left ? box_length(out) : left};
        size_t length;
        enum result result = conn_write(&channel->conn, &part, 1, &length);
        if (result == RESULT_AGAIN)
            break;
        if (result != RESULT_OK)
            return result;
        box_consume(out, length);
        left -= length;
    }
    if (box_length(out) > 2 * (channel->payload_max + KEEP_BYTES))
        return RESULT_FULL;
    bool is_all_sent = box_length(out) == 0 && !conn_has_unsent(&channel->conn);
    return channel->is_closing && is_all_sent ? RESULT_CLOSED : RESULT_OK;
}

static void flush_or_finish(struct channel *channel)
{
    enum result result = flush(channel);
    if (result != RESULT_OK)
        finish(channel, result);
    else
        update_watch(channel);
}

static void on_turn_over_flush(void *argument)
{
    struct channel *channel = argument;
    channel->is_flush_planned = false;
    if (channel->is_securing && channel->is_closing)
        finish(channel, RESULT_CLOSED); /* the peer cannot be told */
    else if (!channel->is_over && !channel->is_connecting && !channel->is_securing)
        flush_or_finish(channel);
}

static void plan_flush(struct channel *channel)
{
    if (channel->is_flush_planned || channel->is_over)
        return;
    channel->is_flush_planned = true;
    loop_defer(channel->loop, on_turn_over_flush, channel);
}

void channel_send(struct channel *channel, struct span payload)
{
    struct writer writer;
    size_t room = packet_encoded_bytes(payload.length);
    writer_init(&writer, box_reserve(&channel->out, room), room);
    packet_encode(&writer, payload, &channel->sequence);
    assert(!writer_failed(&writer));
    channel->out.end += writer.length;
    plan_flush(channel);
}

void channel_send_framed(struct channel *channel, struct span packets, uint8_t next_sequence)
{
    if (packets.length > 0)
        memcpy(box_reserve(&channel->out, packets.length), packets.data, packets.length);
    channel->out.end += packets.length;
    channel->sequence = next_sequence;
    plan_flush(channel);
}

void channel_send_owned(struct channel *channel, uint8_t *packets, size_t length, uint8_t next_sequence)
{
    if (box_length(&channel->out) > 0) {
        channel_send_framed(channel, (struct span){packets, length}, next_sequence);
        free(packets);
        return;
    }
    free(channel->out.data);
    channel->out = (struct box){.data = packets, .end = length, .room = length};
    channel->sequence = next_sequence;
    plan_flush(channel);
}

void channel_start_command(struct channel *channel)
{
    channel->sequence = 0;
}

uint8_t channel_next_sequence(const struct channel *channel)
{
    return channel->sequence;
}

void channel_close_when_sent(struct channel *channel)
{
    channel->is_closing = true;
    plan_flush(channel);
}

/* A packet goes on with the exchange, or begins a new one with 0 (a command, or an error out of the blue). */
static void expect_sequence(struct channel *channel, struct span stream)
{
    struct packet_header header;
    if (!packet_cursor_is_between_payloads(&channel->joiner.cursor) ||
        packet_peek(stream, &header) != RESULT_OK)
        return;
    packet_cursor_expect(&channel->joiner.cursor, header.sequence == 0 ? 0 : channel->sequence);
}

/* Delivers the whole payloads in the inbox. */
static enum result deliver(struct channel *channel)
{
    while (!channel->is_over && !channel->is_paused && !channel->is_closing && !channel->is_securing &&
           box_length(&channel->in) > 0) {
        struct span stream = {channel->in.data + channel->in.start, box_length(&channel->in)};
        struct reader reader;
        reader_init_span(&reader, stream);
        expect_sequence(channel, stream);
        struct span payload;
        enum result result = packet_joiner_next(&channel->joiner, &reader, &payload);
        channel->in.start += reader.at;
        if (result == RESULT_AGAIN)
            return RESULT_OK;
        if (result != RESULT_OK)
            return result;
        channel->sequence = packet_cursor_next_sequence(&channel->joiner.cursor);
        channel->callbacks.on_payload(channel->callbacks.argument, payload);
    }
    return RESULT_OK;
}

static void on_connected(struct channel *channel)
{
    enum result result = conn_connect_result(&channel->conn);
    if (result != RESULT_OK) {
        finish(channel, result);
        return;
    }
    channel->is_connecting = false;
    update_watch(channel);
}

static void on_readable(struct channel *channel)
{
    size_t length;
    uint8_t *room = box_reserve(&channel->in, READ_BYTES);
    enum result result = conn_read(&channel->conn, room, READ_BYTES, &length);
    if (result == RESULT_AGAIN)
        return;
    if (result == RESULT_OK) {
        channel->in.end += length;
        result = deliver(channel);
    }
    if (result != RESULT_OK)
        finish(channel, result);
    else if (box_length(&channel->in) == 0)
        box_consume(&channel->in, 0);
}

static void on_ready(void *argument, unsigned what)
{
    struct channel *channel = argument;
    if (channel->is_over)
        return;
    if (channel->is_connecting)
        on_connected(channel);
    else if (what & CONN_WRITE)
        flush_or_finish(channel);
    else
        on_readable(channel);
}

/* ---- TLS ---- */

static void on_secured(void *argument, enum result result)
{
    struct channel *channel = argument;
    channel_secured_fn *tell = channel->on_secured;
    if (channel->is_over)
        return;
    channel->is_securing = false;
    channel->on_secured = NULL;
    if (result != RESULT_OK) {
        finish(channel, result);
        return;
    }
    update_watch(channel);
    plan_flush(channel);
    if (tell != NULL)
        tell(channel->callbacks.argument);
}

static void start_handshake(void *argument)
{
    struct channel *channel = argument;
    if (channel->is_over)
        return;
    enum result result = flush(channel);
    if (result == RESULT_OK && box_length(&channel->out) > 0)
        result = RESULT_FULL; /* nobody sends more than an SSLRequest before */
    struct tls *tls = channel->tls;
    channel->tls = NULL;
    if (result != RESULT_OK) {
        tls_free(&tls);
        finish(channel, result);
        return;
    }
    struct span early = {channel->in.data + channel->in.start, box_length(&channel->in)};
    conn_secure(&channel->conn, tls, early, on_secured);
    box_consume(&channel->in, early.length);
}

/* At the end of the turn: what was sent in it goes before, in the clear. */
void channel_secure(struct channel *channel, struct tls *tls, channel_secured_fn *tell)
{
    channel->tls = tls;
    channel->is_securing = true;
    channel->on_secured = tell;
    conn_watch(&channel->conn, 0);
    loop_defer(channel->loop, start_handshake, channel);
}

bool channel_is_securing(const struct channel *channel)
{
    return channel->is_securing;
}

bool channel_is_secure(const struct channel *channel)
{
    return conn_is_secure(&channel->conn) || conn_is_local(&channel->conn);
}

const struct tls *channel_tls(const struct channel *channel)
{
    return conn_is_secure(&channel->conn) ? channel->conn.tls : NULL;
}

const char *channel_tls_error(const struct channel *channel)
{
    return conn_tls_error(&channel->conn);
}

void channel_pause(struct channel *channel)
{
    channel->is_paused = true;
    update_watch(channel);
}

static void on_resumed(void *argument)
{
    struct channel *channel = argument;
    if (channel->is_over)
        return;
    enum result result = deliver(channel);
    if (result != RESULT_OK)
        finish(channel, result);
}

void channel_resume(struct channel *channel)
{
    if (!channel->is_paused)
        return;
    channel->is_paused = false;
    update_watch(channel);
    loop_defer(channel->loop, on_resumed, channel);
}

const char *channel_peer(const struct channel *channel)
{
    return channel->conn.peer;
}

enum result channel_detach(struct channel **channel, void *rest_buffer, size_t rest_room_bytes,
                           size_t *ret_rest_length, struct conn_link *ret_link)
{
    struct channel *old = *channel;
    size_t rest = box_length(&old->in);
    if (rest > rest_room_bytes || flush(old) != RESULT_OK || box_length(&old->out) > 0)
        return RESULT_FULL;
    if (rest > 0)
        memcpy(rest_buffer, old->in.data + old->in.start, rest);
    *ret_rest_length = rest;
    *ret_link = conn_give_up(&old->conn);
    channel_free(channel);
    return RESULT_OK;
}
