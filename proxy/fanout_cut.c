/* What consumers were sent, for the verdict; and what becomes of them when the store is cut. */
#include "proxy/replica.h"

static struct position reached(const struct replica *replica)
{
    struct position position = replica_sent(replica);
    position = position_max(position, replica->has_up_to);
    return replica->state == REPLICA_STREAMING ? position_max(position, replica->acks.acked) : position;
}

struct position fanout_exposed(const struct fanout *fanout, size_t *ret_attached)
{
    struct position exposed = POSITION_NONE;
    size_t attached = 0;
    for (size_t i = 0; i < fanout->count; i++) {
        if (!fanout->replicas[i]->is_attached)
            continue;
        exposed = position_max(exposed, reached(fanout->replicas[i]));
        attached++;
    }
    *ret_attached = attached;
    return exposed;
}

/* Whether its stream cannot simply go on once the store has been cut. */
static bool is_behind_cut(const struct replica *replica, struct position cut)
{
    if (replica->state == REPLICA_LOCATING)
        return true; /* it may be reading there: it comes again */
    if (!replica->is_attached)
        return false;
    struct position at = reached(replica);
    at = position_max(at, replica->state == REPLICA_STREAMING ? replica->stream.walk.at
                                                              : replica->locate.walk.at);
    return position_compare(at, cut) > 0;
}

void fanout_cut(struct fanout *fanout, struct position cut)
{
    for (size_t i = fanout->count; i > 0; i--) {
        if (i > fanout->count)
            continue; /* an earlier one has ended, and others with it */
        struct replica *replica = fanout->replicas[i - 1];
        if (!is_behind_cut(replica, cut))
            continue;
        log_warn(replica->label, "stands behind the place where the store is cut: connection ended");
        replica_end(replica, "the store was cut before its place");
    }
    for (size_t i = 0; i < fanout->config->voter_count; i++)
        fanout->voters[i].needs_from = position_min(fanout->voters[i].needs_from, cut);
}
