/*
 * The gate: which transactions are confirmed, for the threads that hold clients' OKs back.
 *
 * The replication loop adds a batch of transactions once they are confirmed; app loops ask about the GTIDs
 * that an OK names, and are called when there is more. A mutex guards the set for the length of a look-up; no
 * I/O happens under it. Nothing is ever taken out of the gate: a confirm is for ever.
 */
#ifndef ACKGATE_PROXY_GATE_H
#define ACKGATE_PROXY_GATE_H

#include "protocol/gtid_state.h"
#include "proxy/loop.h"

struct gate;

struct gate *gate_new(void);
void gate_free(struct gate **gate);

/* Replaces everything: at start, with all GTIDs up to the confirmed position. Also fixes the flavour. */
void gate_reset(struct gate *gate, const struct gtid_state *confirmed);
/* Adds transactions of one flavour; gate_wake() then calls those who wait. Only from the replication loop. */
void gate_add(struct gate *gate, const struct gtid *gtid);
void gate_add_all(struct gate *gate, const struct gtid *gtids, size_t count); /* one lock for a batch */
void gate_wake(struct gate *gate);

/*
 * Whether all transactions that `gtids` names are confirmed: the text of an OK's tracker. Text that cannot be
 * parsed is never confirmed. From any thread.
 */
bool gate_is_open(struct gate *gate, struct span gtids);

/*
 * Registers an app loop: fn(argument) runs on it after a gate_wake(), but only while its `waiting` count is
 * not 0. To wait: gate_waiting(watcher, +1), then ask gate_is_open() once more, then wait for fn;
 * gate_waiting(watcher, -1) after.
 */
struct gate_watcher;
struct gate_watcher *gate_watch(struct gate *gate, struct loop *loop, loop_fn *fn, void *argument);
void gate_waiting(struct gate_watcher *watcher, int change);

/* A copy for the admin port. */
void gate_copy_confirmed(struct gate *gate, struct gtid_state *ret_state);

#endif
