/* An app loop's thread, as app_thread.h tells: what comes from other threads, and what they may see. */
#include "proxy/app_thread.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/app.h"
#include "proxy/clock.h"
#include "proxy/farewell.h"
#include "proxy/session.h"
#include "proxy/session_evict.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One thing another thread wants. */
struct request {
    struct app_thread *thread;
    union {
        int fd;
        bool flag;
        uint64_t id;
    };
    bool is_proxy; /* of the fd's peer */
    char *text;    /* owned, or NULL */
};

static struct request *request_new(struct app_thread *thread)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->thread = thread;
    return request;
}

uint8_t *app_thread_buffer(struct app_thread *thread, size_t kept_bytes, size_t *ret_room)
{
    size_t needed = kept_bytes + APP_READ_MIN_BYTES;
    if (thread->buffer_room < needed) {
        needed = needed < APP_BUFFER_BYTES ? APP_BUFFER_BYTES : needed * 2;
        free(thread->buffer);
        thread->buffer = xmalloc(needed);
        thread->buffer_room = needed;
    }
    *ret_room = thread->buffer_room;
    return thread->buffer;
}

static void on_wake(void *argument)
{
    session_hold_on_wake(argument);
}

static void *run(void *argument)
{
    struct app_thread *thread = argument;
    loop_run(thread->loop);
    return NULL;
}

void app_thread_start(struct app_thread *thread, struct app_shared *shared)
{
    *thread = (struct app_thread){.shared = shared, .loop = loop_new()};
    pthread_mutex_init(&thread->mutex, NULL);
    thread->watcher = gate_watch(shared->gate, thread->loop, on_wake, thread);
    int failed = pthread_create(&thread->thread, NULL, run, thread);
    assert(failed == 0);
    (void)failed;
}

/* Calls fn for each session; fn may close it. */
static void for_each(struct app_thread *thread, void (*fn)(struct session *session))
{
    for (struct session *session = thread->sessions; session != NULL;) {
        struct session *next = session->next;
        fn(session);
        session = next;
    }
}

static void on_cut(void *argument)
{
    struct app_thread *thread = argument;
    for_each(thread, session_close);
    farewell_cut_all(thread);
}

void app_thread_cut(struct app_thread *thread)
{
    loop_post(thread->loop, on_cut, thread);
}

void app_thread_stop(struct app_thread *thread)
{
    loop_post(thread->loop, on_cut, thread);
    loop_stop(thread->loop);
    pthread_join(thread->thread, NULL);
    loop_free(&thread->loop);
    pthread_mutex_destroy(&thread->mutex);
    free(thread->buffer);
    compressor_free(&thread->compressor);
}

static void on_accept(void *argument)
{
    struct request *request = argument;
    session_open(request->thread, request->fd, request->is_proxy);
    free(request);
}

static void on_accept_instead(void *argument)
{
    struct request *request = argument;
    struct app_shared *shared = request->thread->shared;
    if (session_evict(request->thread) == SESSION_EVICTED) {
        atomic_fetch_add(&shared->sessions, 1);
        session_open(request->thread, request->fd, request->is_proxy);
    } else {
        app_refuse(shared, request->fd, ERROR_CODE_TOO_MANY_CONNECTIONS, "Too many connections");
    }
    free(request);
}

void app_thread_accept_instead(struct app_thread *thread, int fd, bool is_proxy)
{
    struct request *request = request_new(thread);
    request->fd = fd;
    request->is_proxy = is_proxy;
    loop_post(thread->loop, on_accept_instead, request);
}

void app_thread_accept(struct app_thread *thread, int fd, bool is_proxy)
{
    struct request *request = request_new(thread);
    request->fd = fd;
    request->is_proxy = is_proxy;
    loop_post(thread->loop, on_accept, request);
}

static void start_if_held(struct session *session)
{
    if (session->phase != SESSION_HELD)
        return;
    session_start(session);
    session_watch(session);
}

static void on_set_admitted(void *argument)
{
    struct request *request = argument;
    struct app_thread *thread = request->thread;
    thread->is_admitted = request->flag;
    if (!thread->is_admitted)
        for_each(thread, session_on_withdrawn);
    else if (!thread->is_paused)
        for_each(thread, start_if_held);
    free(request);
}

void app_thread_set_admitted(struct app_thread *thread, bool is_admitted)
{
    struct request *request = request_new(thread);
    request->flag = is_admitted;
    loop_post(thread->loop, on_set_admitted, request);
}

/* Those that waited through a pause start to count app.hold when it ends. */
static void restart_hold(struct session *session)
{
    if (session->phase != SESSION_HELD)
        return;
    session->held_since_ms = clock_monotonic_ms();
    session_start(session);
    session_watch(session);
}

static void on_set_paused(void *argument)
{
    struct request *request = argument;
    struct app_thread *thread = request->thread;
    bool was_paused = thread->is_paused;
    thread->is_paused = request->flag;
    if (was_paused && !thread->is_paused)
        for_each(thread, restart_hold);
    free(request);
}

void app_thread_set_paused(struct app_thread *thread, bool is_paused)
{
    struct request *request = request_new(thread);
    request->flag = is_paused;
    loop_post(thread->loop, on_set_paused, request);
}

static void on_limits(void *argument)
{
    for_each(argument, session_on_limits);
}

void app_thread_on_limits(struct app_thread *thread)
{
    loop_post(thread->loop, on_limits, thread);
}

static void on_drain(void *argument)
{
    struct app_thread *thread = argument;
    thread->is_draining = true;
    for_each(thread, session_on_drain);
}

void app_thread_drain(struct app_thread *thread)
{
    loop_post(thread->loop, on_drain, thread);
}

static struct session *find(struct app_thread *thread, uint64_t id)
{
    struct session *session = thread->sessions;
    while (session != NULL && session->id != id)
        session = session->next;
    return session;
}

static void on_kill(void *argument)
{
    struct request *request = argument;
    struct session *session = find(request->thread, request->id);
    if (session != NULL)
        session_close(session);
    free(request);
}

bool app_thread_kill(struct app_thread *thread, uint64_t session_id)
{
    pthread_mutex_lock(&thread->mutex);
    bool is_here = session_id != 0 && find(thread, session_id) != NULL;
    pthread_mutex_unlock(&thread->mutex);
    if (!is_here)
        return false;
    struct request *request = request_new(thread);
    request->id = session_id;
    loop_post(thread->loop, on_kill, request);
    return true;
}

static void on_give_up(void *argument)
{
    struct request *request = argument;
    struct session *session = find(request->thread, request->id);
    if (session != NULL)
        session_give_up(session, request->text);
    free(request->text);
    free(request);
}

void app_thread_give_up(struct app_thread *thread, uint64_t session_id, const char *message)
{
    uint64_t ignored;
    if (!app_thread_running_since(thread, session_id, &ignored))
        return;
    struct request *request = request_new(thread);
    request->id = session_id;
    request->text = xstrdup(message);
    loop_post(thread->loop, on_give_up, request);
}

bool app_thread_running_since(struct app_thread *thread, uint64_t session_id, uint64_t *ret_since_ms)
{
    pthread_mutex_lock(&thread->mutex);
    const struct session *session = session_id == 0 ? NULL : find(thread, session_id);
    bool is_running = session != NULL && strcmp(atomic_load(&session->state_text), "running") == 0;
    if (is_running)
        *ret_since_ms = atomic_load(&session->state_since_ms);
    pthread_mutex_unlock(&thread->mutex);
    return is_running;
}

static void view(const struct session *session, uint64_t now_ms, struct view_session *ret_view)
{
    uint64_t since_ms = atomic_load_explicit(&session->state_since_ms, memory_order_relaxed);
    *ret_view =
        (struct view_session){.id = session->id,
                              .command = atomic_load_explicit(&session->command_text, memory_order_relaxed),
                              .state = atomic_load_explicit(&session->state_text, memory_order_relaxed),
                              .is_tls = atomic_load_explicit(&session->is_tls, memory_order_relaxed),
                              .time_ms = now_ms > since_ms ? now_ms - since_ms : 0};
    snprintf(ret_view->user, sizeof(ret_view->user), "%s", session->user == NULL ? "" : session->user);
    snprintf(ret_view->client, sizeof(ret_view->client), "%s", session->client.conn.peer);
    snprintf(ret_view->db, sizeof(ret_view->db), "%s", session->db == NULL ? "" : session->db);
    snprintf(ret_view->waiting_gtid, sizeof(ret_view->waiting_gtid), "%s", session->waiting_gtid);
}

size_t app_thread_view(struct app_thread *thread, struct view_session *ret_sessions, size_t max)
{
    size_t count = 0;
    uint64_t now_ms = clock_monotonic_ms();
    pthread_mutex_lock(&thread->mutex);
    for (const struct session *session = thread->sessions; session != NULL && count < max;
         session = session->next)
        view(session, now_ms, &ret_sessions[count++]);
    pthread_mutex_unlock(&thread->mutex);
    return count;
}

void app_thread_count_states(struct app_thread *thread, uint64_t *counts)
{
    pthread_mutex_lock(&thread->mutex);
    for (const struct session *session = thread->sessions; session != NULL; session = session->next) {
        const char *text = atomic_load_explicit(&session->state_text, memory_order_relaxed);
        size_t state = 0;
        while (state < APP_SESSION_STATES && strcmp(text, app_session_states[state]) != 0)
            state++;
        assert(state < APP_SESSION_STATES);
        counts[state]++;
    }
    pthread_mutex_unlock(&thread->mutex);
}
