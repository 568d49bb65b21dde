/*
 * The server that a replica believes to talk to: what the answers to its questions are made of.
 */
#ifndef ACKGATE_PROXY_REPLICA_SERVER_H
#define ACKGATE_PROXY_REPLICA_SERVER_H

#include "proxy/fanout.h"

struct replica_server {
    struct store *store;
    const struct fanout_identity *identity;
    uint64_t connection_id; /* of the one who asks */
    /* KILL: false when there is no such connection. */
    bool (*on_kill)(void *argument, uint64_t connection_id);
    void *argument;
};

/* The store's, and while that is empty the one that the source's version tells. */
enum flavor replica_server_flavor(const struct replica_server *server);
/* Whether the source writes checksums, by the format description of the newest file. */
bool replica_server_is_checksummed(const struct replica_server *server);

#endif
