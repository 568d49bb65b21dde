/* The clients and the app port of client.h. */
#include "test/sim/client.h"

#include "protocol/xalloc.h"
#include "proxy/app.h"
#include "proxy/overdue.h"
#include "test/sim/dice.h"
#include "test/sim/loop.h"
#include "test/sim/schedule.h"
#include "test/sim/source.h"
#include "test/sim/truth.h"
#include "test/sim/world.h"

#include <stdlib.h>
#include <string.h>

struct client {
    uint64_t session; /* counts; what belongs to an older one is forgotten */
    bool has_session; /* at the app port, and at the source */
    uint64_t held;    /* the transaction whose OK the app port holds; 0: none */
};

struct app {
    struct loop *loop;
    struct gate *gate;
    struct gate_watcher *watcher;
    bool is_admitted;
    bool is_paused;
};

static struct client clients[WORLD_CLIENTS];
static struct app *app;
static uint64_t oks;
static bool is_stopped;

/* ---- a client's life ---- */

static void on_idle_over(void *argument);

static void rest(struct client *client, uint64_t for_us)
{
    schedule_after(for_us, GROUP_CLIENT, on_idle_over, client);
}

static void end_session(struct client *client)
{
    if (!client->has_session)
        return;
    client->session++;
    client->has_session = false;
    if (client->held != 0 && app != NULL)
        gate_waiting(app->watcher, -1);
    client->held = 0;
    source_forget_client((unsigned)(client - clients));
    rest(client, dice_between(1000, 30000));
}

struct request {
    struct client *client;
    uint64_t session;
    uint64_t uid;
};

static struct request *request_new(struct client *client, uint64_t uid)
{
    struct request *request = xmalloc(sizeof(*request));
    *request = (struct request){client, client->session, uid};
    return request;
}

static bool is_current(const struct request *request)
{
    return request->client->has_session && request->client->session == request->session;
}

static void on_request(void *argument)
{
    struct request *request = argument;
    if (is_current(request))
        source_commit((unsigned)(request->client - clients));
    free(request);
}

static void on_idle_over(void *argument)
{
    struct client *client = argument;
    if (is_stopped)
        return;
    if (!clients_may_commit() || !source_is_up()) {
        rest(client, dice_between(5000, 50000));
        return;
    }
    client->has_session = true;
    schedule_after_owned(dice_between(20, 800), GROUP_CLIENT, on_request, request_new(client, 0));
}

/* ---- answers ---- */

static void give_ok(struct client *client, uint64_t uid)
{
    world_effect();
    if (world_is_ghost())
        return;
    truth_on_ok(uid);
    oks++;
    world_figures()->oks++;
    client->has_session = false;
    client->session++;
    client->held = 0;
    rest(client, dice_between(100, 20000));
}

static bool is_confirmed(uint64_t uid)
{
    char text[GTID_TEXT_MAX];
    gtid_format(&truth_of(uid)->gtid, text);
    return gate_is_open(app->gate, span_of_text(text));
}

static void on_answer(void *argument)
{
    struct request *request = argument;
    struct client *client = request->client;
    uint64_t uid = request->uid;
    bool counts = is_current(request) && app != NULL;
    free(request);
    if (!counts)
        return;
    if (is_confirmed(uid)) {
        give_ok(client, uid);
        return;
    }
    client->held = uid;
    gate_waiting(app->watcher, +1);
}

void client_on_answer(unsigned client, uint64_t uid)
{
    schedule_after_owned(dice_between(20, 1500), GROUP_CLIENT, on_answer, request_new(&clients[client], uid));
}

void client_on_broken(unsigned client)
{
    end_session(&clients[client]);
}

/* A session whose OK is held may outlive its source: the app port may not have noticed. */
void clients_on_source_gone(void)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (clients[i].held == 0 || dice_chance(500))
            end_session(&clients[i]);
}

void clients_on_daemon_gone(void)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        end_session(&clients[i]);
}

bool clients_may_commit(void)
{
    return app != NULL && app->is_admitted && !app->is_paused && !world_is_ghost();
}

uint64_t clients_oks(void)
{
    return oks;
}

bool clients_are_idle(void)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        if (clients[i].has_session)
            return false;
    return true;
}

void clients_stop(void)
{
    is_stopped = true;
}

void clients_reset(void)
{
    memset(clients, 0, sizeof(clients));
    app = NULL;
    oks = 0;
    is_stopped = false;
}

void clients_start(void)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++)
        rest(&clients[i], dice_between(1000, 20000));
}

/* ---- proxy/app.h ---- */

static void on_wake(void *argument)
{
    (void)argument;
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        struct client *client = &clients[i];
        uint64_t uid = client->held;
        if (uid == 0 || !is_confirmed(uid))
            continue;
        gate_waiting(app->watcher, -1);
        give_ok(client, uid);
    }
}

enum result app_start(struct loop *loop, const struct config *config, const struct tls_contexts *tls,
                      struct gate *gate, struct app **ret_app)
{
    (void)config;
    (void)tls;
    app = xcalloc(1, sizeof(*app));
    app->gate = gate;
    app->loop = loop;
    app->watcher = gate_watch(gate, loop, on_wake, NULL);
    *ret_app = app;
    return RESULT_OK;
}

void app_set_admitted(struct app *port, bool is_admitted, const char *reason)
{
    (void)reason;
    if (is_admitted && !port->is_admitted && !world_is_ghost()) {
        daemon_note_admitted();
        truth_on_admitted();
    }
    port->is_admitted = is_admitted;
}

void app_set_source_address(struct app *port, const char *address)
{
    (void)port;
    (void)address;
}

void app_set_paused(struct app *port, bool is_paused)
{
    port->is_paused = is_paused;
}

bool app_kill(struct app *port, uint64_t session_id)
{
    (void)port;
    struct client *client = &clients[session_id - 1];
    bool has_session = client->has_session;
    if (!world_is_ghost())
        end_session(client);
    return has_session;
}

size_t app_sessions(struct app *port, struct view_session *ret_sessions, size_t max)
{
    size_t count = 0;
    (void)port;
    for (size_t i = 0; i < WORLD_CLIENTS && count < max; i++)
        if (clients[i].has_session)
            ret_sessions[count++] = (struct view_session){.id = i + 1};
    return count;
}

void app_stop(struct app **port)
{
    if (*port != NULL) {
        clients_on_daemon_gone();
        sim_loop_forget((*port)->loop, (*port)->watcher);
    }
    free(*port);
    *port = NULL;
    app = NULL;
}

void app_on_limits(struct app *port)
{
    (void)port;
}

size_t app_sessions_max(const struct app *port)
{
    (void)port;
    return WORLD_CLIENTS;
}

void app_session_states_count(struct app *port, uint64_t ret_counts[APP_SESSION_STATES])
{
    (void)port;
    memset(ret_counts, 0, APP_SESSION_STATES * sizeof(*ret_counts));
}

void app_set_missing_names(struct app *port, const char *text)
{
    (void)port;
    (void)text;
}

void app_counters(struct app *port, struct view_counters *counters)
{
    (void)port;
    (void)counters;
}

void app_drain(struct app *port, uint64_t timeout_ms, loop_fn *on_drained, void *argument)
{
    (void)port;
    (void)timeout_ms;
    on_drained(argument);
}

/* ---- proxy/overdue.h: app.commit_wait is 0 here ---- */

struct overdue *overdue_new(struct loop *loop, const struct config *config, const struct core *core,
                            struct app *port)
{
    (void)loop;
    (void)config;
    (void)core;
    (void)port;
    return NULL;
}

void overdue_free(struct overdue **overdue)
{
    (void)overdue;
}

void overdue_set_commit_wait(struct overdue *overdue, uint64_t commit_wait_ms)
{
    (void)overdue;
    (void)commit_wait_ms;
}
