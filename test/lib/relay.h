/* A TCP relay between two parties that can damage, hold, delay or cut what passes: for what a network with
 * bad memory or bad links does, and what a crash leaves in it. Runs on threads of its own and ends with the
 * test's process. */
#ifndef ACKGATE_TEST_RELAY_H
#define ACKGATE_TEST_RELAY_H

#include <stdbool.h>
#include <stddef.h>
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
/* A network that breaks: no connection lives (cut), none says anything more in either direction, and their
 * ends stay unnoticed (silent), or everything that passes takes so much longer (slow). Each until it is
 * called again with false or 0. */
void relay_cut(struct relay *relay, bool is_cut);
void relay_silence(struct relay *relay, bool is_silent);
void relay_slow(struct relay *relay, unsigned delay_ms);
/* Shows all that passes, on the connections' own threads, one call at a time; to be set before the first
 * connection. */
typedef void relay_tap_fn(void *argument, unsigned connection, bool is_from_target, const void *bytes,
                          size_t size);
void relay_tap(struct relay *relay, relay_tap_fn *tap, void *argument);
/* Connections taken so far. */
unsigned relay_connections(struct relay *relay);

#endif
