/*
 * How bytes move through a session: read into the thread's buffer, processed in place, written as ranges of
 * that buffer in one call. What the peer does not take goes to the side's backlog, and the other side is not
 * read until that is gone: memory is bounded by one buffer each way.
 */
#include "proxy/session.h"

#include "protocol/constants.h"
#include "proxy/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct session_output *output_of(struct session *session, const struct session_side *side)
{
    return side == &session->client ? &session->thread->to_client : &session->thread->to_source;
}

/* Keeps what is left of the output after the first `skip` bytes. */
static void keep_rest(struct session_side *side, const struct session_output *output, size_t skip)
{
    for (int i = 0; i < output->part_count; i++) {
        size_t length = output->parts[i].iov_len;
        if (skip < length)
            backlog_append(&side->out,
                           (struct span){(uint8_t *)output->parts[i].iov_base + skip, length - skip});
        skip = skip < length ? 0 : skip - length;
    }
}

/*
 * False: the connection is broken. What goes to a source that does not take it any more is dropped: it may
 * have said why before it closed, and the client is to hear that; the end of what it said ends the session.
 */
static bool write_out(struct session *session, struct session_side *side, struct session_output *output)
{
    size_t written = 0;
    bool is_framed = side == &session->client && session->is_compressed;
    if (output->part_count == 0 || !conn_is_open(&side->conn) || side->is_deaf) {
        output->part_count = 0;
        output->scratch_length = 0;
        return true;
    }
    if (is_framed) {
        bool is_whole = session_compress_write(session, output);
        output->part_count = 0;
        output->scratch_length = 0;
        return is_whole;
    }
    if (backlog_bytes(&side->out) == 0) {
        enum result result = conn_write(&side->conn, output->parts, output->part_count, &written);
        if (result != RESULT_OK && result != RESULT_AGAIN) {
            output->part_count = 0;
            output->scratch_length = 0;
            return false;
        }
    }
    keep_rest(side, output, written);
    output->part_count = 0;
    output->scratch_length = 0;
    return true;
}

static void on_source_deaf(struct session *session)
{
    log_debug(session_name(session), "the source does not take what the client sends any more");
    session->source.is_deaf = true;
    backlog_release(&session->source.out);
}

/* Writes in the middle of a walk; the flush at its end sees to a broken connection. */
static void make_room(struct session *session, struct session_side *side, struct session_output *output)
{
    if (write_out(session, side, output))
        return;
    if (side == &session->source)
        on_source_deaf(session);
    else
        session->is_broken = true;
}

void session_put(struct session *session, struct session_side *side, struct span bytes)
{
    struct session_output *output = output_of(session, side);
    if (bytes.length == 0)
        return;
    if (output->part_count > 0) {
        struct iovec *last = &output->parts[output->part_count - 1];
        if ((uint8_t *)last->iov_base + last->iov_len == bytes.data) {
            last->iov_len += bytes.length;
            return;
        }
    }
    if (output->part_count == OUTPUT_PARTS_MAX)
        make_room(session, side, output);
    output->parts[output->part_count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.length};
}

void session_put_copy(struct session *session, struct session_side *side, struct span bytes)
{
    struct session_output *output = output_of(session, side);
    if (OUTPUT_SCRATCH_BYTES - output->scratch_length < bytes.length)
        make_room(session, side, output);
    if (bytes.length > OUTPUT_SCRATCH_BYTES) {
        backlog_append(&side->out, bytes);
        return;
    }
    uint8_t *copy = output->scratch + output->scratch_length;
    memcpy(copy, bytes.data, bytes.length);
    output->scratch_length += bytes.length;
    session_put(session, side, (struct span){copy, bytes.length});
}

void session_flush(struct session *session)
{
    struct app_thread *thread = session->thread;
    if (!write_out(session, &session->source, &thread->to_source))
        on_source_deaf(session);
    if (!write_out(session, &session->client, &thread->to_client) || session->is_broken)
        session_close(session);
}

static size_t kept_max(const struct session *session)
{
    return session->hold != NULL ? SESSION_HELD_MAX : SIZE_MAX;
}

void session_watch(struct session *session)
{
    struct session_side *client = &session->client;
    struct session_side *source = &session->source;
    unsigned of_client = 0;
    unsigned of_source = 0;
    if (session_is_over(session))
        return;
    if (backlog_bytes(&client->out) > 0)
        of_client |= CONN_WRITE;
    else if (backlog_bytes(&source->in) < kept_max(session) && !session_compress_is_in_command(session))
        of_source |= CONN_READ;
    if (backlog_bytes(&source->out) > 0)
        of_source |= CONN_WRITE;
    else if (!session->has_client_finished &&
             (backlog_bytes(&client->in) < SESSION_AHEAD_MAX || !session_is_busy(session)))
        of_client |= CONN_READ;
    if ((of_client & CONN_READ) != 0 && session_compress_has_rest(session)) {
        of_client &= ~(unsigned)CONN_READ;
        session_compress_plan(session);
    }
    conn_watch(&client->conn, of_client);
    if (conn_is_open(&source->conn) && session->phase != SESSION_CONNECTING)
        conn_watch(&source->conn, of_source);
}

/* RESULT_OK: all is written. */
static enum result write_backlog(struct session_side *side)
{
    struct span span = backlog_span(&side->out);
    struct iovec part = {.iov_base = (void *)(uintptr_t)span.data, .iov_len = span.length};
    size_t written;
    if (span.length == 0)
        return RESULT_OK;
    enum result result = conn_write(&side->conn, &part, 1, &written);
    if (result != RESULT_OK)
        return result;
    backlog_consume(&side->out, written);
    return written == span.length ? RESULT_OK : RESULT_AGAIN;
}

/* Reads behind what is kept. *ret_length counts both; 0 with RESULT_OK means that there was nothing. */
static enum result read_side(struct session *session, struct session_side *side, uint8_t **ret_data,
                             size_t *ret_length)
{
    size_t room;
    size_t length = 0;
    size_t kept = backlog_bytes(&side->in);
    uint8_t *buffer = app_thread_buffer(session->thread, kept, &room);
    enum result result;
    if (side == &session->client && session->is_compressed)
        result = session_compress_read(session, buffer + kept, room - kept, &length);
    else
        result = conn_read(&side->conn, buffer + kept, room - kept, &length);
    if (result != RESULT_OK)
        return result;
    kept = backlog_take(&side->in, buffer);
    *ret_data = buffer;
    *ret_length = kept + length;
    return RESULT_OK;
}

void session_finish(struct session *session)
{
    if (session->source.is_deaf)
        return;
    conn_end(&session->source.conn);
    session->source.is_deaf = true;
}

/*
 * The client has closed its side, or the connection broke. A server answers a command that it has got whole
 * before it looks again, so a client that has only shut down its sending side gets its answers; and what the
 * server says to the end of it.
 */
static void on_client_gone(struct session *session, enum result result)
{
    bool is_whole = session->phase == SESSION_COMMAND && !session->is_infile &&
                    packet_cursor_is_between_payloads(&session->command);
    log_debug(session_name(session), "the client has left");
    if (result != RESULT_CLOSED || !is_whole) {
        session_close(session);
        return;
    }
    session->has_client_finished = true;
    if (!session_is_busy(session)) /* what may be left of its bytes is no whole command */
        session_finish(session);
}

static void take_client(struct session *session, uint8_t *data, size_t length)
{
    static _Thread_local struct log_limit limit;
    if (!session->has_begun && session->phase < SESSION_CLOSING &&
        !session_proxy_take(session, &data, &length))
        return;
    switch (session->phase) {
    case SESSION_LOGIN:
    case SESSION_AUTH:
        session_auth_take_client(session, data, length);
        break;
    case SESSION_SECURING:
        backlog_append(&session->client.in, (struct span){data, length});
        break;
    case SESSION_COMMAND:
        session_command_take(session, data, length);
        break;
    case SESSION_HELD:
    case SESSION_CONNECTING:
    case SESSION_GREETING:
        log_limited(&limit, LOG_LEVEL_INFO, session_name(session),
                    "closed: the client sent something before the server's greeting");
        session_close(session);
        break;
    case SESSION_CLOSING: /* read only so that the last bytes are not lost to a reset */
    case SESSION_OVER:
        break;
    }
}

static void read_client(struct session *session)
{
    uint8_t *data;
    size_t length;
    enum result result = read_side(session, &session->client, &data, &length);
    if (result == RESULT_OK)
        take_client(session, data, length);
    else if (result != RESULT_AGAIN)
        on_client_gone(session, result);
}

static void on_source_gone(struct session *session)
{
    switch (session->phase) {
    case SESSION_GREETING:
        session_retry(session);
        break;
    case SESSION_LOGIN:
        session_fail(session, ERROR_CODE_UNKNOWN, 1, "ackgate: the source has closed the connection");
        break;
    default:
        if (session->hold != NULL)
            log_warn(session_name(session),
                     "the source's connection broke while a commit waited: closed without an OK");
        else
            log_debug(session_name(session), "the source has closed the connection");
        if (session->hold != NULL)
            session_close(session);
        else
            session_end(session);
        break;
    }
}

static void read_source(struct session *session)
{
    uint8_t *data;
    size_t length;
    enum result result = read_side(session, &session->source, &data, &length);
    if (result == RESULT_AGAIN)
        return;
    if (result != RESULT_OK)
        on_source_gone(session);
    else if (session->phase == SESSION_COMMAND)
        session_reply_take(session, data, length);
    else
        session_auth_take_source(session, data, length);
}

static void write_side(struct session *session, struct session_side *side)
{
    enum result result = write_backlog(side);
    if (result != RESULT_OK && result != RESULT_AGAIN && side == &session->source)
        on_source_deaf(session);
    else if (result != RESULT_OK && result != RESULT_AGAIN)
        session_close(session);
    else if (result == RESULT_OK && session->phase == SESSION_CLOSING)
        session_end(session);
}

void session_on_client_ready(void *argument, unsigned what)
{
    struct session *session = argument;
    if (what & CONN_WRITE)
        write_side(session, &session->client);
    else
        read_client(session);
    session_watch(session);
}

void session_on_source_ready(void *argument, unsigned what)
{
    struct session *session = argument;
    if (session->phase == SESSION_CONNECTING)
        session_on_source_connected(session);
    else if (what & CONN_WRITE)
        write_side(session, &session->source);
    else
        read_source(session);
    session_watch(session);
}
