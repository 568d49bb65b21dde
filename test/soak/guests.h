/* Who comes to ackgate and goes again while it soaks: applications (plain, with TLS, compressed), operators,
 * clients for changes and browsers, some of them with a wrong password, some leaving without a word.
 *
 * Several threads of guests visit the ports one after the other; what has to come from the test's own thread
 * (browsers, programs) comes with guests_turn(). */
#ifndef ACKGATE_SOAK_GUESTS_H
#define ACKGATE_SOAK_GUESTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "test/lib/topology.h"

enum { GUESTS = 6 };

enum guest_kind {
    GUEST_APP,
    GUEST_APP_TLS,
    GUEST_APP_COMPRESSED,
    GUEST_ADMIN,
    GUEST_REPLICATION,
    GUEST_BROWSER,
    GUEST_KINDS
};

struct guests {
    struct topology *t;
    const char *ca;    /* who signed the app port's certificate */
    unsigned pause_ms; /* between two visits of one thread */
    atomic_ulong visits;
    atomic_ulong served[GUEST_KINDS]; /* visits that got what they came for, since guests_come() */
    atomic_bool is_over;
    pthread_t threads[GUESTS];
    pid_t binlog_client;
};

const char *guest_kind_name(enum guest_kind kind);
/* The database that they write to is made before. */
void guests_come(struct guests *guests);
void guests_turn(struct guests *guests, unsigned turn);
/* Returns when the last one has left; the binlog client stays. */
void guests_leave(struct guests *guests);

#endif
