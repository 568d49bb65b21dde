/*
 * The network: connections between the daemon and a modelled server. The daemon's end is a descriptor under
 * proxy/conn.h or proxy/channel.h (conn.c); the other end is a table of callbacks.
 *
 * What one side sends arrives later, in order; different connections overtake each other. A connection can be
 * cut (what is on its way is lost), closed by either side (what is on its way arrives), and half-open: the
 * other side does not learn of its end for a while. The daemon's socket takes only so much at a time.
 */
#ifndef ACKGATE_TEST_SIM_LINK_H
#define ACKGATE_TEST_SIM_LINK_H

#include "protocol/reader.h"
#include "proxy/channel.h"

struct link;

struct link_peer {
    void (*on_bytes)(void *argument, struct span bytes);
    void (*on_payload)(void *argument, struct span payload); /* what the daemon says through a channel */
    void (*on_login)(void *argument);                        /* the daemon has let it in */
    void (*on_closed)(void *argument);
    void (*on_heard)(void *note); /* the daemon is about to hear the payload that has the note; may be NULL */
    void *argument;
};

enum link_end {
    LINK_CLOSE,  /* in good order, as when a process ends */
    LINK_CUT,    /* both learn it soon, what was on its way is lost */
    LINK_VANISH, /* the same, but who is left learns it late */
};

void links_reset(void);
/* The daemon's descriptor is link_fd(). */
struct link *link_new(const struct link_peer *peer);
int link_fd(const struct link *link);
struct link *link_of(int fd);

/* ---- the peer's end; the link is not to be used after link_leave() ---- */
void link_send(struct link *link, struct span bytes);           /* to a conn */
void link_send_payload(struct link *link, struct span payload); /* to a channel */
void link_set_note(struct link *link, void *note);              /* with the next payload; it is freed */
void link_leave(struct link *link, enum link_end end);

/* ---- the daemon's end ---- */
void link_attach_conn(struct link *link, struct conn *conn);
void link_attach_channel(struct link *link, struct channel *channel);
void link_watch(struct link *link);
enum result link_read(struct link *link, void *buffer, size_t room, size_t *ret_length);
enum result link_write(struct link *link, const struct iovec *parts, int part_count, size_t *ret_length);
void link_answer(struct link *link, struct span payload); /* of a channel */
void link_say_login(struct link *link);
void link_drop(struct link *link); /* the daemon closes */

/* ---- the nemesis ---- */
void links_daemon_dies(bool is_power); /* all of them, with what is on its way */
bool links_cut_one(void);              /* false: there is none */
bool links_stall_one(uint64_t for_us); /* nothing arrives for so long */
void links_heal(void);

#endif
