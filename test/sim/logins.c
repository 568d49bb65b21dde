/*
 * What stands between a connection and its stream, shortened: logins (client_login.h, server_login.h), the
 * source's handshake and look-over (source_handshake.h, source_check.h), and the helper thread that
 * source.c looks over on, as items of the schedule.
 */
#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/client_login.h"
#include "proxy/server_login.h"
#include "proxy/source_check.h"
#include "proxy/source_handshake.h"
#include "test/sim/channel.h"
#include "test/sim/dice.h"
#include "test/sim/link.h"
#include "test/sim/schedule.h"
#include "test/sim/source.h"
#include "test/sim/world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

/* ---- at the source ---- */

struct client_login {
    client_login_done_fn *on_done;
    void *argument;
    uint64_t id;
};

static void on_logged_in(void *argument)
{
    struct client_login login = *(struct client_login *)argument;
    free(argument);
    login.on_done(login.argument, RESULT_OK, "");
}

struct client_login *client_login_start(struct channel *channel, struct span greeting,
                                        const struct client_login_options *options,
                                        client_login_done_fn *on_done, void *argument)
{
    (void)channel;
    (void)greeting;
    (void)options;
    struct client_login *login = xmalloc(sizeof(*login));
    *login = (struct client_login){on_done, argument, 0};
    login->id = schedule_after(dice_between(100, 2000), GROUP_DAEMON, on_logged_in, login);
    return login;
}

void client_login_cancel(struct client_login **login)
{
    if (*login == NULL)
        return;
    schedule_cancel((*login)->id);
    free(*login);
    *login = NULL;
}

struct source_handshake {
    source_handshake_done_fn *on_done;
    void *argument;
    struct link *link;
    struct position start;
    bool is_semi_sync;
    uint64_t id;
};

static void on_dump_asked(void *argument)
{
    struct source_handshake handshake = *(struct source_handshake *)argument;
    free(argument);
    if (!world_is_ghost())
        source_begin_dump(handshake.link, handshake.start, handshake.is_semi_sync);
    handshake.on_done(handshake.argument, RESULT_OK, "");
}

struct source_handshake *source_handshake_start(struct channel *channel,
                                                const struct source_handshake_options *options,
                                                source_handshake_done_fn *on_done, void *argument)
{
    struct source_handshake *handshake = xmalloc(sizeof(*handshake));
    *handshake = (struct source_handshake){
        .on_done = on_done,
        .argument = argument,
        .link = sim_channel_link(channel),
        .start.offset = options->offset,
        .is_semi_sync = options->is_semi_sync,
    };
    if (binlog_name_parse(span_of_text(options->file), NULL, &handshake->start.file) != RESULT_OK)
        world_fail("a dump of a file called %s", options->file);
    handshake->id = schedule_after(dice_between(100, 3000), GROUP_DAEMON, on_dump_asked, handshake);
    return handshake;
}

void source_handshake_cancel(struct source_handshake **handshake)
{
    if (*handshake == NULL)
        return;
    schedule_cancel((*handshake)->id);
    free(*handshake);
    *handshake = NULL;
}

enum result __wrap_source_check(const struct config *config, const struct source_check_request *request,
                                struct source_facts *ret_facts, char ret_reason[SOURCE_REASON_MAX]);
enum result __wrap_source_check_tail(const struct config *config, struct source_facts *facts);
enum result __wrap_source_check_peers(const struct config *config, char ret_reason[SOURCE_REASON_MAX]);

enum result __wrap_source_check(const struct config *config, const struct source_check_request *request,
                                struct source_facts *ret_facts, char ret_reason[SOURCE_REASON_MAX])
{
    (void)config;
    if (!source_is_up()) {
        snprintf(ret_reason, SOURCE_REASON_MAX, "it is down");
        return RESULT_IO;
    }
    if (request->repairs != NULL && !world_is_ghost())
        source_repair_xa(request->repairs);
    source_fill_facts(ret_facts, true);
    return request->needs_files && !ret_facts->has_tail ? RESULT_IO : RESULT_OK;
}

enum result __wrap_source_check_tail(const struct config *config, struct source_facts *facts)
{
    (void)config;
    if (!source_is_up())
        return RESULT_IO;
    source_fill_facts(facts, true);
    return facts->has_tail ? RESULT_OK : RESULT_IO;
}

enum result __wrap_source_check_peers(const struct config *config, char ret_reason[SOURCE_REASON_MAX])
{
    (void)config;
    (void)ret_reason;
    return source_is_up() ? RESULT_OK : RESULT_IO;
}

/* ---- chance ---- */

ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)dice_next();
    return (ssize_t)length;
}

/* ---- the helper thread ---- */

struct helper {
    void *(*run)(void *);
    void *argument;
    uint64_t id;
};

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_join(pthread_t thread, void **ret_value);

static void on_helper(void *argument)
{
    struct helper *helper = argument;
    helper->id = 0;
    helper->run(helper->argument);
}

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    (void)attributes;
    struct helper *helper = xmalloc(sizeof(*helper));
    *helper = (struct helper){run, argument, 0};
    helper->id = schedule_after(dice_between(200, 20000), GROUP_DAEMON, on_helper, helper);
    *ret_thread = (pthread_t)(uintptr_t)helper;
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret_value)
{
    struct helper *helper = (struct helper *)(uintptr_t)thread;
    (void)ret_value;
    if (helper->id != 0) {
        schedule_cancel(helper->id);
        helper->run(helper->argument);
    }
    free(helper);
    return 0;
}

/* ---- replicas at the replication port ---- */

struct server_login {
    struct channel *channel;
    server_login_done_fn *on_done;
    void *argument;
    uint64_t id;
};

static void on_let_in(void *argument)
{
    struct server_login login = *(struct server_login *)argument;
    struct server_login_outcome outcome = {.capabilities = CAP_PROTOCOL_41 | CAP_PLUGIN_AUTH};
    free(argument);
    link_say_login(sim_channel_link(login.channel));
    login.on_done(login.argument, RESULT_OK, &outcome);
}

bool server_login_is_broken(enum result result)
{
    return result != RESULT_DENIED;
}

struct server_login *server_login_start(struct loop *loop, struct channel *channel,
                                        const struct server_login_options *options,
                                        server_login_done_fn *on_done, void *argument)
{
    (void)loop;
    (void)options;
    struct server_login *login = xmalloc(sizeof(*login));
    *login = (struct server_login){channel, on_done, argument, 0};
    login->id = schedule_after(dice_between(50, 2000), GROUP_DAEMON, on_let_in, login);
    return login;
}

void server_login_cancel(struct server_login **login)
{
    if (*login == NULL)
        return;
    schedule_cancel((*login)->id);
    free(*login);
    *login = NULL;
}
