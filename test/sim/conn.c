/* The daemon's sockets and channels (proxy/conn.h, channel.h, listener.h) over the network of link.h. */
#include "proxy/conn.h"

#include "protocol/xalloc.h"
#include "proxy/listener.h"
#include "test/sim/channel.h"
#include "test/sim/link.h"
#include "test/sim/world.h"

#include <errno.h>
#include <stdlib.h>

void conn_open(struct conn *conn, struct loop *loop, int fd, conn_ready_fn *on_ready, void *argument)
{
    *conn = (struct conn){.loop = loop, .fd = fd, .on_ready = on_ready, .argument = argument};
    link_attach_conn(link_of(fd), conn);
}

void conn_adopt(struct conn *conn, struct loop *loop, struct conn_link link, conn_ready_fn *on_ready,
                void *argument)
{
    conn_open(conn, loop, link.fd, on_ready, argument);
}

void conn_link_close(struct conn_link *link)
{
    if (link->fd >= 0)
        link_drop(link_of(link->fd));
    link->fd = -1;
}

bool conn_is_open(const struct conn *conn)
{
    return conn->loop != NULL && conn->fd >= 0;
}

void conn_close(struct conn *conn)
{
    if (!conn_is_open(conn))
        return;
    link_drop(link_of(conn->fd));
    conn->fd = -1;
}

void conn_watch(struct conn *conn, unsigned what)
{
    conn->watched = what;
    if (conn_is_open(conn))
        link_watch(link_of(conn->fd));
}

enum result conn_read(struct conn *conn, void *buffer, size_t room_bytes, size_t *ret_length)
{
    return link_read(link_of(conn->fd), buffer, room_bytes, ret_length);
}

enum result conn_write(struct conn *conn, const struct iovec *parts, int part_count, size_t *ret_length)
{
    return link_write(link_of(conn->fd), parts, part_count, ret_length);
}

/* ---- channels ---- */

struct channel {
    struct loop *loop;
    struct link *link;
    struct channel_callbacks callbacks;
    bool is_paused;
    bool is_freed;
    bool is_closed;
};

static void on_turn_over_free(void *argument)
{
    free(argument);
}

const char *channel_tls_error(const struct channel *channel)
{
    (void)channel;
    return "";
}

const struct tls *channel_tls(const struct channel *channel)
{
    (void)channel;
    return NULL;
}

struct channel *channel_new(struct loop *loop, int fd, size_t payload_max_bytes,
                            const struct channel_callbacks *callbacks)
{
    struct channel *channel = xcalloc(1, sizeof(*channel));
    (void)payload_max_bytes;
    *channel = (struct channel){.loop = loop, .link = link_of(fd), .callbacks = *callbacks};
    link_attach_channel(channel->link, channel);
    return channel;
}

enum result channel_connect(struct loop *loop, const char *host, unsigned port, size_t payload_max_bytes,
                            const struct channel_callbacks *callbacks, struct channel **ret_channel)
{
    (void)host;
    (void)port;
    struct link *link = world_connect_source();
    if (link == NULL) {
        errno = ECONNREFUSED;
        return RESULT_IO;
    }
    *ret_channel = channel_new(loop, link_fd(link), payload_max_bytes, callbacks);
    return RESULT_OK;
}

void channel_free(struct channel **channel)
{
    struct channel *old = *channel;
    if (old == NULL)
        return;
    *channel = NULL;
    old->is_freed = true;
    link_drop(old->link);
    loop_defer(old->loop, on_turn_over_free, old);
}

void channel_set_callbacks(struct channel *channel, const struct channel_callbacks *callbacks)
{
    channel->callbacks = *callbacks;
}

void channel_set_payload_max(struct channel *channel, size_t payload_max_bytes)
{
    (void)channel;
    (void)payload_max_bytes;
}

void channel_send(struct channel *channel, struct span payload)
{
    link_answer(channel->link, payload);
}

/* Answers to a replica's questions: the models do not listen. */
void channel_send_framed(struct channel *channel, struct span packets, uint8_t next_sequence)
{
    (void)channel;
    (void)packets;
    (void)next_sequence;
}

uint8_t channel_next_sequence(const struct channel *channel)
{
    (void)channel;
    return 0;
}

static void on_all_sent(void *argument)
{
    sim_channel_closed(argument);
}

void channel_close_when_sent(struct channel *channel)
{
    loop_defer(channel->loop, on_all_sent, channel);
}

void channel_pause(struct channel *channel)
{
    channel->is_paused = true;
}

void channel_resume(struct channel *channel)
{
    channel->is_paused = false;
}

const char *channel_peer(const struct channel *channel)
{
    (void)channel;
    return "sim";
}

enum result channel_detach(struct channel **channel, void *rest_buffer, size_t rest_room_bytes,
                           size_t *ret_rest_length, struct conn_link *ret_link)
{
    struct channel *old = *channel;
    (void)rest_buffer;
    (void)rest_room_bytes;
    *channel = NULL;
    *ret_rest_length = 0;
    *ret_link = (struct conn_link){link_fd(old->link), NULL};
    link_attach_channel(old->link, NULL);
    old->is_freed = true;
    loop_defer(old->loop, on_turn_over_free, old);
    return RESULT_OK;
}

void sim_channel_payload(struct channel *channel, struct span payload)
{
    if (!channel->is_freed && !channel->is_closed && !channel->is_paused)
        channel->callbacks.on_payload(channel->callbacks.argument, payload);
}

void sim_channel_closed(struct channel *channel)
{
    if (channel->is_freed || channel->is_closed)
        return;
    channel->is_closed = true;
    channel->callbacks.on_closed(channel->callbacks.argument, RESULT_CLOSED);
}

struct link *sim_channel_link(struct channel *channel)
{
    return channel->link;
}

/* ---- listeners ---- */

struct listener {
    listener_accept_fn *on_accept;
    void *argument;
};

enum result listener_open(struct loop *loop, const char *address, listener_accept_fn *on_accept,
                          void *argument, struct listener **ret_listener)
{
    (void)loop;
    (void)address;
    struct listener *listener = xcalloc(1, sizeof(*listener));
    *listener = (struct listener){on_accept, argument};
    world_listen(on_accept, argument);
    *ret_listener = listener;
    return RESULT_OK;
}

void listener_close(struct listener **listener)
{
    if (*listener == NULL)
        return;
    world_listen(NULL, NULL);
    free(*listener);
    *listener = NULL;
}
