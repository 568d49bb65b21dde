/* What the nemesis (nemesis.h) is to do, one deed after the other, from a seed: the same seed gives the same
 * deeds, whatever becomes of them. Pure; test/unit/test_torture_schedule.c sees to it that everything comes
 * up. */
#ifndef ACKGATE_TEST_SCHEDULE_H
#define ACKGATE_TEST_SCHEDULE_H

#include <stdbool.h>

#include "test/torture/chance.h"
#include "test/torture/network.h"

enum party { PARTY_SOURCE, PARTY_GATE, PARTY_R1, PARTY_R2, PARTIES };
enum link { LINK_APP, LINK_SOURCE, LINK_R1, LINK_R2, LINKS };

enum deed_kind {
    DEED_KILL,      /* kill -9 */
    DEED_FREEZE,    /* SIGSTOP, SIGCONT */
    DEED_TERMINATE, /* SIGTERM */
    DEED_SHUTDOWN,  /* the statement */
    DEED_FILL,      /* its disk */
    PARTY_DEEDS,
    DEED_TROUBLE = PARTY_DEEDS, /* on a link */
    DEED_KILL_QUERY,
    DEED_KILL_CONNECTION,
    DEED_ROTATE, /* FLUSH BINARY LOGS */
    DEEDS
};

struct deed {
    enum deed_kind kind;
    enum party party; /* the first ones */
    enum link link;   /* DEED_TROUBLE, and what goes with it */
    enum trouble trouble;
    unsigned strength; /* 0 to 99 */
    unsigned lasts_ms; /* until it is made good */
    unsigned pause_ms; /* before the next deed; 0: that one belongs to this */
};

struct schedule {
    struct chance chance;
    bool is_gate_next;
};

struct schedule schedule_new(uint64_t seed);
struct deed schedule_next(struct schedule *schedule);

#endif
