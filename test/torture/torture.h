/* One whole torture: clients, nemesis, healing, a last act in which the source is lost, and the checker's
 * word.
 *
 * The last act: the replicas are cut off while clients write; the source is killed and starts again; readers
 * look; it is shut down, and is gone for good. What the replicas then have must hold all that was answered or
 * seen. With ackgate the source then comes back and all must be equal again. */
#ifndef ACKGATE_TEST_TORTURE_H
#define ACKGATE_TEST_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "test/lib/server.h"
#include "test/torture/checker.h"

struct torture_options {
    enum family family;
    bool without_ackgate; /* semi-sync replicas straight at the source */
    unsigned seconds;     /* of the nemesis; 0: the last act only */
    uint64_t seed;
    const char *history; /* where the history goes; NULL: into a directory that is removed */
};

/* Prints what was done and found. Fails the test if a party does what it must not, or does not heal. */
void torture_run(const struct torture_options *options, struct findings *ret_findings);

#endif
