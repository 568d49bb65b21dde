/* A source, ackgate, and n replicas r1 … rn of the same family that replicate from ackgate: all started at
 * once, all attached, the source open.
 *
 *     struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
 *     struct sql *app = gate_app(t->gate);
 *
 * The rule's names r1 … rn are the replicas in order. Nothing has to be stopped: the test's end does it. */
#ifndef ACKGATE_TEST_TOPOLOGY_H
#define ACKGATE_TEST_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "test/lib/gate.h"
#include "test/lib/replication.h"
#include "test/lib/server.h"

enum { TOPOLOGY_REPLICAS_MAX = 5 };

struct topology {
    enum family family;
    struct server *source;
    struct server *replica[TOPOLOGY_REPLICAS_MAX];
    size_t replica_count;
    struct gate *gate;
};

struct topology_options {
    enum family family;
    const char *rule;
    size_t replicas;
    enum replica_mode mode;
    const char *const *source_options;  /* NULL-terminated, may be NULL */
    const char *const *replica_options; /* the same for every replica */
    const char *const *gate_lines;      /* pairs of section and line, NULL-terminated */
    const char *certificates; /* a directory with the usual ones (certificate.h): the source shows "server" */
    const char *app_tls;      /* tls of the app port, which shows the same; NULL: off */
    bool detached;            /* replicas run but know no source yet; ackgate is started, not yet open */
    bool no_gate_start;       /* ackgate is configured only; implies detached */
};

#define topology_start(family, rule, n)                                                                      \
    topology_start_at(HERE, &(struct topology_options){family, rule, n, REPLICA_GTID, NULL, NULL, NULL,      \
                                                       NULL, NULL, false, false})
#define topology_start_with(...) topology_start_at(HERE, __VA_ARGS__)
struct topology *topology_start_at(struct place where, const struct topology_options *options);

/* Attaches replica i (from 0) to ackgate; topology_start() has done it unless `detached`. */
void topology_attach(struct topology *topology, size_t i, enum replica_mode mode);
/* Waits until the source is open and all replicas are attached. */
#define topology_wait_open(topology) topology_wait_open_at(HERE, topology)
void topology_wait_open_at(struct place where, struct topology *topology);
/* Waits until all replicas have what the source has, and asserts that all hold the same (assert_same_data).
 */
#define topology_assert_same_data(topology) topology_assert_same_data_at(HERE, topology)
void topology_assert_same_data_at(struct place where, struct topology *topology);
/* Ends all of it: ackgate and the servers are killed. */
void topology_stop(struct topology *topology);

#endif
