/* Clients that insert unique values through ackgate as fast as they can, each on a thread of its own, and
 * remember which inserts were answered with OK. They connect again whenever their connection breaks.
 *
 *     struct load *load = load_start(t->gate, 4);
 *     load_wait_oks(load, 100);
 *     gate_kill(t->gate);
 *     …
 *     load_stop(load);
 *     load_assert_kept(load, t->replica[0]);
 *
 * The table is load_test.inserted (client, n). */
#ifndef ACKGATE_TEST_LOAD_H
#define ACKGATE_TEST_LOAD_H

#include <stdint.h>

#include "test/lib/gate.h"
#include "test/lib/server.h"

struct load;

enum { LOAD_CLIENTS_MAX = 32 };

/* Makes the table through ackgate, then starts the clients. */
struct load *load_start(struct gate *gate, unsigned clients);
/* Each client rests for so long after each insert from now on; none at first. */
void load_rest(struct load *load, unsigned ms);
/* Ends all clients. Fails if one of them got an error that no crash explains, like a damaged packet. */
#define load_stop(load) load_stop_at(HERE, load)
void load_stop_at(struct place where, struct load *load);

uint64_t load_oks(struct load *load);
/* Connections that broke after they had stood. */
uint64_t load_breaks(struct load *load);
/* Attempts to connect that failed. */
uint64_t load_refusals(struct load *load);
/* Waits until so many more inserts are answered with OK than now. */
#define load_wait_oks(load, more) load_wait_oks_at(HERE, load, more)
void load_wait_oks_at(struct place where, struct load *load, uint64_t more);
/* After load_stop(): every insert that got an OK is in the server's table. */
#define load_assert_kept(load, server) load_assert_kept_at(HERE, load, server)
void load_assert_kept_at(struct place where, struct load *load, struct server *server);

#endif
