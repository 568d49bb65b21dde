/* What is tortured: a source, ackgate and two replicas (or, without ackgate, the source and its semi-sync
 * replicas), a relay on every link between them and to the applications, and, for root, disks of their own
 * that can get full.
 *
 *     applications ── APP ──► ackgate ── SOURCE ──► source          applications ── APP ──► source
 *     r1 ── R1 ──► ackgate    r2 ── R2 ──► ackgate                   r1 ── R1 ──► source   r2 ── R2 ──►
 * source
 *
 * Whatever is done to a party is done here, so that its state is known. A source that was killed starts again
 * as in real life: ackgate-recover apply, the server, ackgate-recover verify. */
#ifndef ACKGATE_TEST_WORLD_H
#define ACKGATE_TEST_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "test/lib/gate.h"
#include "test/lib/relay.h"
#include "test/lib/server.h"
#include "test/torture/recorder.h"

enum party { PARTY_SOURCE, PARTY_GATE, PARTY_R1, PARTY_R2, PARTIES };
enum link { LINK_APP, LINK_SOURCE, LINK_R1, LINK_R2, LINKS };
enum { WORLD_REPLICAS = 2 };

enum party_state {
    PARTY_UP,
    PARTY_FROZEN,
    PARTY_DOWN,
    PARTY_GOING, /* told to end, still there */
};

struct world {
    enum family family;
    bool has_gate;
    struct server *source;
    struct server *replica[WORLD_REPLICAS];
    struct gate *gate;
    struct relay *link[LINKS];
    enum party_state state[PARTIES];
    bool is_full[PARTIES];
    bool has_disk[PARTIES];
    bool needs_verify; /* the source runs, but ackgate-recover verify has not got through yet */
    bool has_let_go;   /* a KILL on MariaDB may have committed what nobody has: no crash before a clean end */
    struct recorder *recorder;
    unsigned kills, stops, freezes, cuts, fills, recovers_refused, helped;
};

struct world *world_start(enum family family, bool has_gate, struct recorder *recorder);
/* Makes the replica one of ackgate's (or the source's), through its link. */
void world_attach(struct world *world, unsigned i);
/* Waits until the source is open and both replicas are attached. */
void world_wait_open(struct world *world);

const char *party_name(enum party party);
const char *link_name(enum link link);

void world_kill(struct world *world, enum party party);
void world_freeze(struct world *world, enum party party);
void world_thaw(struct world *world, enum party party);
/* SIGTERM; world_look() sees when it has ended, and kills a replica that takes too long. */
void world_terminate(struct world *world, enum party party);
/* False if the source cannot start yet, because ackgate does not answer. */
bool world_bring_up(struct world *world, enum party party);
/* Notices who has ended; fails the test if somebody ended whom nobody ended. */
void world_look(struct world *world);

/* Lets nothing more be written to the party's disk, or lets it again. A server is killed and comes back by
 * world_bring_up(), as MariaDB waits a minute otherwise. */
void world_fill(struct world *world, enum party party);
void world_empty(struct world *world, enum party party);

/* Everything up, every link whole, both replicas attached and running. */
void world_heal(struct world *world);

#endif
