/* A source with its replicas and with what makes sure of its commits: semi-sync of its own, nothing at all,
 * ackgate, or a group. Database `bench` is there (sysbench.h), and a first load has run.
 *
 * Two replicas ack, or do not have to. They are parked (their appliers stopped: they receive and ack, and
 * leave the machine to what is measured) unless the site is made with appliers. */
#ifndef ACKGATE_TEST_BENCH_SITE_H
#define ACKGATE_TEST_BENCH_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/bench/front.h"
#include "test/lib/gate.h"
#include "test/lib/server.h"

enum { SITE_REPLICAS = 2 };

enum site_kind {
    SITE_ASYNC,      /* replicas without semi-sync */
    SITE_NATIVE,     /* the source's semi-sync, AFTER_SYNC */
    SITE_DURABLE,    /* the same, of replicas that sync what they ack (sync_relay_log = 1) */
    SITE_RELAY,      /* as SITE_NATIVE, with the do-nothing relay before clients and before replicas */
    SITE_ACKGATE,    /* store.sync = group, what it is by itself */
    SITE_ACKGATE_OS, /* store.sync = os */
    SITE_GROUP,      /* Group Replication of three members, single primary; MySQL only */
};

struct site {
    enum site_kind kind;
    bool is_applying;
    uint16_t port; /* for clients */
    struct server *source;
    struct server *replica[SITE_REPLICAS];
    struct gate *gate;     /* NULL: none */
    struct front front[2]; /* the relays: clients', replicas' */
};

/* So many acks are needed. */
struct site *site_start(enum site_kind kind, unsigned acks, bool is_applying);
/* Ends all of its processes. */
void site_stop(struct site *site);
/* What stands between clients, source and replicas has used so far; NAN where nothing does. */
double site_between_cpu_s(const struct site *site);
/* Where replicas apply, until they have: so that none still works while another site is measured. */
void site_wait_idle(struct site *site);

#endif
