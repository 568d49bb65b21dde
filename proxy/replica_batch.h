/*
 * One sendmsg of a replica's stream: whole events of the store's window, framed where they lie.
 *
 * One batch object serves all streams of a loop. fill builds it; after the write, commit moves the stream
 * over what has left, and makes the event that the end of the write cut through the stream's frame.
 */
#ifndef ACKGATE_PROXY_REPLICA_BATCH_H
#define ACKGATE_PROXY_REPLICA_BATCH_H

#include "proxy/replica_stream.h"

enum stream_step {
    STEP_ON,            /* look again what comes next */
    STEP_BATCH,         /* the batch is to be sent */
    STEP_TELL_LEFT_OUT, /* something was left out before the next event */
    STEP_AT_END,        /* nothing more in the store */
    STEP_WAIT,
    STEP_BLOCKED,
    STEP_OVER,
    STEP_BROKEN,
};

uint8_t *stream_batch_scratch(struct stream_batch *batch);          /* WALK_HEAD_BYTES of room */
struct frame_parts *stream_batch_parts(struct stream_batch *batch); /* emptied */

/* bytes: the window at stream->walk.at. Leaves out at once what is to be left out. */
enum stream_step stream_batch_fill(struct stream_batch *batch, struct replica_stream *stream,
                                   struct span bytes);
/* The end of the last event in the batch. */
struct position stream_batch_end(const struct stream_batch *batch, const struct walk *walk);
void stream_batch_commit(struct stream_batch *batch, struct replica_stream *stream, size_t sent_bytes);

#endif
