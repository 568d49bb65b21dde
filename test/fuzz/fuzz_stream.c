/* A source to which ackgate has logged in: its answers to the handshake, and the dump. What is taken in is a
 * store that a start reads back the same. The first byte: bit 0, a MariaDB; bit 1, semi-sync; bit 2, the
 * handshake comes first. The rest are pieces, as the enum says. */
#include "protocol/binlog_event.h"
#include "protocol/binlog_rotate.h"
#include "proxy/source_handshake.h"
#include "proxy/source_stream.h"
#include "test/fuzz/fuzz_store.h"

enum piece {
    RAW,    /* on the wire as they are */
    PACKET, /* with a header around them */
    EVENT,  /* a packet with an event whose length, end and checksum are made right */
    LONG,   /* the same, but longer than any buffer */
    ROTATE, /* the artificial one: the bytes are the name */
    PIECES,
    WANTS_ACK = 0x80,
};
enum { LONG_BYTES = 300000 };

struct scene {
    struct fuzz_store store;
    struct source_stream *stream;
    struct channel *channel;
    struct source_handshake *handshake;
    bool is_semi_sync;
    int fd;
    uint8_t sequence; /* of the source's next packet */
    uint64_t at;      /* where its next event stands */
};

static void on_batch(void *argument)
{
    struct scene *scene = argument;
    struct position end = store_end(scene->store.store);
    char name[BINLOG_NAME_MAX];

    if (store_is_empty(scene->store.store))
        return;
    store_file_name(scene->store.store, end.file, name, sizeof name);
    source_stream_ack(scene->stream, name, end.offset);
}

static void on_lost(void *argument, enum result result, const char *message)
{
    struct scene *scene = argument;

    fuzz_check(result != RESULT_OK && message[0] != '\0');
    for (const char *at = message; *at != '\0'; at++)
        fuzz_check((uint8_t)*at >= ' ');
    source_stream_free(&scene->stream);
}

static void start_stream(struct scene *scene, struct conn_link link, struct span rest)
{
    struct source_stream_options options = {
        .loop = scene->store.loop,
        .store = scene->store.store,
        .flavor = scene->store.flavor,
        .is_semi_sync = scene->is_semi_sync,
        .start = {1, BINLOG_START},
        .silence_max_ms = 60000
    };
    struct source_stream_callbacks callbacks = {on_batch, on_lost, scene};

    scene->stream = source_stream_start(link, rest, &options, &callbacks);
}

static void on_handshake_done(void *argument, enum result result, const char *message)
{
    static uint8_t buffer[65536];
    struct scene *scene = argument;
    struct conn_link link;
    size_t length = 0;

    scene->handshake = NULL;
    fuzz_check((result == RESULT_OK) == (message[0] == '\0'));
    if (result == RESULT_OK &&
        channel_detach(&scene->channel, buffer, sizeof buffer, &length, &link) == RESULT_OK)
        start_stream(scene, link, (struct span){buffer, length});
    channel_free(&scene->channel);
}

static void shake_hands(struct scene *scene, int fd)
{
    struct source_handshake_options options = {.flavor = scene->store.flavor,
                                               .server_id = 4000,
                                               .server_uuid = "0000aaaa-0000-0000-0000-000000000001",
                                               .heartbeat_ms = 1000,
                                               .is_semi_sync = scene->is_semi_sync,
                                               .file = "binlog.000001",
                                               .offset = 4};

    scene->channel = channel_new(scene->store.loop, fd, 65536, &(struct channel_callbacks){0});
    scene->handshake = source_handshake_start(scene->channel, &options, on_handshake_done, scene);
}

/* All of it, however little the socket takes at once. */
static void say_all(struct scene *scene, struct span bytes)
{
    while (bytes.length > 0) {
        ssize_t sent = send(scene->fd, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        size_t length = sent > 0 ? (size_t)sent : 0;
        bytes.data += length;
        bytes.length -= length;
        fuzz_turns(scene->store.loop, 2);
        fuzz_hear(scene->fd);
        if (scene->stream == NULL || (sent < 0 && errno != EAGAIN))
            break;
    }
}

static void say_packet(struct scene *scene, struct span payload)
{
    struct writer writer;
    uint8_t *packet = xmalloc(payload.length + 4);

    writer_init(&writer, packet, payload.length + 4);
    writer_u24(&writer, (uint32_t)payload.length);
    writer_u8(&writer, scene->sequence++);
    writer_span(&writer, payload);
    if (scene->stream == NULL)
        fuzz_say(scene->store.loop, scene->fd, writer_span_written(&writer));
    else
        say_all(scene, writer_span_written(&writer));
    free(packet);
}

/* With what a dump has in front of an event. */
static void say_event(struct scene *scene, struct span event, bool wants_ack)
{
    uint8_t *payload = xmalloc(event.length + 3);
    struct writer writer;

    writer_init(&writer, payload, event.length + 3);
    writer_u8(&writer, 0);
    if (scene->is_semi_sync) {
        writer_u8(&writer, 0xef);
        writer_u8(&writer, wants_ack);
    }
    writer_span(&writer, event);
    say_packet(scene, writer_span_written(&writer));
    if (scene->is_semi_sync && wants_ack)
        scene->sequence = 1;
    free(payload);
}

static void say_rotate(struct scene *scene, struct span name)
{
    uint8_t event[BINLOG_ROTATE_EVENT_MAX];
    struct writer writer;

    writer_init(&writer, event, sizeof event);
    binlog_rotate_encode_artificial(&writer, 1, name, BINLOG_START, true);
    if (writer_failed(&writer))
        return;
    scene->at = BINLOG_START;
    say_event(scene, writer_span_written(&writer), false);
}

static void say_sealed(struct scene *scene, struct span bytes, size_t length, bool wants_ack)
{
    uint8_t *event = xcalloc(1, length);

    if (bytes.length >= BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES) {
        memcpy(event, bytes.data, bytes.length);
        fuzz_seal_event(event, length, &scene->at);
        say_event(scene, (struct span){event, length}, wants_ack);
    }
    free(event);
}

static void say(struct scene *scene, uint8_t what, struct span bytes)
{
    switch ((what & 0x7f) % PIECES) {
    case RAW:
        fuzz_say(scene->store.loop, scene->fd, bytes);
        break;
    case PACKET:
        say_packet(scene, bytes);
        break;
    case EVENT:
        say_sealed(scene, bytes, bytes.length, what & WANTS_ACK);
        break;
    case LONG:
        say_sealed(scene, bytes, LONG_BYTES, what & WANTS_ACK);
        break;
    default:
        say_rotate(scene, bytes);
        break;
    }
}

static void end(struct scene *scene)
{
    source_stream_free(&scene->stream);
    source_handshake_cancel(&scene->handshake);
    channel_free(&scene->channel);
    fuzz_turns(scene->store.loop, FUZZ_TURNS);
    (void)close(scene->fd);
    fuzz_store_check_reopened(&scene->store);
    fuzz_store_release(&scene->store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct scene scene = {.sequence = 1, .at = BINLOG_START};
    struct reader reader;
    struct span bytes;
    uint8_t what;
    int fds[2];

    if (length < 1)
        return 0;
    fuzz_store_init(&scene.store, data[0] & 1 ? FLAVOR_MARIADB : FLAVOR_MYSQL);
    fuzz_check(fuzz_store_open(&scene.store) == RESULT_OK);
    scene.is_semi_sync = (data[0] & 2) != 0;
    fuzz_pair(fds);
    scene.fd = fds[1];
    if (data[0] & 4)
        shake_hands(&scene, fds[0]);
    else
        start_stream(&scene, (struct conn_link){.fd = fds[0]}, (struct span){NULL, 0});
    reader_init(&reader, data + 1, length - 1);
    while (fuzz_next_piece(&reader, &what, &bytes))
        say(&scene, what, bytes);
    end(&scene);
    return 0;
}
