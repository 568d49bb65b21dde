/* A TCP relay between ackgate and the source that can damage or hold what passes: for what a network with bad
 * memory does, and what a crash leaves in it. Runs on threads of its own and ends with the test's process. */
#ifndef ACKGATE_TEST_RELAY_H
#define ACKGATE_TEST_RELAY_H

#include <stdbool.h>
#include <stdint.h>

struct relay;

/* Listens on a free port of 127.0.0.1. */
struct relay *relay_start(uint16_t target_port);
uint16_t relay_port(const struct relay *relay);
/* The next time that the target sends this text, its first byte becomes another one. Once. */
void relay_corrupt_next(struct relay *relay, const char *text);
bool relay_has_corrupted(void *relay); /* a wait_condition */
/* From now on nothing that the target sends gets through; what is sent to the target does. relay_drop()
 * throws away what was held, breaks all connections, and lets new ones through. */
void relay_hold(struct relay *relay);
void relay_drop(struct relay *relay);
/* The same only for connections that come after so many; and letting through what was held. */
void relay_hold_after(struct relay *relay, unsigned connections);
void relay_release(struct relay *relay);
/* Connections taken so far. */
unsigned relay_connections(struct relay *relay);

#endif
