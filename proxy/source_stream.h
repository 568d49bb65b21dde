/*
 * The source's binlog stream: dump packets in, verified events into the store, semi-sync acks out.
 *
 * Starts on a connection that has sent COM_BINLOG_DUMP. Every event's checksum is checked before the event
 * counts as stored. What comes again after a reconnection is compared with the store and not stored twice.
 * Events larger than the read buffer pass through in pieces, so memory is bounded. Manual: "COM_BINLOG_DUMP",
 * "Binlog Event".
 */
#ifndef ACKGATE_PROXY_SOURCE_STREAM_H
#define ACKGATE_PROXY_SOURCE_STREAM_H

#include "proxy/conn.h"
#include "proxy/store.h"

struct source_stream;

struct source_stream_options {
    struct loop *loop;
    struct store *store;
    enum flavor flavor;
    bool is_semi_sync;
    struct position start;   /* as asked for in the dump command */
    uint64_t silence_max_ms; /* no packet for so long: the connection counts as dead */
};

struct source_stream_callbacks {
    void (*on_batch)(void *argument); /* everything of one read is in the store's files */
    /*
     * The stream is over. RESULT_DIVERGED: the source sends another history; everything else may be tried
     * again. The callee frees the stream.
     */
    void (*on_lost)(void *argument, enum result result, const char *message);
    void *argument;
};

/* Takes over the connection; `rest` are bytes that were read from it already. */
struct source_stream *source_stream_start(struct conn_link link, struct span rest,
                                          const struct source_stream_options *options,
                                          const struct source_stream_callbacks *callbacks);
void source_stream_free(
    struct source_stream **stream); /* no COM_QUIT: the source's semi-sync trips over it */

/* Acks everything up to the offset of the file, in one write (with TLS: one record); a no-op without
 * semi-sync. */
void source_stream_ack(struct source_stream *stream, const char *file, uint64_t offset);

#endif
