/* Network namespaces for hosts of their own on one machine. They have no names: one ends with the last
 * process, thread and descriptor in it, so nothing is left of them, in whatever way a test ends. Needs root.
 */
#ifndef ACKGATE_TEST_NETNS_H
#define ACKGATE_TEST_NETNS_H

/* A new one, without any interface but a loopback that is down; the caller stays where it is. -1: not allowed
 * here. */
int netns_new(void);
/* From now on the calling thread, and what it starts and opens, is in this one; 0 changes nothing. */
void netns_enter(int netns);
/* Back to where the process began. */
void netns_leave(void);

#endif
