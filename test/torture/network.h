/* Hosts for the torture's parties: each is a network namespace with one interface to a router, which is a
 * namespace too. What passes between two hosts are real packets, and the router can lose them, hold them up,
 * answer them with RST, in one direction or in both. Nothing of it has a name outside, so it is gone with the
 * test's processes.
 *
 * A host's trouble is with all that comes from it or goes to it; what stays in the host is never touched. */
#ifndef ACKGATE_TEST_NETWORK_H
#define ACKGATE_TEST_NETWORK_H

#include <stdbool.h>

enum trouble {
    TROUBLE_CUT,    /* the cable is out: it cannot be reached, and packets are lost without a word */
    TROUBLE_RESET,  /* connections are refused and reset */
    TROUBLE_SILENT, /* every packet is lost, which nobody is told: half-open connections */
    TROUBLE_DEAF,   /* only those to the host are lost */
    TROUBLE_MUTE,   /* only those from the host are lost */
    TROUBLE_LOSSY,  /* some are lost */
    TROUBLE_SLOW,   /* few bytes a second, and what is too much is lost */
    TROUBLE_LATE,   /* later, and out of order */
    TROUBLES
};

struct network;

struct host {
    struct network *network;
    char name[12];
    char address[16];
    int netns;
};

/* NULL if this machine does not let us: not root, no network namespaces, no ip or nft. */
struct network *network_new(void);
/* False for what the kernel has no means for: TROUBLE_LATE needs netem. */
bool network_can(const struct network *network, enum trouble trouble);
struct host *network_add_host(struct network *network, const char *name);

/* strength: 0 (hardly) to 99 (very), for those that have more and less. One trouble at a time. */
void host_trouble(struct host *host, enum trouble trouble, unsigned strength);
void host_mend(struct host *host);

#endif
