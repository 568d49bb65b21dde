/*
 * For the tests of the source's stream: a scripted source on the other end of a socket pair. What it says is
 * first put together as bytes of the wire, so that a test can cut and damage them, and then said in pieces.
 */
#ifndef ACKGATE_TEST_SOURCE_FIXTURE_H
#define ACKGATE_TEST_SOURCE_FIXTURE_H

#include "protocol/binlog_heartbeat.h"
#include "protocol/packet.h"
#include "protocol/semisync.h"
#include "proxy/source_stream.h"
#include "store_fixture.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

/* ---- what the source says ---- */

struct wire {
    uint8_t *bytes;
    size_t length;
    size_t room;
    uint8_t sequence; /* of the next packet */
    bool is_semi_sync;
};

static inline struct wire wire_new(bool is_semi_sync)
{
    return (struct wire){.sequence = 1, .is_semi_sync = is_semi_sync};
}

static inline void wire_free(struct wire *wire)
{
    free(wire->bytes);
    wire->bytes = NULL;
}

/* A packet with this payload. */
static inline void wire_packet(struct wire *wire, struct span payload)
{
    struct writer writer;
    size_t more = packet_encoded_bytes(payload.length);
    if (wire->length + more > wire->room) {
        wire->room = (wire->length + more) * 2;
        wire->bytes = xrealloc(wire->bytes, wire->room);
    }
    writer_init(&writer, wire->bytes + wire->length, more);
    packet_encode(&writer, payload, &wire->sequence);
    ck_assert(!writer_failed(&writer));
    wire->length += writer.length;
}

static inline void wire_event(struct wire *wire, struct span event, bool ack_wanted)
{
    uint8_t *payload = xmalloc(3 + event.length);
    struct writer writer;
    writer_init(&writer, payload, 3 + event.length);
    writer_u8(&writer, 0);
    if (wire->is_semi_sync)
        semisync_prefix_encode(&writer, ack_wanted);
    writer_span(&writer, event);
    wire_packet(wire, writer_span_written(&writer));
    if (wire->is_semi_sync && ack_wanted)
        wire->sequence = 1;
    free(payload);
}

static inline void wire_rotate(struct wire *wire, const char *name, uint64_t position, bool checksummed)
{
    uint8_t event[BINLOG_ROTATE_EVENT_MAX];
    struct writer writer;
    writer_init(&writer, event, sizeof(event));
    binlog_rotate_encode_artificial(&writer, 1, span_of_text(name), position, checksummed);
    wire_event(wire, writer_span_written(&writer), false);
}

static inline struct span event_at(const struct source_file *file, size_t at)
{
    struct binlog_event_header header;
    struct span left = {file->bytes + at, file->length - at};
    ck_assert_int_eq(binlog_event_header_decode(left, &header), RESULT_OK);
    ck_assert_uint_le(header.length, left.length);
    return (struct span){left.data, header.length};
}

/* The format description as a dump sends it that starts in the middle of the file. */
static inline void wire_format(struct wire *wire, const struct source_file *file)
{
    struct span format = event_at(file, BINLOG_START);
    uint8_t copy[BINLOG_FORMAT_EVENT_MAX];
    memcpy(copy, format.data, format.length);
    binlog_format_prepare(copy, format.length, true, true);
    wire_event(wire, (struct span){copy, format.length}, false);
}

/* How a dump begins at an offset of the file: the artificial ROTATE, the format if it is in the middle. */
static inline void wire_begin(struct wire *wire, const struct source_file *file, size_t from)
{
    wire_rotate(wire, file->name, from, file->is_checksummed);
    if (from > BINLOG_START)
        wire_format(wire, file);
}

/* The file's events in [from, to); every ack_every-th wants an ack (0: none does). */
static inline void wire_events(struct wire *wire, const struct source_file *file, size_t from, size_t to,
                               unsigned ack_every)
{
    unsigned count = 0;
    while (from < to) {
        struct span event = event_at(file, from);
        wire_event(wire, event, ack_every != 0 && ++count % ack_every == 0);
        from += event.length;
    }
}

/* A whole dump of the file from an offset. */
static inline void wire_dump(struct wire *wire, const struct source_file *file, size_t from)
{
    wire_begin(wire, file, from);
    wire_events(wire, file, from, file->length, 3);
}

/* ---- the stream that hears it ---- */

struct scripted {
    struct fixture store; /* .store.store is the store */
    struct source_stream *stream;
    int peer;
    int fd; /* the stream's end, to look how much it has not read yet */
    bool is_semi_sync;
    enum flavor flavor;
    uint64_t silence_max_ms;
    bool frees_in_batch;
    unsigned batches;
    unsigned losses;
    enum result lost;
    char message[512];
};

static inline void scripted_on_batch(void *argument)
{
    struct scripted *scripted = argument;
    scripted->batches++;
    if (scripted->frees_in_batch)
        source_stream_free(&scripted->stream);
}

static inline void scripted_on_lost(void *argument, enum result result, const char *message)
{
    struct scripted *scripted = argument;
    scripted->losses++;
    scripted->lost = result;
    ck_assert_int_ne(result, RESULT_OK);
    ck_assert_str_ne(message, "");
    snprintf(scripted->message, sizeof(scripted->message), "%s", message);
    source_stream_free(&scripted->stream);
}

/* An empty store that is not synced. */
static inline void scripted_init(struct scripted *scripted, bool is_semi_sync, enum flavor flavor)
{
    *scripted = (struct scripted){
        .is_semi_sync = is_semi_sync, .flavor = flavor, .silence_max_ms = 60000, .peer = -1, .fd = -1};
    fixture_init(&scripted->store);
    scripted->store.is_unsynced = true;
    ck_assert_int_eq(fixture_open(&scripted->store), RESULT_OK);
}

/* The same in memory where there is such a directory, for tests of many small stores. */
static inline void scripted_init_small(struct scripted *scripted, bool is_semi_sync, enum flavor flavor)
{
    char dir[] = "/dev/shm/ackgate-store-XXXXXX";
    scripted_init(scripted, is_semi_sync, flavor);
    if (mkdtemp(dir) == NULL)
        return;
    store_close(&scripted->store.store);
    remove_all(scripted->store.dir);
    strcpy(scripted->store.dir, dir);
    ck_assert_int_eq(fixture_open(&scripted->store), RESULT_OK);
}

static inline void scripted_connect_as(struct scripted *scripted, int type, struct position start,
                                       struct span rest)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
    scripted->peer = fds[1];
    scripted->fd = fds[0];
    fcntl(scripted->peer, F_SETFL, O_NONBLOCK);
    scripted->losses = 0;
    scripted->batches = 0;
    struct source_stream_options options = {.loop = scripted->store.loop,
                                            .store = scripted->store.store,
                                            .flavor = scripted->flavor,
                                            .is_semi_sync = scripted->is_semi_sync,
                                            .start = start,
                                            .silence_max_ms = scripted->silence_max_ms};
    struct source_stream_callbacks callbacks = {scripted_on_batch, scripted_on_lost, scripted};
    scripted->stream = source_stream_start((struct conn_link){.fd = fds[0]}, rest, &options, &callbacks);
}

static inline void scripted_connect(struct scripted *scripted, struct position start)
{
    scripted_connect_as(scripted, SOCK_STREAM, start, (struct span){NULL, 0});
}

static inline void scripted_turn(struct scripted *scripted)
{
    event_base_loop(loop_base(scripted->store.loop), EVLOOP_NONBLOCK);
}

/* Lets the stream handle all that was said. */
static inline void scripted_settle(struct scripted *scripted)
{
    int unread = 1;
    while (unread > 0 && scripted->stream != NULL) {
        scripted_turn(scripted);
        if (scripted->stream != NULL)
            ck_assert_int_eq(ioctl(scripted->fd, FIONREAD, &unread), 0);
    }
    scripted_turn(scripted); /* and what it put off */
}

/* Says the bytes, at most piece_bytes at a time, until they are said or the stream is lost. */
static inline void scripted_say(struct scripted *scripted, struct span bytes, size_t piece_bytes)
{
    while (bytes.length > 0 && scripted->stream != NULL) {
        size_t length = bytes.length < piece_bytes ? bytes.length : piece_bytes;
        ssize_t said = send(scripted->peer, bytes.data, length, MSG_NOSIGNAL);
        ck_assert(said > 0 || errno == EAGAIN || errno == EPIPE);
        if (said > 0) {
            bytes.data += said;
            bytes.length -= (size_t)said;
        }
        scripted_settle(scripted);
    }
}

static inline void scripted_say_wire(struct scripted *scripted, const struct wire *wire, size_t piece_bytes)
{
    scripted_say(scripted, (struct span){wire->bytes, wire->length}, piece_bytes);
}

static inline void scripted_disconnect(struct scripted *scripted)
{
    source_stream_free(&scripted->stream);
    close(scripted->peer);
    scripted->peer = -1;
    scripted_turn(scripted);
}

static inline void scripted_release(struct scripted *scripted)
{
    scripted_disconnect(scripted);
    fixture_release(&scripted->store);
}

static inline struct position scripted_end(const struct scripted *scripted)
{
    return store_end(scripted->store.store);
}

/* The stream is up, and the store has the file up to `length`, byte for byte. */
static inline void assert_streaming(const struct scripted *scripted, const struct source_file *file,
                                    size_t length)
{
    ck_assert_msg(scripted->losses == 0, "lost: %s", scripted->message);
    ck_assert_uint_eq(scripted_end(scripted).offset, length);
    assert_same_file(&scripted->store, file, length, true);
}

static inline void assert_lost(const struct scripted *scripted, enum result result, const char *part)
{
    ck_assert_uint_eq(scripted->losses, 1);
    ck_assert_msg(scripted->lost == result, "%s, not %s: %s", result_text(scripted->lost),
                  result_text(result), scripted->message);
    ck_assert_msg(strstr(scripted->message, part) != NULL, "'%s' has no '%s'", scripted->message, part);
}

#endif
