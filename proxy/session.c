/* A session's life, as session.h tells: opened, shown, ended. */
#include "proxy/session.h"

#include "protocol/constants.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/farewell.h"
#include "proxy/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 2000, ERROR_PACKET_MAX = PACKET_HEADER_BYTES + 1024 };

bool session_is_over(const struct session *session)
{
    return session->phase == SESSION_OVER;
}

const char *session_name(const struct session *session)
{
    static _Thread_local char name[192];
    if (session->id == 0)
        snprintf(name, sizeof(name), "session of %s", session->client.conn.peer);
    else
        snprintf(name, sizeof(name), "session %llu %s@%s", (unsigned long long)session->id,
                 session->user == NULL ? "" : log_quote_text(session->user), session->client.conn.peer);
    return name;
}

void session_set_state_since(struct session *session, const char *state, uint64_t since_ms)
{
    atomic_store_explicit(&session->state_text, state, memory_order_relaxed);
    atomic_store_explicit(&session->state_since_ms, since_ms, memory_order_relaxed);
}

void session_set_state(struct session *session, const char *state)
{
    session_set_state_since(session, state, clock_monotonic_ms());
}

void session_set_stranger(struct session *session, bool is_stranger)
{
    if (is_stranger && !session->is_stranger)
        atomic_fetch_add(&session->thread->shared->strangers, 1);
    if (!is_stranger && session->is_stranger)
        atomic_fetch_sub(&session->thread->shared->strangers, 1);
    session->is_stranger = is_stranger;
}

void session_set_db(struct session *session, struct span db)
{
    char *copy = xstrndup(db.length == 0 ? "" : (const char *)db.data, db.length);
    pthread_mutex_lock(&session->thread->mutex);
    char *old = session->db;
    session->db = copy;
    pthread_mutex_unlock(&session->thread->mutex);
    free(old);
}

/* An idle session ends after app.idle_timeout; a running one is looked at again later. */
static void on_idle_timeout(struct session *session)
{
    uint64_t timeout_ms = session->thread->shared->idle_timeout_ms;
    uint64_t idle_ms =
        clock_monotonic_ms() - atomic_load_explicit(&session->state_since_ms, memory_order_relaxed);
    if (timeout_ms == 0)
        return;
    if (session_is_busy(session)) {
        timer_start(&session->timer, timeout_ms);
    } else if (idle_ms < timeout_ms) {
        timer_start(&session->timer, timeout_ms - idle_ms);
    } else {
        log_info(session_name(session), "closed: idle for longer than app.idle_timeout");
        session_end(session);
    }
}

void session_on_limits(struct session *session)
{
    if (session->phase == SESSION_HELD) {
        session_start(session);
        session_watch(session);
    } else if (session->phase == SESSION_COMMAND && session->hold == NULL) {
        on_idle_timeout(session);
    }
}

static void on_timer(void *argument)
{
    struct session *session = argument;
    switch (session->phase) {
    case SESSION_HELD:
    case SESSION_CONNECTING:
    case SESSION_GREETING:
        session_on_start_timeout(session);
        break;
    case SESSION_LOGIN:
    case SESSION_SECURING:
    case SESSION_AUTH:
        session_login_on_timeout(session);
        break;
    case SESSION_COMMAND:
        if (session->hold != NULL)
            session_hold_on_timeout(session);
        else
            on_idle_timeout(session);
        break;
    case SESSION_CLOSING:
        session_close(session);
        break;
    case SESSION_OVER:
        break;
    }
    session_watch(session);
}

static void link_to_thread(struct session *session)
{
    struct app_thread *thread = session->thread;
    pthread_mutex_lock(&thread->mutex);
    session->next = thread->sessions;
    if (session->next != NULL)
        session->next->previous = session;
    thread->sessions = session;
    pthread_mutex_unlock(&thread->mutex);
}

static void unlink_from_thread(struct session *session)
{
    struct app_thread *thread = session->thread;
    pthread_mutex_lock(&thread->mutex);
    if (session->next != NULL)
        session->next->previous = session->previous;
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        thread->sessions = session->next;
    pthread_mutex_unlock(&thread->mutex);
}

void session_open(struct app_thread *thread, int fd, bool is_proxy)
{
    struct session *session = xcalloc(1, sizeof(*session));
    session->thread = thread;
    session->is_proxy = is_proxy;
    session->source.conn.fd = -1;
    session->held_since_ms = session->hold_shown_since_ms = clock_monotonic_ms();
    session->command_text = "";
    session_set_state(session, "held");
    session->last_sequence = UINT8_MAX; /* the first packet to the client has 0 */
    conn_open(&session->client.conn, thread->loop, fd, session_on_client_ready, session);
    timer_init(&session->timer, thread->loop, on_timer, session);
    link_to_thread(session);
    session_start(session);
    session_watch(session);
}

/* A source that waits for a login is told good-bye: see farewell.h. */
static void close_source(struct session *session)
{
    bool is_unanswered = session->phase == SESSION_CONNECTING || session->phase == SESSION_GREETING ||
                         session->phase == SESSION_LOGIN;
    if (conn_is_open(&session->source.conn) && is_unanswered) {
        struct conn_link link = conn_give_up(&session->source.conn);
        farewell_start(session->thread, link, backlog_span(&session->greeting));
    }
    conn_close(&session->source.conn);
    session_hold_drop(session);
    backlog_release(&session->greeting);
    session_password_forget(&session->password);
    backlog_release(&session->source.in);
    backlog_release(&session->source.out);
}

static void free_session(void *argument)
{
    struct session *session = argument;
    timer_release(&session->timer);
    free(session->proxied);
    free(session->user);
    free(session->db);
    free(session);
}

void session_close(struct session *session)
{
    if (session_is_over(session))
        return;
    session_set_stranger(session, false);
    close_source(session);
    session->phase = SESSION_OVER;
    conn_close(&session->client.conn);
    backlog_release(&session->client.in);
    backlog_release(&session->client.out);
    session_compress_release(session);
    timer_stop(&session->timer);
    unlink_from_thread(session);
    atomic_fetch_sub(&session->thread->shared->sessions, 1);
    loop_defer(session->thread->loop, free_session, session);
}

void session_end(struct session *session)
{
    if (session_is_over(session))
        return;
    if (session->phase != SESSION_CLOSING) {
        close_source(session);
        session->phase = SESSION_CLOSING;
        session_set_state(session, "closing");
        timer_start(&session->timer, LINGER_MS);
    }
    /* What is unread at a close makes a reset of it, which could overtake the last bytes. */
    if (backlog_bytes(&session->client.out) > 0)
        return;
    if (session->has_client_finished && !conn_has_unsent(&session->client.conn))
        session_close(session);
    else
        conn_end(&session->client.conn);
}

void session_write_error(struct writer *writer, bool has_greeted, uint16_t code, uint8_t sequence,
                         const char *message)
{
    size_t mark = packet_begin(writer);
    if (has_greeted) {
        response_error_encode(writer, code, span_of_text(message));
    } else {
        writer_u8(writer, RESPONSE_HEADER_ERR);
        writer_u16(writer, code);
        writer_text(writer, message);
    }
    packet_end(writer, mark, &sequence);
    assert(!writer_failed(writer));
}

void session_fail(struct session *session, uint16_t code, uint8_t sequence, const char *message)
{
    uint8_t bytes[ERROR_PACKET_MAX];
    struct writer writer;
    if (session_is_over(session))
        return;
    if (conn_is_securing(&session->client.conn)) { /* it could not read it */
        session_close(session);
        return;
    }
    writer_init(&writer, bytes, sizeof(bytes));
    session_write_error(&writer, session->phase >= SESSION_LOGIN, code, sequence, message);
    session_put_copy(session, &session->client, writer_span_written(&writer));
    session_flush(session);
    session_end(session);
}

void session_on_drain(struct session *session)
{
    bool is_in_transaction = (session->response.status & STATUS_IN_TRANSACTION) != 0;
    if (session->phase == SESSION_CLOSING)
        return;
    if (session->phase != SESSION_COMMAND)
        session_fail(session, ERROR_CODE_SERVER_SHUTDOWN, (uint8_t)(session->last_sequence + 1),
                     "ackgate: shutting down");
    else if (!session_is_busy(session) && !is_in_transaction)
        session_end(session);
    session_watch(session);
}
