/*
 * What is true, whoever believes what: every transaction that the source ever wrote, who has it, who said so,
 * what became of it. The models report to it, and it breaks off the run when a promise (P1–P7) is broken.
 */
#ifndef ACKGATE_TEST_SIM_TRUTH_H
#define ACKGATE_TEST_SIM_TRUTH_H

#include "protocol/position.h"
#include "test/sim/events.h"

enum { TRUTH_TXNS_MAX = 2048, TRUTH_BYTES_MAX = 512 };

enum truth_engine { ENGINE_NONE, ENGINE_PREPARED, ENGINE_COMMITTED, ENGINE_ROLLED_BACK };

struct truth_txn {
    struct gtid gtid;
    struct position start, end;
    bool is_synced;           /* in the source's binlog */
    bool is_undone;           /* a cut undoes it */
    enum truth_engine engine; /* of the source */
    enum events_kind kind;
    uint64_t prepared;          /* XA: the uid of its XA PREPARE, */
    enum truth_engine xa_state; /* and of an XA PREPARE, what the engine has of what was prepared */
    bool is_let_go;             /* the source itself stopped waiting for it, or could not wait */
    uint64_t life;              /* of the source, that wrote it */
    uint32_t has;               /* replicas that ever had all of it */
    uint32_t acked;             /* voters whose ack for it counts */
    bool was_satisfied;         /* the rule held for it once */
    bool is_ok_given;           /* a client has the OK */
    bool is_cut;                /* out of the source's binlog */
    uint8_t bytes[TRUTH_BYTES_MAX];
    size_t length;
};

void truth_reset(void);
uint64_t truth_add(void); /* a new transaction's number, from 1 */
struct truth_txn *truth_of(uint64_t uid);
uint64_t truth_count(void);

/* A replica has the whole of a transaction that came at this place; age: world_disk_age() of its connection.
 */
void truth_on_received(unsigned replica, uint64_t age, uint64_t uid, struct position end, struct span bytes);
void truth_on_acked(unsigned voter, uint64_t uid);
/* The daemon hears that the replica has only these from now on, by uid. */
void truth_on_attached(unsigned voter, const bool *has);
void truth_on_engine_commit(uint64_t uid); /* because it was acked, or let go */
/* What it does to a user's XA transaction, if it is about one. */
void truth_apply_xa(const struct truth_txn *txn);
/* What the binlog says of one that an XA PREPARE began, as far as the engine was told. */
enum truth_engine truth_xa_history(uint64_t prepared);
void truth_on_ok(uint64_t uid);  /* goes to the client */
void truth_on_cut(uint64_t uid); /* is not in the source's binlog any more */
void truth_on_admitted(void);    /* applications are let in */
void truth_check_step(void);     /* after every step */
void truth_check_end(void);      /* when all has come together */

#endif
