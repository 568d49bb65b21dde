/* The clients of the torture: they append unique values and read lists, on threads of their own, and take
 * everything down. Each connects again whenever its connection breaks.
 *
 * A list is a row of torture.l0 … l2 (k INT PRIMARY KEY, v TEXT): its key and its values. The set (key 0) is
 * the tables torture.n_<value>. */
#ifndef ACKGATE_TEST_CLIENTS_H
#define ACKGATE_TEST_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/torture/recorder.h"

struct sql;
struct clients;

enum { LIST_TABLES = 3 };

/* Whom a client talks to, and the network namespace that it lives in (netns.h). */
struct client_target {
    const char *host;
    uint16_t port;
    int netns;
};

struct clients_options {
    struct recorder *recorder;
    uint64_t seed;
    struct client_target app; /* where applications go */
    struct client_target replica[SITES_MAX - 1];
    size_t replicas;
};

/* The database and its tables, on a connection to where applications go. */
void clients_make_tables(struct sql *app);
struct clients *clients_start(const struct clients_options *options);
/* OKs so far. */
uint64_t clients_oks(struct clients *clients);
/* Ends all; fails the test if one of them got an error that nothing explains. */
void clients_stop(struct clients *clients);
/* How often each error came, as text, and how many appends got it. Lives as long as the process. */
const char *clients_errors(struct clients *clients);

/* All that a server holds, taken down as the end of this number. */
void clients_record_end(struct recorder *recorder, struct sql *conn, unsigned site, uint32_t number);

#endif
