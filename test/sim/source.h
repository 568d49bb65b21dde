/*
 * The source, modelled: an engine, a binlog that is really written to its disk, semi-sync at AFTER_SYNC, and
 * what a crash and a start make of them (README.md says which rules are taken from real servers).
 */
#ifndef ACKGATE_TEST_SIM_SOURCE_H
#define ACKGATE_TEST_SIM_SOURCE_H

#include "protocol/binlog_format.h"
#include "protocol/position.h"
#include "proxy/source_check.h"
#include "test/sim/link.h"

void source_reset(void);
void source_boot(void *unused); /* with crash recovery if it crashed */
bool source_is_up(void);
uint64_t source_life(void);  /* counts its starts */
bool source_waits(void);     /* some commit waits for an ack */
bool source_is_locked(void); /* its binlog, by commits that wait: nobody can list the files */

/* A session asks for a commit; client_on_answer() or client_on_broken() comes later. */
void source_commit(unsigned client);
/* It ends; no answer comes. */
void source_forget_client(unsigned client);

/* ---- what it does by itself, or to it ---- */
void source_die(bool is_power);
void source_shut_down(void);
void source_set_semi_sync(bool is_on);
bool source_kill_waiting(void); /* a KILL of a session that waits; false: none does */
void source_rotate(void);
void source_drop_dump(void);

/* ---- for ackgate ---- */
void source_repair_xa(const char *statements);
void source_fill_facts(struct source_facts *ret_facts, bool with_tail);
struct link *source_accept(void); /* NULL: it is down */
void source_begin_dump(struct link *link, struct position start, bool is_semi_sync);
struct position source_engine_end(void); /* the last that its engine has committed, by the binlog */
char *source_executed(void);             /* MySQL: allocated text */

/* What stands in its binlog on disk: calls fn for each whole transaction in order. */
typedef void source_txn_fn(void *argument, uint64_t uid, struct position start, struct position end);
void source_walk(source_txn_fn *fn, void *argument);

#define SOURCE_DIR "/sim/s/data"

#endif
