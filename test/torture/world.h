/* What is tortured: a source, ackgate and two replicas (or, without ackgate, the source and its semi-sync
 * replicas), each on a host of its own in a network that can do harm to every link (network.h), or else with
 * a relay on every link; and, for root, disks of their own that can get full.
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
#include "test/lib/server.h"
#include "test/torture/recorder.h"
#include "test/torture/report.h"
#include "test/torture/schedule.h"
#include "test/torture/wire.h"

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
    struct wire link[LINKS];
    struct host *clients; /* where they live; NULL: everybody lives on this one */
    const char *source_host;
    enum party_state state[PARTIES];
    bool is_full[PARTIES];
    bool has_disk[PARTIES];
    bool needs_verify; /* the source runs, but ackgate-recover verify has not got through yet */
    bool has_let_go;   /* a KILL on MariaDB may have committed what nobody has: no crash before a clean end */
    struct recorder *recorder;
    struct tally tally;
};

struct world *world_start(enum family family, bool has_gate, struct recorder *recorder);
/* Makes the replica one of ackgate's (or the source's), through its link. */
void world_attach(struct world *world, unsigned i);
/* Waits until the source is open and both replicas are attached. */
void world_wait_open(struct world *world);

/* Where somebody at the other end of the link, or on the clients' host, reaches what the link leads to. */
struct reach {
    const char *host;
    uint16_t port;
};
struct reach world_reach(const struct world *world, enum link link);
bool world_has_link(const struct world *world, enum link link);

void world_kill(struct world *world, enum party party);
void world_freeze(struct world *world, enum party party);
void world_thaw(struct world *world, enum party party);
/* SIGTERM, or the statement SHUTDOWN; world_look() sees when it has ended. */
void world_terminate(struct world *world, enum party party);
void world_shut_down(struct world *world, enum party party);
/* False if the source cannot start yet, because ackgate does not answer. */
bool world_bring_up(struct world *world, enum party party);
/* ackgate-recover verify, if it has not got through since the source's start. */
void world_verify(struct world *world);
/* What MariaDB's crash recovery has lost of XA transactions is prepared again, as a refused source asks for.
 */
void world_obey(struct world *world);
void world_trouble(struct world *world, enum link link, enum trouble trouble, unsigned strength);
void world_mend(struct world *world, enum link link);
/* Notices who has ended; fails the test if somebody ended whom nobody ended. */
void world_look(struct world *world);

/* Lets nothing more be written to the party's disk, or lets it again. A server is killed and comes back by
 * world_bring_up(), as MariaDB waits a minute otherwise. */
void world_fill(struct world *world, enum party party);
void world_empty(struct world *world, enum party party);
/* Restarts an ackgate whose store could not be written. */
void world_mind_store(struct world *world);

/* Everything up, every link whole, both replicas attached and running. */
void world_heal(struct world *world);

#endif
