/*
 * The replication port: accepts replicas and binlog clients, and sends them the store.
 *
 * on the replication loop throughout. What a replica says (attached, acked, gone) goes to the callbacks,
 * which feed the core. `voter` is the index into config->voters, or FANOUT_OBSERVER for every other consumer.
 */
#ifndef ACKGATE_PROXY_FANOUT_H
#define ACKGATE_PROXY_FANOUT_H

#include "proxy/config.h"
#include "proxy/store.h"
#include "proxy/tls_context.h"
#include "proxy/view.h"

enum { FANOUT_OBSERVER = UINT32_MAX };

struct fanout;

/* What a consumer is told about the server that ackgate stands for. Borrowed until the next
 * fanout_set_identity(). */
struct fanout_identity {
    uint32_t server_id;         /* ackgate's own */
    const char *server_uuid;    /* ackgate's own */
    const char *source_version; /* e.g. "9.7.4" or "10.11.19-MariaDB-log"; "" while nothing is known */
};

struct fanout_callbacks {
    /*
     * A replica is about to be served from a position. Before its first byte goes out the attachment must be
     * in the journal: the callee calls fanout_begin(fanout, connection_id) when that is so (at once or
     * later). has_up_to: everything before this position is on the replica already (its GTIDs or its starting
     * position say so).
     */
    void (*on_attaching)(void *argument, uint64_t connection_id, uint32_t voter, bool is_semi_sync,
                         struct position from, struct position has_up_to);
    void (*on_ack)(void *argument, uint32_t voter, struct position acked);
    void (*on_detached)(void *argument, uint64_t connection_id, uint32_t voter, struct position sent);
    void *argument;
};

/* tls: of the port; outlives the fan-out, as the others do. */
MUST_CHECK enum result fanout_start(struct loop *loop, const struct config *config, struct tls_context *tls,
                                    struct store *store, const struct fanout_identity *identity,
                                    const struct fanout_callbacks *callbacks, struct fanout **ret_fanout);
void fanout_set_identity(struct fanout *fanout, const struct fanout_identity *identity);
void fanout_begin(struct fanout *fanout, uint64_t connection_id);
/*
 * The store has everything that the source had when it was asked. Until then a replica that asks for what the
 * store does not have may be right, and is told so with an error after which it tries again (1105); from then
 * on with 1236, which stops its receiver.
 */
void fanout_set_complete(struct fanout *fanout);
/* The store has grown: sends to everybody who is waiting for more. One call for each batch. */
void fanout_on_stored(struct fanout *fanout);
/* The furthest that any connection of now was sent, or has by what it said of itself, and how many are
 * attached. */
struct position fanout_exposed(const struct fanout *fanout, size_t *ret_attached);
/* The store is about to be cut: ends whoever was sent something behind the cut (half a transaction at most,
 * unless an operator decided otherwise). */
void fanout_cut(struct fanout *fanout, struct position cut);
/* The config's voters have changed: who is another one now has to come again. */
void fanout_on_voters(struct fanout *fanout);
bool fanout_kill(struct fanout *fanout, uint64_t connection_id);
void fanout_stop(struct fanout **fanout);

/* Voters first, in config order (also detached ones), then observers. Returns how many, at most max. */
size_t fanout_replicas(struct fanout *fanout, struct view_replica *ret_replicas, size_t max);
/* The oldest position that an attached or known voter may still need; observers do not count. */
struct position fanout_oldest_needed(struct fanout *fanout);

#endif
