/*
 * A session's way to the source: waits until the source may be used, connects, and waits again when that does
 * not come about, all within app.hold. The client hears nothing meanwhile.
 */
#include "proxy/session.h"

#include "protocol/constants.h"
#include "proxy/clock.h"
#include "proxy/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_MS = 100, MESSAGE_MAX = APP_REASON_MAX + 64 };

static void fail(struct session *session)
{
    static _Thread_local struct log_limit limit;
    struct app_shared *shared = session->thread->shared;
    char message[MESSAGE_MAX];
    pthread_mutex_lock(&shared->mutex);
    snprintf(message, sizeof(message), "ackgate: source not available: %s",
             shared->reason[0] == '\0' ? "it does not answer" : shared->reason);
    pthread_mutex_unlock(&shared->mutex);
    log_limited(&limit, LOG_LEVEL_INFO, session_name(session), "refused after app.hold: %s", message);
    session_fail(session, ERROR_CODE_UNKNOWN, 0, message);
}

/* What is left of app.hold. While ackgate is paused there is no limit. */
static uint64_t hold_left_ms(const struct session *session)
{
    uint64_t hold_ms = session->thread->shared->hold_ms;
    uint64_t held_ms = clock_monotonic_ms() - session->held_since_ms;
    if (session->thread->is_paused)
        return hold_ms > RETRY_MS ? hold_ms : RETRY_MS;
    return held_ms < hold_ms ? hold_ms - held_ms : 0;
}

static void hold(struct session *session, uint64_t at_most_ms)
{
    uint64_t left_ms = hold_left_ms(session);
    session->phase = SESSION_HELD;
    session_set_state_since(session, "held", session->hold_shown_since_ms);
    if (left_ms == 0)
        fail(session);
    else
        timer_start(&session->timer, left_ms < at_most_ms ? left_ms : at_most_ms);
}

static void connect_to_source(struct session *session)
{
    struct app_shared *shared = session->thread->shared;
    const struct config *config = shared->config;
    bool is_unix = config_source_is_local(config);
    char address[APP_ADDRESS_MAX];
    pthread_mutex_lock(&shared->mutex);
    memcpy(address, shared->address, sizeof(address));
    pthread_mutex_unlock(&shared->mutex);
    enum result result = conn_connect(&session->source.conn, session->thread->loop, address,
                                      is_unix ? 0 : config->source.port, session_on_source_ready, session);
    if (result != RESULT_OK) {
        hold(session, RETRY_MS);
        return;
    }
    session->phase = SESSION_CONNECTING;
    session_set_state(session, "login");
    timer_start(&session->timer, config->source.connect_timeout_ms);
}

void session_start(struct session *session)
{
    if (session->thread->is_admitted && !session->thread->is_paused)
        connect_to_source(session);
    else
        hold(session, UINT64_MAX);
}

void session_retry(struct session *session)
{
    conn_close(&session->source.conn);
    backlog_release(&session->source.in);
    hold(session, RETRY_MS);
}

void session_on_source_connected(struct session *session)
{
    if (conn_connect_result(&session->source.conn) != RESULT_OK) {
        log_debug(session_name(session), "cannot connect to the source: %s", strerror(errno));
        session_retry(session);
        return;
    }
    session->phase = SESSION_GREETING;
}

/*
 * A connection that came about around the time when the source was lost may lead to a server that has been
 * restarted since, and that nobody has verified: it is not used.
 */
void session_on_withdrawn(struct session *session)
{
    if (session->phase != SESSION_CONNECTING && session->phase != SESSION_GREETING)
        return;
    conn_close(&session->source.conn);
    backlog_release(&session->source.in);
    hold(session, UINT64_MAX);
    session_watch(session);
}

void session_on_start_timeout(struct session *session)
{
    if (session->phase != SESSION_HELD) {
        log_debug(session_name(session), "the source does not answer");
        session_retry(session);
    } else if (session->thread->is_paused) {
        session->held_since_ms = clock_monotonic_ms();
        hold(session, UINT64_MAX);
    } else if (hold_left_ms(session) == 0) {
        fail(session);
    } else {
        session_start(session);
    }
}
