/* A topology, its three ports, and somebody who has nothing to do with what a test does to them: for tests of
 * bad peers. The bystander has a transaction open from the beginning to the end. */
#ifndef ACKGATE_TEST_SCENE_H
#define ACKGATE_TEST_SCENE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "test/lib/raw_client.h"
#include "test/lib/topology.h"

struct sql;

enum { SCENE_APP, SCENE_REPLICATION, SCENE_ADMIN, SCENE_PORTS };

struct scene_port {
    const char *name;
    uint16_t number;
    const char *user;
    const char *password;
    const char *query; /* that is answered with one result set */
};

struct scene {
    struct topology *t; /* ANY 1 (r1) */
    struct sql *bystander;
    struct scene_port ports[SCENE_PORTS];
    pid_t pid; /* of ackgate */
};

/* One in a process. */
struct scene *scene_start(enum family family);
/* Fails unless ackgate runs and the bystander's session works. */
void scene_check_unharmed(struct scene *scene, const char *after);
/* Logs in to a port with what its accounts need. */
void scene_log_in(const struct scene_port *port, struct raw_client *client);
/* All ports work, the bystander commits, source and replica end equal, ackgate stops in good order. */
void scene_end(struct scene *scene);

#endif
