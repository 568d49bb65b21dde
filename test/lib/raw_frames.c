/* A raw client's frames, see raw_frames.h. */
#include "test/lib/raw_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "protocol/constants.h"
#include "protocol/xalloc.h"

enum { READ_BYTES = 16 * 1024, LEVEL = 3 };

struct raw_frames {
    struct compressed_reader reader;
    struct compressor *compressor;
    uint8_t bytes[READ_BYTES]; /* as they came */
    size_t at;
    size_t length;
    uint8_t next_sequence; /* of either side's next frame */
};

void raw_compress(struct raw_client *client)
{
    client->frames = xcalloc(1, sizeof *client->frames);
    client->frames->compressor = compressor_new();
    compressed_reader_init(&client->frames->reader,
                           client->capabilities & CAP_COMPRESS ? COMPRESSED_ZLIB : COMPRESSED_ZSTD);
}

void raw_frames_release(struct raw_client *client)
{
    if (!client->frames)
        return;
    compressed_reader_release(&client->frames->reader);
    compressor_free(&client->frames->compressor);
    free(client->frames);
    client->frames = NULL;
}

void raw_restart(struct raw_client *client)
{
    client->sequence = 0;
    if (client->frames)
        client->frames->next_sequence = 0;
}

size_t raw_frames_wrap(struct raw_client *client, const uint8_t *bytes, size_t size,
                       uint8_t ret_frame[COMPRESSED_FRAME_MAX], size_t *ret_taken)
{
    struct raw_frames *frames = client->frames;
    struct writer writer;
    size_t length = size < COMPRESSED_PLAIN_MAX ? size : COMPRESSED_PLAIN_MAX;

    writer_init(&writer, ret_frame, COMPRESSED_FRAME_MAX);
    compressor_frame(frames->compressor, frames->reader.method, LEVEL, frames->next_sequence++,
                     (struct span){bytes, length}, &writer);
    *ret_taken += length;
    return writer.length;
}

bool raw_frames_has_rest(const struct raw_client *client)
{
    return client->frames->at < client->frames->length || compressed_reader_has_rest(&client->frames->reader);
}

ssize_t raw_frames_receive(struct raw_client *client, uint8_t *bytes, size_t room)
{
    struct raw_frames *frames = client->frames;
    struct reader stream;
    size_t length;

    if (!raw_frames_has_rest(client)) {
        ssize_t count = recv(client->fd, frames->bytes, sizeof frames->bytes, 0);
        if (count <= 0)
            return count;
        frames->at = 0;
        frames->length = (size_t)count;
    }
    reader_init(&stream, frames->bytes + frames->at, frames->length - frames->at);
    if (compressed_read(&frames->reader, &stream, bytes, room, &length) != RESULT_OK)
        fail_at(HERE, "a frame cannot be read");
    frames->at += stream.at;
    frames->next_sequence = frames->reader.next_sequence;
    errno = EAGAIN;
    return length > 0 ? (ssize_t)length : -1;
}
