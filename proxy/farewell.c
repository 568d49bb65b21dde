/* The polite end of a connection, as farewell.h tells. */
#include "proxy/farewell.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/channel.h"
#include "proxy/client_login.h"
#include "proxy/log.h"
#include "proxy/timer.h"

#include <stdlib.h>

enum { PAYLOAD_MAX = 64 * 1024, PATIENCE_MS = 10000 };

struct farewell {
    struct farewell *next;
    struct app_thread *thread;
    struct channel *channel;
    struct client_login *login;
    struct timer timer;
};

static void free_farewell(void *argument)
{
    free(argument);
}

static void end(struct farewell *farewell)
{
    struct farewell **link = &farewell->thread->farewells;
    while (*link != farewell)
        link = &(*link)->next;
    *link = farewell->next;
    atomic_fetch_sub(&farewell->thread->shared->strangers, 1);
    client_login_cancel(&farewell->login);
    channel_free(&farewell->channel);
    timer_release(&farewell->timer);
    loop_defer(farewell->thread->loop, free_farewell, farewell);
}

static void on_timeout(void *argument)
{
    end(argument);
}

static void on_closed(void *argument, enum result reason)
{
    (void)reason;
    end(argument);
}

static void ignore_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
}

static void on_logged_in(void *argument, enum result result, const char *message)
{
    static const uint8_t quit = COMMAND_QUIT;
    struct farewell *farewell = argument;
    farewell->login = NULL;
    if (result != RESULT_OK) {
        log_debug("app", "a connection to the source that its client left cannot be ended in good order: %s",
                  message);
        end(farewell);
        return;
    }
    const struct channel_callbacks callbacks = {ignore_payload, on_closed, farewell};
    channel_set_callbacks(farewell->channel, &callbacks);
    channel_start_command(farewell->channel);
    channel_send(farewell->channel, (struct span){&quit, 1});
}

static void on_greeting(void *argument, struct span greeting)
{
    struct farewell *farewell = argument;
    const struct config *config = farewell->thread->shared->config;
    const struct client_login_options options = {.user = config->source.user,
                                                 .password = config->source.password,
                                                 .is_local = config_source_is_local(config),
                                                 .tls = farewell->thread->shared->tls->source,
                                                 .host = config->source.host};
    struct client_login *login =
        client_login_start(farewell->channel, greeting, &options, on_logged_in, farewell);
    if (login != NULL)
        farewell->login = login;
}

void farewell_start(struct app_thread *thread, struct conn_link link, struct span greeting)
{
    struct farewell *farewell = xcalloc(1, sizeof(*farewell));
    farewell->thread = thread;
    farewell->next = thread->farewells;
    thread->farewells = farewell;
    atomic_fetch_add(&thread->shared->strangers, 1);
    const struct channel_callbacks callbacks = {on_greeting, on_closed, farewell};
    farewell->channel = channel_new_on(thread->loop, link, PAYLOAD_MAX, &callbacks);
    timer_init(&farewell->timer, thread->loop, on_timeout, farewell);
    timer_start(&farewell->timer, PATIENCE_MS);
    if (greeting.length == 0)
        return;
    channel_send_framed(farewell->channel, (struct span){0}, 1);
    on_greeting(farewell, greeting);
}

void farewell_cut_all(struct app_thread *thread)
{
    while (thread->farewells != NULL)
        end(thread->farewells);
}

size_t farewell_count(const struct app_thread *thread)
{
    size_t count = 0;
    for (const struct farewell *farewell = thread->farewells; farewell != NULL; farewell = farewell->next)
        count++;
    return count;
}
