/*
 * FLUSH BINARY LOGS: asks the source to begin a new binlog file. The store's files are the source's byte for
 * byte, so a rotation can only come from there. On a helper thread, one at a time.
 */
#ifndef ACKGATE_PROXY_SOURCE_ROTATE_H
#define ACKGATE_PROXY_SOURCE_ROTATE_H

#include "proxy/config.h"
#include "proxy/loop.h"

struct source_rotate;

/* For the admin connection that asked. error: a sentence, NULL when the source has rotated. */
typedef void source_rotate_fn(void *argument, uint32_t connection_id, const char *error);

struct source_rotate *source_rotate_new(struct loop *loop, const struct config *config,
                                        source_rotate_fn *on_done, void *argument);
/* RESULT_CONFLICT: another one is under way. */
MUST_CHECK enum result source_rotate_start(struct source_rotate *rotate, uint32_t connection_id);
/* Waits for one that is under way, at most as long as the source may take to answer; nobody is told. */
void source_rotate_free(struct source_rotate **rotate);

#endif
