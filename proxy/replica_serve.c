/* A replica while it streams: its share of the loop's turns, its acks and its heartbeats. */
#include "proxy/replica.h"

#include "protocol/command.h"
#include "proxy/clock.h"

#include <assert.h>
#include <inttypes.h>

enum { TURN_BYTES = 1024 * 1024, REST_BYTES = 4096 };

struct position replica_sent(const struct replica *replica)
{
    return replica->state == REPLICA_STREAMING ? replica->stream.sent : replica->from;
}

static void tell_ack(struct replica *replica, struct position acked)
{
    struct fanout *fanout = replica->fanout;
    acked = replica_stream_covered(&replica->stream, acked);
    if (!replica_acks_take(&replica->acks, acked, clock_monotonic_us()) || replica->voter == FANOUT_OBSERVER)
        return;
    fanout->voters[replica->voter].needs_from = acked;
    fanout->callbacks.on_ack(fanout->callbacks.argument, replica->voter, acked);
}

static void on_run_turn(void *argument)
{
    struct replica *replica = argument;
    replica->is_scheduled = false;
    if (replica->state == REPLICA_STREAMING)
        replica_run(replica);
}

static void schedule(struct replica *replica)
{
    if (replica->is_scheduled)
        return;
    replica->is_scheduled = true;
    loop_defer(replica->fanout->loop, on_run_turn, replica);
}

void replica_run(struct replica *replica)
{
    replica->stream_state = replica_stream_run(&replica->stream, TURN_BYTES);
    const char *error = replica->stream.error_text[0] == '\0' ? NULL : replica->stream.error_text;
    switch (replica->stream_state) {
    case STREAM_WAITS_FOR_SOCKET:
        conn_watch(&replica->conn, CONN_READ | CONN_WRITE);
        break;
    case STREAM_HAS_MORE:
        conn_watch(&replica->conn, CONN_READ);
        schedule(replica);
        break;
    case STREAM_WAITS_FOR_STORE:
        conn_watch(&replica->conn, CONN_READ);
        break;
    case STREAM_OVER:
        replica_end(replica, error);
        return;
    case STREAM_BROKEN:
        replica_end(replica, "connection lost");
        return;
    }
    if (replica->is_semi_sync)
        tell_ack(replica, replica->acks.acked); /* what was left out behind it counts too */
}

/* Ends the replica when the ack cannot be. */
static void take_ack(struct replica *replica, struct position acked)
{
    uint64_t file_end;
    enum result result = store_file_end(replica->fanout->store, acked.file, &file_end);
    if (result == RESULT_GONE)
        return;
    bool is_possible = replica->is_semi_sync && result == RESULT_OK && acked.offset <= file_end &&
                       position_compare(acked, replica->stream.sent) <= 0;
    if (is_possible) {
        tell_ack(replica, acked);
        return;
    }
    log_warn(replica->label, "acked %s:%" PRIu64 ", which was never sent to it: connection ended",
             store_file_label(replica->fanout->store, acked.file), acked.offset);
    replica_end(replica, "acked what was never sent");
}

static void take_bytes(struct replica *replica, struct span bytes)
{
    bool has_ack;
    struct position acked;
    const char *base = store_base(replica->fanout->store);
    enum result result = replica_acks_read(&replica->acks, bytes, base, &has_ack, &acked);
    if (has_ack)
        take_ack(replica, acked);
    if (replica->state != REPLICA_STREAMING || result == RESULT_OK)
        return;
    if (result != RESULT_CLOSED)
        log_warn(replica->label, "sent something that is no ack: %s", result_text(result));
    replica_end(replica, result == RESULT_CLOSED ? NULL : "sent something that is no ack");
}

static void on_readable(struct replica *replica)
{
    uint8_t *buffer = replica->fanout->read_buffer;
    size_t kept = replica_acks_begin_read(&replica->acks, buffer);
    size_t length;
    enum result result = conn_read(&replica->conn, buffer + kept, FANOUT_READ_BYTES - kept, &length);
    if (result == RESULT_OK)
        take_bytes(replica, (struct span){buffer, kept + length});
    else if (result == RESULT_AGAIN)
        take_bytes(replica, (struct span){buffer, kept});
    else
        replica_end(replica, result == RESULT_CLOSED ? "closed by the replica" : "connection lost");
}

static void on_ready(void *argument, unsigned what)
{
    struct replica *replica = argument;
    if (replica->state != REPLICA_STREAMING)
        return;
    if (what & CONN_READ)
        on_readable(replica);
    if ((what & CONN_WRITE) && replica->state == REPLICA_STREAMING)
        replica_run(replica);
}

static void on_heartbeat(void *argument)
{
    struct replica *replica = argument;
    uint64_t period_ms = replica->stream.options.heartbeat_ms;
    uint64_t idle_ms = clock_monotonic_ms() - replica->stream.last_sent_ms;
    if (idle_ms >= period_ms && replica->stream_state == STREAM_WAITS_FOR_STORE) {
        replica_stream_heartbeat(&replica->stream);
        idle_ms = 0;
        schedule(replica);
    }
    timer_start(&replica->heartbeat, idle_ms < period_ms ? period_ms - idle_ms : period_ms);
}

static void start_stream(struct replica *replica)
{
    struct fanout *fanout = replica->fanout;
    struct replica_stream *stream = &replica->stream;
    bool is_mysql = store_flavor(fanout->store) == FLAVOR_MYSQL;
    stream->options = (struct replica_stream_options){
        .checksum = replica_session_checksum(&replica->session),
        .is_semi_sync = replica->is_semi_sync,
        .is_non_block = (replica->request.flags & DUMP_FLAG_NON_BLOCK) != 0,
        .is_heartbeat_v2 = is_mysql && (replica->request.flags & DUMP_FLAG_HEARTBEAT_V2) != 0,
        .heartbeat_ms = replica_session_heartbeat_ms(&replica->session),
        .clears_created = replica->request.is_by_gtid &&
                          (is_mysql ? replica->locate.has_passed : replica->skip.start.count > 0),
        .flavor = store_flavor(fanout->store),
    };
    stream->store = fanout->store;
    stream->batch = fanout->batch;
    stream->conn = &replica->conn;
    stream->skip = &replica->skip;
    stream->acks = &replica->acks;
    struct position jump = is_mysql && replica->request.is_by_gtid ? replica->locate.walk.at : POSITION_NONE;
    const struct gtid_state *file_start = NULL;
    if (is_mysql || store_file_gtids(fanout->store, replica->from.file, &file_start) != RESULT_OK)
        file_start = NULL;
    replica_stream_start(stream, replica->from, &replica->locate.walk, jump, file_start);
    replica_acks_init(&replica->acks);
    replica->acks.acked = replica->has_up_to;
    timer_init(&replica->heartbeat, fanout->loop, on_heartbeat, replica);
    if (stream->options.heartbeat_ms > 0)
        timer_start(&replica->heartbeat, stream->options.heartbeat_ms);
}

void replica_begin(struct replica *replica)
{
    uint8_t rest[REST_BYTES];
    size_t rest_length;
    struct conn_link link;
    assert(replica->state == REPLICA_ATTACHING);
    if (channel_detach(&replica->channel, rest, sizeof(rest), &rest_length, &link) != RESULT_OK) {
        replica_end(replica, "does not read what it is sent");
        return;
    }
    conn_adopt(&replica->conn, replica->fanout->loop, link, on_ready, replica);
    start_stream(replica);
    replica_set_state(replica, REPLICA_STREAMING);
    replica->stream_state = STREAM_HAS_MORE;
    conn_watch(&replica->conn, CONN_READ);
    schedule(replica);
    if (rest_length > 0)
        take_bytes(replica, (struct span){rest, rest_length});
}

void replica_stop_stream(struct replica *replica)
{
    if (replica->stream.store == NULL)
        return;
    timer_release(&replica->heartbeat);
    replica_stream_release(&replica->stream);
    replica_acks_release(&replica->acks);
    conn_close(&replica->conn);
    replica->stream.store = NULL;
}
