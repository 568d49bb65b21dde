/* What the fan-out's own files share: the fan-out itself, and what it remembers of each voter. */
#ifndef ACKGATE_PROXY_FANOUT_PARTS_H
#define ACKGATE_PROXY_FANOUT_PARTS_H

#include "proxy/fanout.h"
#include "proxy/listener.h"
#include "proxy/replica_server.h"

enum { FANOUT_CONNECTIONS_MAX = 1024, FANOUT_READ_BYTES = 64 * 1024 };

struct replica;
struct stream_batch;

/* Also while the voter is detached. */
struct fanout_voter {
    struct replica *replica;    /* dumping now, or NULL */
    struct view_replica last;   /* as it was when it left */
    struct position needs_from; /* what it acked last in this run; POSITION_NONE: never seen */
    bool is_refused;            /* its last attempt */
};

struct fanout {
    struct loop *loop;
    const struct config *config;
    struct tls_context *tls;
    struct store *store;
    struct fanout_callbacks callbacks;
    struct fanout_identity identity; /* points to the texts that follow */
    char server_uuid[37];
    char source_version[VIEW_NAME];
    const struct config_account *accounts[1];
    struct listener *listeners[CONFIG_LISTEN_MAX];
    struct replica **replicas; /* every connection; the order means nothing */
    size_t count;
    uint64_t last_id;
    struct fanout_voter voters[CONFIG_VOTERS_MAX];
    struct stream_batch *batch;
    uint8_t *read_buffer; /* FANOUT_READ_BYTES */
    bool is_complete;     /* fanout_set_complete() */
};

void fanout_remove(struct fanout *fanout, struct replica *replica);
struct replica *fanout_find(struct fanout *fanout, uint64_t connection_id);
/* The version to show: the source's, or what the store's newest file says; "" when nothing is known. */
const char *fanout_version(struct fanout *fanout);
/* Who this is: the voter's index or FANOUT_OBSERVER, by uuid first. */
uint32_t fanout_identify(const struct fanout *fanout, const char *uuid, uint32_t server_id);
/* Ends older dumps of the same replica. */
void fanout_replace_older(struct fanout *fanout, const struct replica *newer);
/* Bytes of the store between two positions. */
uint64_t fanout_distance_bytes(const struct fanout *fanout, struct position from, struct position to);
/* fanout_view.c */
void fanout_view_of(struct fanout *fanout, const struct replica *replica, struct view_replica *ret_view);

#endif
