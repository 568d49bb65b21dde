/* The frames of session_compress.h. */
#include "proxy/session_compress.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/session.h"

#include <stdlib.h>
#include <string.h>

enum { RAW_BYTES = 16 * 1024 };

void session_compress_ask(struct session *session, const struct login *login)
{
    uint64_t asked = login->capabilities & session->source_caps & (CAP_COMPRESS | CAP_ZSTD);
    if (asked == 0 || session->compress != NULL)
        return;
    session->compress = xcalloc(1, sizeof(*session->compress));
    session->compress->level = login->zstd_level > 0 && login->zstd_level <= COMPRESSED_ZSTD_LEVEL_MAX
                                   ? login->zstd_level
                                   : COMPRESSED_ZSTD_LEVEL;
    /* servers take zlib when a client would take both */
    compressed_reader_init(&session->compress->reader,
                           (asked & CAP_COMPRESS) != 0 ? COMPRESSED_ZLIB : COMPRESSED_ZSTD);
}

void session_compress_start(struct session *session)
{
    if (session->compress == NULL || session->is_compressed)
        return;
    session_flush(session);
    if (session_is_over(session))
        return;
    session->compress->raw = session->client.in;
    session->client.in = (struct backlog){0};
    session->is_compressed = true;
}

void session_compress_release(struct session *session)
{
    if (session->compress == NULL)
        return;
    compressed_reader_release(&session->compress->reader);
    backlog_release(&session->compress->raw);
    free(session->compress);
    session->compress = NULL;
    session->is_compressed = false;
}

void session_compress_on_command(struct session *session)
{
    if (session->is_compressed)
        session->compress->next_sequence = session->compress->reader.next_sequence;
}

bool session_compress_is_in_command(const struct session *session)
{
    return session->is_compressed && session->phase == SESSION_COMMAND &&
           !packet_cursor_is_between_payloads(&session->command);
}

bool session_compress_has_rest(const struct session *session)
{
    return session->is_compressed && (backlog_bytes(&session->compress->raw) > 0 ||
                                      compressed_reader_has_rest(&session->compress->reader));
}

/* Bytes as they came: those that are kept, or new ones. */
static enum result read_raw(struct session *session, uint8_t *bytes, struct span *ret_raw)
{
    struct backlog *raw = &session->compress->raw;
    size_t length = 0;
    if (session_compress_has_rest(session)) {
        *ret_raw = backlog_span(raw);
        return RESULT_OK;
    }
    enum result result = conn_read(&session->client.conn, bytes, RAW_BYTES, &length);
    *ret_raw = (struct span){bytes, length};
    return result;
}

enum result session_compress_read(struct session *session, uint8_t *buffer, size_t room_bytes,
                                  size_t *ret_length)
{
    struct session_compress *compress = session->compress;
    uint8_t bytes[RAW_BYTES];
    struct span raw = {0};
    struct reader stream;
    size_t length;
    enum result result = read_raw(session, bytes, &raw);
    if (result != RESULT_OK)
        return result;
    reader_init_span(&stream, raw);
    result = compressed_read(&compress->reader, &stream, buffer, room_bytes, &length);
    if (result != RESULT_OK)
        return result;
    if (raw.data == bytes)
        backlog_append(&compress->raw, (struct span){bytes + stream.at, reader_left(&stream)});
    else
        backlog_consume(&compress->raw, stream.at);
    *ret_length = length;
    return length > 0 ? RESULT_OK : RESULT_AGAIN;
}

static void on_planned(void *argument)
{
    struct session *session = argument;
    if (session_is_over(session))
        return;
    session->compress->is_planned = false;
    session_on_client_ready(session, CONN_READ);
}

void session_compress_plan(struct session *session)
{
    if (session->compress->is_planned)
        return;
    session->compress->is_planned = true;
    loop_defer(session->thread->loop, on_planned, session);
}

/* ---- to the client ---- */

struct gathering {
    const struct session_output *output;
    int part;
    size_t at; /* in the part */
};

/* Copies up to `room` bytes of the output on. Returns how many. */
static size_t gather(struct gathering *gathering, uint8_t *ret_bytes, size_t room)
{
    size_t length = 0;
    while (gathering->part < gathering->output->part_count && length < room) {
        const struct iovec *part = &gathering->output->parts[gathering->part];
        size_t left = part->iov_len - gathering->at;
        size_t count = left < room - length ? left : room - length;
        memcpy(ret_bytes + length, (uint8_t *)part->iov_base + gathering->at, count);
        length += count;
        gathering->at += count;
        if (gathering->at == part->iov_len) {
            gathering->part++;
            gathering->at = 0;
        }
    }
    return length;
}

static bool write_frame(struct session_side *client, struct span frame)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)frame.data, .iov_len = frame.length};
    size_t written = 0;
    enum result result = RESULT_AGAIN;
    if (backlog_bytes(&client->out) == 0)
        result = conn_write(&client->conn, &part, 1, &written);
    if (result != RESULT_OK && result != RESULT_AGAIN)
        return false;
    backlog_append(&client->out, (struct span){frame.data + written, frame.length - written});
    return true;
}

bool session_compress_write(struct session *session, const struct session_output *output)
{
    struct session_compress *compress = session->compress;
    struct app_thread *thread = session->thread;
    struct gathering gathering = {.output = output};
    uint8_t plain[COMPRESSED_PLAIN_MAX];
    uint8_t frame[COMPRESSED_FRAME_MAX];
    size_t length;
    if (thread->compressor == NULL)
        thread->compressor = compressor_new();
    while ((length = gather(&gathering, plain, sizeof(plain))) > 0) {
        struct writer writer;
        writer_init(&writer, frame, sizeof(frame));
        compressor_frame(thread->compressor, compress->reader.method, compress->level,
                         compress->next_sequence++, (struct span){plain, length}, &writer);
        if (!write_frame(&session->client, writer_span_written(&writer)))
            return false;
    }
    return true;
}
