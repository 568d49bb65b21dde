/*
 * An event loop, one for each thread that has one: a libevent base, a queue that other threads may post to,
 * and a list of what is to be done when the current turn is over (freeing a connection inside its own
 * callback is not safe; one turn later it is).
 */
#ifndef ACKGATE_PROXY_LOOP_H
#define ACKGATE_PROXY_LOOP_H

#include <stdint.h>

struct event_base;
struct loop;

typedef void loop_fn(void *argument);

struct loop *loop_new(void);
void loop_free(struct loop **loop); /* runs what is still deferred */

void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop); /* from any thread */

/* Runs fn(argument) on the loop's thread soon, in the order of posting. From any thread; wakes the loop. */
void loop_post(struct loop *loop, loop_fn *fn, void *argument);
/* Runs fn(argument) when the current turn's callbacks are done. Only from the loop's own thread. */
void loop_defer(struct loop *loop, loop_fn *fn, void *argument);

struct event_base *loop_base(struct loop *loop); /* for conn, timer, listener and signals only */

#endif
