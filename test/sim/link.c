/* The connections of link.h. A link's place is reused when both ends are gone and nothing is on its way. */
#include "test/sim/link.h"

#include "protocol/xalloc.h"
#include "test/sim/channel.h"
#include "test/sim/dice.h"
#include "test/sim/schedule.h"
#include "test/sim/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 256, FD_FIRST = 200000, SOCKET_BYTES = 8192 };

enum kind {
    TO_DAEMON_BYTES,
    TO_DAEMON_PAYLOAD,
    TO_DAEMON_END,
    TO_PEER_BYTES,
    TO_PEER_PAYLOAD,
    TO_PEER_LOGIN,
    TO_PEER_END
};

struct message {
    struct message *next;
    enum kind kind;
    size_t length;
    uint8_t data[];
};

/* One direction: what was sent first arrives first. */
struct way {
    struct link *link;
    struct message *head, *tail;
    uint64_t last_us;
};

struct link {
    bool is_used;
    struct way to_daemon, to_peer;
    struct link_peer peer;
    bool has_peer, has_daemon;
    bool is_cut;              /* nothing arrives any more */
    bool is_ended_for_daemon; /* after what it has not read */
    struct conn *conn;
    struct channel *channel;
    void *note; /* what the payload with this number means: */
    uint64_t note_number;
    uint64_t payloads_sent, payloads_arrived;
    bool is_ready_due; /* an item that calls the conn is in the schedule */
    uint8_t *rx;       /* arrived at the daemon */
    size_t rx_length, rx_room;
    size_t on_way_to_peer; /* bytes */
    unsigned items;        /* in the schedule */
    uint64_t stalled_until_us;
};

static struct link links[LINKS_MAX];

static void drop_messages(struct way *way)
{
    while (way->head != NULL) {
        struct message *next = way->head->next;
        free(way->head);
        way->head = next;
    }
}

void links_reset(void)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        drop_messages(&links[i].to_daemon);
        drop_messages(&links[i].to_peer);
        free(links[i].rx);
        free(links[i].note);
    }
    memset(links, 0, sizeof(links));
}

static void consider_reuse(struct link *link)
{
    if (link->has_peer || link->has_daemon || link->items > 0)
        return;
    free(link->rx);
    free(link->note);
    *link = (struct link){.is_used = false};
}

struct link *link_new(const struct link_peer *peer)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (links[i].is_used)
            continue;
        links[i] = (struct link){.is_used = true, .peer = *peer, .has_peer = true, .has_daemon = true};
        links[i].to_daemon.link = links[i].to_peer.link = &links[i];
        return &links[i];
    }
    assert(false && "links are lost");
    return NULL;
}

int link_fd(const struct link *link)
{
    return FD_FIRST + (int)(link - links);
}

struct link *link_of(int fd)
{
    assert(fd >= FD_FIRST && fd < FD_FIRST + LINKS_MAX && links[fd - FD_FIRST].is_used);
    return &links[fd - FD_FIRST];
}

/* ---- on the way ---- */

static unsigned ready_for(const struct link *link)
{
    bool can_read = link->rx_length > 0 || link->is_ended_for_daemon;
    bool can_write = link->on_way_to_peer < SOCKET_BYTES || link->is_ended_for_daemon;
    return link->conn->watched & ((can_read ? CONN_READ : 0u) | (can_write ? CONN_WRITE : 0u));
}

static void on_ready(void *argument)
{
    struct link *link = argument;
    link->is_ready_due = false;
    link->items--;
    if (link->conn != NULL && link->has_daemon && ready_for(link) != 0)
        link->conn->on_ready(link->conn->argument, ready_for(link));
    if (link->conn != NULL)
        link_watch(link);
    consider_reuse(link);
}

void link_watch(struct link *link)
{
    if (link->conn == NULL || !link->has_daemon || link->is_ready_due || ready_for(link) == 0)
        return;
    link->is_ready_due = true;
    link->items++;
    schedule_after(0, GROUP_WORLD, on_ready, link);
}

static void take_payload(struct link *link, struct span payload)
{
    bool has_note = ++link->payloads_arrived == link->note_number;
    if (link->channel == NULL)
        return;
    if (has_note && link->peer.on_heard != NULL)
        link->peer.on_heard(link->note);
    sim_channel_payload(link->channel, payload);
}

static void take_bytes(struct link *link, struct span bytes)
{
    if (link->rx_length + bytes.length > link->rx_room) {
        link->rx_room = (link->rx_length + bytes.length) * 2;
        link->rx = xrealloc(link->rx, link->rx_room);
    }
    memcpy(link->rx + link->rx_length, bytes.data, bytes.length);
    link->rx_length += bytes.length;
}

static void arrive_at_daemon(struct link *link, const struct message *message)
{
    struct span bytes = {message->data, message->length};
    if (!link->has_daemon)
        return;
    if (message->kind == TO_DAEMON_END) {
        link->is_ended_for_daemon = true;
        if (link->channel != NULL)
            sim_channel_closed(link->channel);
    } else if (message->kind == TO_DAEMON_PAYLOAD) {
        take_payload(link, bytes);
    } else {
        take_bytes(link, bytes);
    }
    link_watch(link);
}

static void arrive_at_peer(struct link *link, const struct message *message)
{
    struct span bytes = {message->data, message->length};
    link->on_way_to_peer -= message->kind == TO_PEER_BYTES ? bytes.length : 0;
    link_watch(link);
    if (!link->has_peer)
        return;
    struct link_peer peer = link->peer;
    if (message->kind == TO_PEER_BYTES) {
        peer.on_bytes(peer.argument, bytes);
    } else if (message->kind == TO_PEER_PAYLOAD) {
        peer.on_payload(peer.argument, bytes);
    } else if (message->kind == TO_PEER_LOGIN) {
        peer.on_login(peer.argument);
    } else {
        link->has_peer = false;
        peer.on_closed(peer.argument);
    }
}

static void on_arrival(void *argument)
{
    struct way *way = argument;
    struct link *link = way->link;
    struct message *message = way->head;
    bool is_end = message->kind == TO_DAEMON_END || message->kind == TO_PEER_END;
    if (link->stalled_until_us > schedule_now_us() && !is_end) {
        schedule_after(link->stalled_until_us - schedule_now_us(), GROUP_WORLD, on_arrival, way);
        return;
    }
    way->head = message->next;
    if (link->is_cut && !is_end)
        link->on_way_to_peer -= message->kind == TO_PEER_BYTES ? message->length : 0;
    else if (message->kind <= TO_DAEMON_END)
        arrive_at_daemon(link, message);
    else
        arrive_at_peer(link, message);
    link->items--;
    free(message);
    consider_reuse(link);
}

static void post(struct link *link, enum kind kind, struct span bytes, uint64_t delay_us)
{
    struct message *message = xmalloc(sizeof(*message) + bytes.length);
    struct way *way = kind <= TO_DAEMON_END ? &link->to_daemon : &link->to_peer;
    uint64_t now = schedule_now_us();
    *message = (struct message){NULL, kind, bytes.length};
    if (bytes.length > 0)
        memcpy(message->data, bytes.data, bytes.length);
    if (now + delay_us < way->last_us)
        delay_us = way->last_us - now;
    way->last_us = now + delay_us;
    if (way->head == NULL)
        way->head = message;
    else
        way->tail->next = message;
    way->tail = message;
    link->items++;
    schedule_after(delay_us, GROUP_WORLD, on_arrival, way);
}

static uint64_t some_delay(void)
{
    return dice_chance(30) ? dice_between(3000, 60000) : dice_between(20, 2000);
}

static uint64_t end_delay(enum link_end end)
{
    return end == LINK_VANISH ? dice_between(500000, 12000000) : some_delay();
}

/* ---- the peer's end ---- */

void link_send(struct link *link, struct span bytes)
{
    post(link, TO_DAEMON_BYTES, bytes, some_delay());
}

void link_send_payload(struct link *link, struct span payload)
{
    link->payloads_sent++;
    post(link, TO_DAEMON_PAYLOAD, payload, some_delay());
}

void link_set_note(struct link *link, void *note)
{
    free(link->note);
    link->note = note;
    link->note_number = link->payloads_sent + 1;
}

void link_leave(struct link *link, enum link_end end)
{
    link->has_peer = false;
    link->is_cut = link->is_cut || end != LINK_CLOSE;
    post(link, TO_DAEMON_END, (struct span){NULL, 0}, end_delay(end));
}

/* ---- the daemon's end ---- */

void link_attach_conn(struct link *link, struct conn *conn)
{
    link->conn = conn;
    link->channel = NULL;
}

void link_attach_channel(struct link *link, struct channel *channel)
{
    link->channel = channel;
    if (channel != NULL && link->is_ended_for_daemon)
        post(link, TO_DAEMON_END, (struct span){NULL, 0}, 0);
}

enum result link_read(struct link *link, void *buffer, size_t room, size_t *ret_length)
{
    if (link->rx_length == 0)
        return link->is_ended_for_daemon ? RESULT_CLOSED : RESULT_AGAIN;
    size_t length = link->rx_length < room ? link->rx_length : room;
    if (dice_chance(50))
        length = (size_t)dice_between(1, length);
    memcpy(buffer, link->rx, length);
    memmove(link->rx, link->rx + length, link->rx_length - length);
    link->rx_length -= length;
    *ret_length = length;
    return RESULT_OK;
}

static struct span gather(const struct iovec *parts, int part_count, size_t room, uint8_t *bytes)
{
    size_t length = 0;
    for (int i = 0; i < part_count && length < room; i++) {
        size_t part = parts[i].iov_len < room - length ? parts[i].iov_len : room - length;
        memcpy(bytes + length, parts[i].iov_base, part);
        length += part;
    }
    return (struct span){bytes, length};
}

enum result link_write(struct link *link, const struct iovec *parts, int part_count, size_t *ret_length)
{
    uint8_t bytes[SOCKET_BYTES];
    if (link->is_ended_for_daemon)
        return RESULT_IO;
    if (link->on_way_to_peer >= SOCKET_BYTES)
        return RESULT_AGAIN;
    size_t room = SOCKET_BYTES - link->on_way_to_peer;
    if (dice_chance(60))
        room = (size_t)dice_between(1, room);
    world_effect();
    struct span gathered = gather(parts, part_count, room, bytes);
    *ret_length = gathered.length;
    if (world_is_ghost())
        return RESULT_OK;
    link->on_way_to_peer += gathered.length;
    post(link, TO_PEER_BYTES, gathered, some_delay());
    return RESULT_OK;
}

void link_answer(struct link *link, struct span payload)
{
    if (!world_is_ghost())
        post(link, TO_PEER_PAYLOAD, payload, some_delay());
}

void link_say_login(struct link *link)
{
    if (!world_is_ghost())
        post(link, TO_PEER_LOGIN, (struct span){NULL, 0}, some_delay());
}

void link_drop(struct link *link)
{
    link->has_daemon = false;
    link->conn = NULL;
    link->channel = NULL;
    if (!world_is_ghost())
        post(link, TO_PEER_END, (struct span){NULL, 0}, some_delay());
    consider_reuse(link);
}

/* ---- the nemesis ---- */

void links_daemon_dies(bool is_power)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links[i];
        if (!link->is_used || !link->has_daemon)
            continue;
        link->is_cut = link->is_cut || is_power || dice_chance(300);
        post(link, TO_PEER_END, (struct span){NULL, 0}, end_delay(is_power ? LINK_VANISH : LINK_CLOSE));
    }
}

static struct link *some_link(void)
{
    size_t first = (size_t)dice_below(LINKS_MAX);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &links[(first + i) % LINKS_MAX];
        if (link->is_used && link->has_peer && link->has_daemon)
            return link;
    }
    return NULL;
}

bool links_cut_one(void)
{
    struct link *link = some_link();
    if (link == NULL)
        return false;
    link->is_cut = true;
    post(link, TO_DAEMON_END, (struct span){NULL, 0}, end_delay(dice_chance(400) ? LINK_VANISH : LINK_CUT));
    post(link, TO_PEER_END, (struct span){NULL, 0}, end_delay(dice_chance(400) ? LINK_VANISH : LINK_CUT));
    return true;
}

bool links_stall_one(uint64_t for_us)
{
    struct link *link = some_link();
    if (link == NULL)
        return false;
    link->stalled_until_us = schedule_now_us() + for_us;
    return true;
}

void links_heal(void)
{
    for (size_t i = 0; i < LINKS_MAX; i++)
        links[i].stalled_until_us = 0;
}
