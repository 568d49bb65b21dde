/* The app port of app.h: listeners on the replication loop, sessions dealt out to the app threads in turn. */
#include "proxy/app.h"

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/rsa_key.h"
#include "protocol/xalloc.h"
#include "proxy/app_thread.h"
#include "proxy/clock.h"
#include "proxy/listener.h"
#include "proxy/log.h"
#include "proxy/session.h"
#include "proxy/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS_MAX = 256, DRAIN_POLL_MS = 20, MESSAGE_MAX = APP_REASON_MAX + 64 };

struct app {
    struct app_shared shared;
    struct loop *loop;
    struct listener *listeners[CONFIG_LISTEN_MAX];
    struct app_thread *threads;
    size_t thread_count;
    size_t next_thread;
    bool is_admitted;
    bool is_paused;
    struct timer drain_timer;
    uint64_t drain_until_ms;
    bool is_cut;
    loop_fn *on_drained;
    void *on_drained_argument;
};

void app_refuse(struct app_shared *shared, int fd, uint16_t code, const char *message)
{
    uint8_t bytes[PACKET_HEADER_BYTES + MESSAGE_MAX];
    static _Thread_local struct log_limit limit;
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    session_write_error(&writer, false, code, 0, message);
    struct span packet = writer_span_written(&writer);
    ssize_t ignored = send(fd, packet.data, packet.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
    close(fd);
    log_limited(&limit, LOG_LEVEL_WARN, "app",
                "refused a connection: there are app.max_connections=%u already; raise it (SET "
                "max_connections), or look "
                "at the table sessions for clients that leave theirs open",
                shared->config->app.max_connections);
}

/* All of them wait for the source: nobody can make room. */
static void refuse_held(struct app *app, int fd)
{
    char message[MESSAGE_MAX];
    snprintf(message, sizeof(message), "ackgate: source not available: %s",
             app->is_paused ? "paused, and app.max_connections sessions wait already" : app->shared.reason);
    app_refuse(&app->shared, fd, ERROR_CODE_UNKNOWN, message);
}

static void on_accept(void *argument, int fd)
{
    struct app *app = argument;
    struct app_thread *thread = &app->threads[app->next_thread];
    bool is_proxy = networks_have_peer(app->shared.config->app.proxies, fd);
    bool is_full = atomic_load(&app->shared.sessions) >= app->shared.config->app.max_connections;
    if (is_full && (!app->is_admitted || app->is_paused)) {
        refuse_held(app, fd);
        return;
    }
    app->next_thread = (app->next_thread + 1) % app->thread_count;
    if (is_full) {
        app_thread_accept_instead(thread, fd, is_proxy);
        return;
    }
    atomic_fetch_add(&app->shared.sessions, 1);
    app_thread_accept(thread, fd, is_proxy);
}

static void close_listeners(struct app *app)
{
    for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
        listener_close(&app->listeners[i]);
}

static enum result open_listeners(struct app *app)
{
    const struct config_listen *listen = &app->shared.config->app.listen;
    for (size_t i = 0; i < listen->count; i++) {
        enum result result =
            listener_open(app->loop, listen->addresses[i], on_accept, app, &app->listeners[i]);
        if (result != RESULT_OK) {
            log_error("app", "cannot listen on %s: %s", listen->addresses[i],
                      result == RESULT_IO ? strerror(errno) : result_text(result));
            close_listeners(app);
            return result;
        }
        log_info("app", "listening on %s", listen->addresses[i]);
    }
    return RESULT_OK;
}

static size_t thread_count(const struct config *config)
{
    long count = config->ackgate.threads > 0 ? (long)config->ackgate.threads : sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1)
        return 1;
    return count > THREADS_MAX ? THREADS_MAX : (size_t)count;
}

static void copy_limits(struct app *app)
{
    const struct config *config = app->shared.config;
    atomic_store(&app->shared.commit_wait_ms, config->app.commit_wait_ms);
    atomic_store(&app->shared.hold_ms, config->app.hold_ms);
    atomic_store(&app->shared.auth_timeout_ms, config->app.auth_timeout_ms);
    atomic_store(&app->shared.idle_timeout_ms, config->app.idle_timeout_ms);
}

/* NULL: nobody will need it. */
static struct rsa_key *make_rsa_key(const struct config *config)
{
    struct rsa_key *key = NULL;
    bool is_needed = config->source.tls.mode != TLS_DISABLED || config_source_is_local(config);
    if (!is_needed)
        return NULL;
    if (config->app.rsa_key != NULL && rsa_key_read(config->app.rsa_key, &key) != RESULT_OK)
        log_error("app", "rsa_key %s cannot be read any more: a new key is used", config->app.rsa_key);
    return key != NULL ? key : rsa_key_generate();
}

static void on_drain_poll(void *argument);

enum result app_start(struct loop *loop, const struct config *config, const struct tls_contexts *tls,
                      struct gate *gate, struct app **ret_app)
{
    struct app *app = xcalloc(1, sizeof(*app));
    app->loop = loop;
    app->shared.config = config;
    app->shared.tls = tls;
    app->shared.gate = gate;
    copy_limits(app);
    strcpy(app->shared.reason, "it has not been verified yet");
    pthread_mutex_init(&app->shared.mutex, NULL);
    enum result result = open_listeners(app);
    if (result != RESULT_OK) {
        pthread_mutex_destroy(&app->shared.mutex);
        free(app);
        return result;
    }
    app->shared.rsa_key = make_rsa_key(config);
    timer_init(&app->drain_timer, loop, on_drain_poll, app);
    app->thread_count = thread_count(config);
    app->threads = xcalloc(app->thread_count, sizeof(*app->threads));
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_start(&app->threads[i], &app->shared);
    *ret_app = app;
    return RESULT_OK;
}

static void set_text(struct app *app, char *text, size_t max, const char *value)
{
    pthread_mutex_lock(&app->shared.mutex);
    snprintf(text, max, "%s", value == NULL ? "" : value);
    pthread_mutex_unlock(&app->shared.mutex);
}

void app_set_admitted(struct app *app, bool is_admitted, const char *reason)
{
    set_text(app, app->shared.reason, sizeof(app->shared.reason), reason);
    if (app->is_admitted == is_admitted)
        return;
    app->is_admitted = is_admitted;
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_set_admitted(&app->threads[i], is_admitted);
}

void app_set_paused(struct app *app, bool is_paused)
{
    app->is_paused = is_paused;
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_set_paused(&app->threads[i], is_paused);
}

void app_on_limits(struct app *app)
{
    copy_limits(app);
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_on_limits(&app->threads[i]);
}

void app_set_source_address(struct app *app, const char *address)
{
    set_text(app, app->shared.address, sizeof(app->shared.address), address);
}

void app_set_missing_names(struct app *app, const char *text)
{
    set_text(app, app->shared.missing_names, sizeof(app->shared.missing_names), text);
}

void app_format_unknown(char *ret_message, size_t message_max, const char *gtid, const char *names)
{
    snprintf(
        ret_message, message_max,
        "ackgate: outcome not known yet: transaction %.200s is written on the source and waits for %.200s",
        gtid, names[0] == '\0' ? "the quorum" : names);
}

size_t app_sessions_max(const struct app *app)
{
    enum { ARRIVING = 64 };
    return atomic_load(&app->shared.sessions) + ARRIVING;
}

size_t app_sessions(struct app *app, struct view_session *ret_sessions, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < app->thread_count; i++)
        count += app_thread_view(&app->threads[i], ret_sessions + count, max - count);
    return count;
}

const char *const app_session_states[APP_SESSION_STATES] = {
    "held", "login", "idle", "running", "waiting_for_quorum", "closing"};

void app_session_states_count(struct app *app, uint64_t ret_counts[APP_SESSION_STATES])
{
    for (size_t state = 0; state < APP_SESSION_STATES; state++)
        ret_counts[state] = 0;
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_count_states(&app->threads[i], ret_counts);
}

void app_counters(struct app *app, struct view_counters *counters)
{
    counters->commits_held = atomic_load(&app->shared.commits_held);
    counters->commits_unknown = atomic_load(&app->shared.commits_unknown);
    counters->sessions = atomic_load(&app->shared.sessions);
}

bool app_kill(struct app *app, uint64_t session_id)
{
    for (size_t i = 0; i < app->thread_count; i++)
        if (app_thread_kill(&app->threads[i], session_id))
            return true;
    return false;
}

bool app_running_since(struct app *app, uint64_t session_id, uint64_t *ret_since_ms)
{
    for (size_t i = 0; i < app->thread_count; i++)
        if (app_thread_running_since(&app->threads[i], session_id, ret_since_ms))
            return true;
    return false;
}

void app_give_up(struct app *app, uint64_t session_id, const char *message)
{
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_give_up(&app->threads[i], session_id, message);
}

static void on_drain_poll(void *argument)
{
    struct app *app = argument;
    if (atomic_load(&app->shared.sessions) == 0) {
        app->on_drained(app->on_drained_argument);
        return;
    }
    if (!app->is_cut && clock_monotonic_ms() >= app->drain_until_ms) {
        log_warn("app", "cutting %llu sessions that are not done after shutdown_timeout",
                 (unsigned long long)atomic_load(&app->shared.sessions));
        app->is_cut = true;
        for (size_t i = 0; i < app->thread_count; i++)
            app_thread_cut(&app->threads[i]);
    }
    timer_start(&app->drain_timer, DRAIN_POLL_MS);
}

void app_drain(struct app *app, uint64_t timeout_ms, loop_fn *on_drained, void *argument)
{
    close_listeners(app);
    app->on_drained = on_drained;
    app->on_drained_argument = argument;
    app->drain_until_ms = clock_monotonic_ms() + timeout_ms;
    for (size_t i = 0; i < app->thread_count; i++)
        app_thread_drain(&app->threads[i]);
    timer_start(&app->drain_timer, 0);
}

void app_stop(struct app **app)
{
    struct app *old = *app;
    if (old == NULL)
        return;
    *app = NULL;
    close_listeners(old);
    timer_release(&old->drain_timer);
    for (size_t i = 0; i < old->thread_count; i++)
        app_thread_stop(&old->threads[i]);
    pthread_mutex_destroy(&old->shared.mutex);
    rsa_key_free(&old->shared.rsa_key);
    free(old->threads);
    free(old);
}
