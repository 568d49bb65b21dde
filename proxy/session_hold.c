/*
 * An OK that names transactions which are not confirmed yet: kept, with all that the source sends after it,
 * until the gate opens; or, when app.commit_wait is over first, replaced by an error that says that the
 * outcome is not known.
 */
#include "proxy/app.h"
#include "proxy/session.h"

#include "protocol/constants.h"
#include "protocol/response.h"
#include "protocol/track.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 1024 };

struct session_hold {
    struct session *next; /* of the thread's waiting sessions */
    uint8_t *packet;      /* as the client will get it */
    size_t packet_length;
    uint8_t sequence;
    bool is_end; /* of the response */
    char *own;   /* the GTIDs that the OK names, with a NUL each */
    char *last;
};

static bool names_confirmed(struct gate *gate, struct span own, struct span last)
{
    return (own.length == 0 || gate_is_open(gate, own)) && (last.length == 0 || gate_is_open(gate, last));
}

static void set_waiting_gtid(struct session *session, const char *text)
{
    pthread_mutex_lock(&session->thread->mutex);
    snprintf(session->waiting_gtid, sizeof(session->waiting_gtid), "%s", text);
    pthread_mutex_unlock(&session->thread->mutex);
}

static char *copy_text(struct span text)
{
    return xstrndup(text.length == 0 ? "" : (const char *)text.data, text.length);
}

static struct session_hold *hold_new(const struct session *session, const struct session_response_step *step,
                                     const struct response_gtids *gtids)
{
    struct writer writer;
    struct session_hold *hold = xcalloc(1, sizeof(*hold));
    hold->packet = xmalloc(step->bytes.length);
    writer_init(&writer, hold->packet, step->bytes.length);
    if (!session_response_rewrites(&session->response, step->payload) ||
        session_response_encode_ok(&session->response, step, &writer) != RESULT_OK) {
        writer_init(&writer, hold->packet, step->bytes.length);
        writer_span(&writer, step->bytes);
    }
    hold->packet_length = writer.length;
    hold->sequence = step->sequence;
    hold->is_end = step->is_end;
    hold->own = copy_text(gtids->own_gtids);
    hold->last = copy_text(gtids->last_gtid);
    return hold;
}

bool session_hold_start(struct session *session, const struct session_response_step *step,
                        const struct response_gtids *gtids)
{
    struct app_thread *thread = session->thread;
    struct app_shared *shared = thread->shared;
    uint64_t commit_wait_ms = atomic_load(&shared->commit_wait_ms);
    if (names_confirmed(shared->gate, gtids->own_gtids, gtids->last_gtid))
        return false;
    /* from here on a wake-up comes; what was confirmed just before it is seen by asking again */
    gate_waiting(thread->watcher, +1);
    if (names_confirmed(shared->gate, gtids->own_gtids, gtids->last_gtid)) {
        gate_waiting(thread->watcher, -1);
        return false;
    }
    session->hold = hold_new(session, step, gtids);
    session->hold->next = thread->waiting;
    thread->waiting = session;
    atomic_fetch_add(&shared->commits_held, 1);
    set_waiting_gtid(session, session->hold->own[0] != '\0' ? session->hold->own : session->hold->last);
    session_set_state(session, "waiting_for_quorum");
    if (commit_wait_ms > 0)
        timer_start(&session->timer, commit_wait_ms);
    return true;
}

void session_hold_drop(struct session *session)
{
    struct session_hold *hold = session->hold;
    if (hold == NULL)
        return;
    struct session **link = &session->thread->waiting;
    while (*link != session)
        link = &(*link)->hold->next;
    *link = hold->next;
    session->hold = NULL;
    gate_waiting(session->thread->watcher, -1);
    set_waiting_gtid(session, "");
    free(hold->packet);
    free(hold->own);
    free(hold->last);
    free(hold);
}

/* Goes on after the held packet, or what took its place, has been put. */
static void go_on(struct session *session)
{
    uint64_t idle_ms = session->thread->shared->idle_timeout_ms;
    session_hold_drop(session);
    timer_stop(&session->timer);
    if (idle_ms > 0)
        timer_start(&session->timer, idle_ms);
    session_set_state(session, "running");
    session_reply_resume(session);
    session_watch(session);
}

static void release(struct session *session)
{
    session_put_copy(session, &session->client,
                     (struct span){session->hold->packet, session->hold->packet_length});
    session_flush(session);
    if (!session_is_over(session))
        go_on(session);
}

void session_hold_on_wake(struct app_thread *thread)
{
    for (struct session *session = thread->waiting; session != NULL;) {
        struct session_hold *hold = session->hold;
        struct session *next = hold->next;
        if (names_confirmed(thread->shared->gate, span_of_text(hold->own), span_of_text(hold->last)))
            release(session);
        session = next;
    }
}

/* In place of an answer: sequence is the one that it would have had. */
static void put_error(struct session *session, uint8_t sequence, const char *message)
{
    uint8_t bytes[PACKET_HEADER_BYTES + MESSAGE_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    size_t mark = packet_begin(&writer);
    response_error_encode(&writer, ERROR_CODE_DURING_COMMIT, span_of_text(message));
    packet_end(&writer, mark, &sequence);
    assert(!writer_failed(&writer));
    atomic_fetch_add(&session->thread->shared->commits_unknown, 1);
    session_put_copy(session, &session->client, writer_span_written(&writer));
    session_flush(session);
}

void session_hold_on_timeout(struct session *session)
{
    struct app_shared *shared = session->thread->shared;
    const struct session_hold *hold = session->hold;
    char message[MESSAGE_MAX];
    pthread_mutex_lock(&shared->mutex);
    app_format_unknown(message, sizeof(message), hold->own[0] != '\0' ? hold->own : hold->last,
                       shared->missing_names);
    pthread_mutex_unlock(&shared->mutex);
    log_info(session_name(session), "gave up waiting for transaction %s after app.commit_wait",
             session->waiting_gtid);
    session->is_swallowing = !hold->is_end;
    put_error(session, hold->sequence, message);
    if (!session_is_over(session))
        go_on(session);
}

void session_give_up(struct session *session, const char *message)
{
    const struct session_response *response = &session->response;
    if (session->phase != SESSION_COMMAND || session->hold != NULL || session->is_swallowing ||
        !session_response_is_before_first(response) || backlog_bytes(&session->source.in) > 0)
        return;
    log_info(session_name(session),
             "gave up waiting after app.commit_wait; the source still holds the answer");
    uint8_t next = (uint8_t)(response->sequence + response->shift + 1);
    bool has_begun = response->sequence + response->shift > 0;
    session->is_swallowing = true;
    session_set_state(session, "waiting_for_quorum");
    put_error(session, has_begun ? next : packet_cursor_next_sequence(&session->command), message);
    session_watch(session);
}
