/*
 * The stream of one replica: from its position in the store to its socket.
 *
 * There is no buffer per replica. The state is a position in the store, plus the small state of an event that
 * is half sent; a batch is framed in place over the store's window and goes out in one sendmsg. A replica
 * that does not read costs nothing: its stream rests until the socket takes bytes again. Nothing beyond
 * store_end() ever leaves (P4, asserted where bytes go out).
 *
 * With semi-sync the last transaction's end of a batch asks for an ack, and far behind only one in each MiB.
 */
#ifndef ACKGATE_PROXY_REPLICA_STREAM_H
#define ACKGATE_PROXY_REPLICA_STREAM_H

#include "proxy/replica_acks.h"
#include "proxy/replica_frame.h"
#include "proxy/replica_made.h"
#include "proxy/replica_session.h"
#include "proxy/replica_skip.h"

struct stream_batch;

struct replica_stream_options {
    enum session_checksum checksum;
    bool is_semi_sync;
    bool is_non_block; /* EOF at the store's end */
    bool is_heartbeat_v2;
    uint64_t heartbeat_ms; /* 0: none */
    bool clears_created;   /* the first file's, as if it began in its middle */
    enum flavor flavor;
};

enum stream_state {
    STREAM_WAITS_FOR_STORE, /* everything is sent */
    STREAM_WAITS_FOR_SOCKET,
    STREAM_HAS_MORE, /* its share of this turn is used up */
    STREAM_OVER,     /* all is sent that was asked for, or error_text says why not */
    STREAM_BROKEN,   /* the connection is lost */
};

struct replica_stream {
    struct replica_stream_options options;
    struct store *store;
    struct stream_batch *batch; /* shared */
    struct conn *conn;
    struct replica_skip *skip;
    struct replica_acks *acks;

    struct walk walk;         /* at: the first event that has not been begun */
    struct position sent;     /* the end of the last event begun */
    struct position txn_sent; /* the end of the last event of a transaction begun */
    bool needs_head;          /* ROTATE and format description of walk.at.file come next */
    struct position jump; /* MySQL: from the file's first transaction to here the replica has everything */
    struct gtid_state
        passed;   /* MariaDB, until every domain's start is reached: the binlog's state at walk.at */
    bool reaches; /* the transaction being left out is one that a domain starts behind */
    struct position left_out; /* the end of what was left out and not told yet; or POSITION_NONE */

    struct made made;
    struct made_style style;
    bool strips_checksum; /* in this file */
    bool is_ending;       /* over when made is sent */

    bool is_in_frame; /* an event is half sent: */
    struct frame frame;
    struct position frame_start;
    bool is_frame_stripped;
    uint8_t frame_header[BINLOG_HEADER_BYTES];

    uint64_t unasked_bytes; /* sent since an ack was last asked for */
    uint64_t last_sent_ms;
    char error_text[256]; /* why it is over, "" when in good order */
};

struct stream_batch *stream_batch_new(void); /* one for all streams of a loop */
void stream_batch_free(struct stream_batch **batch);

/*
 * from: where the replica's events begin. By position, located is the walk that stands there. By GTID from is
 * the start of a file, and jump (MySQL; else POSITION_NONE) is how far in it the replica has everything;
 * file_start (MariaDB; else NULL) is the binlog's state there.
 */
void replica_stream_start(struct replica_stream *stream, struct position from, const struct walk *located,
                          struct position jump, const struct gtid_state *file_start);
void replica_stream_release(struct replica_stream *stream);
/* Sends up to about quota_bytes, and says what has to happen before the next call. */
enum stream_state replica_stream_run(struct replica_stream *stream, size_t quota_bytes);
/* Adds a heartbeat if the replica waits for the store; for the heartbeat timer. */
void replica_stream_heartbeat(struct replica_stream *stream);
/* Ends it with an error packet, as far as the socket takes it. */
void replica_stream_fail(struct replica_stream *stream, const char *text);
/* Everything before this is on the replica once everything sent is: what was left out counts. */
struct position replica_stream_covered(const struct replica_stream *stream, struct position acked);

#endif
