/*
 * Which transactions a replica gets: what it has by GTID is left out, what lies beyond its UNTIL too.
 *
 * MySQL: every transaction in its set is left out. MariaDB: in each domain of @slave_connect_state everything
 * up to and including the GTID named there; with @slave_until_gtid what comes after that one, and every
 * domain not named. The decision about a transaction is made at its GTID event; the events that follow share
 * it. A verdict changes nothing; replica_skip_sent() and _left_out() do.
 */
#ifndef ACKGATE_PROXY_REPLICA_SKIP_H
#define ACKGATE_PROXY_REPLICA_SKIP_H

#include "proxy/replica_walk.h"

enum skip_verdict {
    SKIP_SEND,
    SKIP_LEAVE_OUT,
    SKIP_REFUSE, /* MariaDB: the position asked for turns out not to exist */
};

struct skip_entry {
    struct gtid_mariadb gtid;
    bool is_unknown; /* nothing was known of its domain when the replica came */
};

struct skip_entries {
    struct skip_entry *items;
    size_t count;
};

struct replica_skip {
    enum flavor flavor;        /* FLAVOR_UNKNOWN: a dump by position, nothing is left out by GTID */
    struct gtid_set have;      /* MySQL */
    struct skip_entries start; /* MariaDB: per domain, not reached yet */
    struct skip_entries until; /* MariaDB: per domain, not reached yet */
    bool has_until;
    bool is_strict;              /* MariaDB: a hole at the position asked for is an error */
    bool leaves_annotations_out; /* MariaDB: the client did not ask for ANNOTATE_ROWS */
    bool leaves_out;             /* inside a transaction that is left out */
};

void replica_skip_release(struct replica_skip *skip);

void replica_skip_set_mysql(struct replica_skip *skip, struct gtid_set *have); /* have is moved */
void replica_skip_set_mariadb(struct replica_skip *skip, const struct gtid_list *start);
/* After the start has been found: what UNTIL leaves out is not on the replica. start: as above. */
void replica_skip_set_until(struct replica_skip *skip, const struct gtid_list *until,
                            const struct gtid_list *start);
/* MariaDB: the walk begins in a file with this state before it, in a store that has `known`. Positions that
 * the file begins with count as reached. */
void replica_skip_begin_file(struct replica_skip *skip, const struct gtid_list *file_start,
                             const struct gtid_list *known);

enum skip_verdict replica_skip_verdict(const struct replica_skip *skip, const struct walk *walk,
                                       const struct walk_event *event);
/* The event was sent, or left out; step is walk_take()'s for it. */
void replica_skip_sent(struct replica_skip *skip, const struct walk *walk, const struct walk_event *event);
void replica_skip_left_out(struct replica_skip *skip, const struct walk *walk, const struct walk_event *event,
                           enum txn_step step);
/* A transaction that is sent may still change what happens to the next one. */
bool replica_skip_may_change(const struct replica_skip *skip);
/* Everything that UNTIL asks for has been begun; with no transaction open it is over. */
bool replica_skip_is_until_over(const struct replica_skip *skip);

#endif
