/* The life of a connection to the replication port, after replica.h. */
#include "proxy/replica.h"

#include "protocol/constants.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOGIN_PAYLOAD_MAX = 64 * 1024,
    COMMAND_PAYLOAD_MAX = 32 * 1024 * 1024, /* a dump command with a much broken GTID set */
    LOGIN_TIMEOUT_MS = 10000,
};

/* Without compression; what a server of the flavour offers that clients rely on. */
static const uint64_t offered = CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB | CAP_PROTOCOL_41 |
                                CAP_TRANSACTIONS | CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS |
                                CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC |
                                CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES;

static const bool allowed_moves[REPLICA_ENDED + 1][REPLICA_ENDED + 1] = {
    [REPLICA_LOGIN] = {[REPLICA_COMMANDS] = true,  [REPLICA_CLOSING] = true, [REPLICA_ENDED] = true},
    [REPLICA_COMMANDS] = {[REPLICA_LOCATING] = true,    [REPLICA_CLOSING] = true, [REPLICA_ENDED] = true},
    [REPLICA_LOCATING] = {[REPLICA_ATTACHING] = true,  [REPLICA_CLOSING] = true, [REPLICA_ENDED] = true},
    [REPLICA_ATTACHING] = {[REPLICA_STREAMING] = true,    [REPLICA_ENDED] = true},
    [REPLICA_STREAMING] = {[REPLICA_ENDED] = true},
    [REPLICA_CLOSING] = {[REPLICA_ENDED] = true   },
};

void replica_set_state(struct replica *replica, enum replica_state state)
{
    assert(allowed_moves[replica->state][state]);
    replica->state = state;
}

static void on_turn_over_free(void *argument)
{
    free(argument);
}

static void release(struct replica *replica)
{
    if (replica->login != NULL)
        server_login_cancel(&replica->login);
    channel_free(&replica->channel);
    replica_stop_stream(replica);
    replica_session_release(&replica->session);
    replica_request_release(&replica->request);
    replica_skip_release(&replica->skip);
}

void replica_end(struct replica *replica, const char *reason)
{
    if (replica->state == REPLICA_ENDED)
        return;
    bool was_attached = replica->is_attached;
    struct position sent = replica_sent(replica);
    replica_set_state(replica, REPLICA_ENDED);
    if (reason != NULL)
        snprintf(replica->last_error, sizeof(replica->last_error), "%s", reason);
    if (was_attached)
        log_info(replica->label, "detached%s%s", reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
    struct fanout *fanout = replica->fanout;
    fanout_remove(fanout, replica);
    release(replica);
    loop_defer(fanout->loop, on_turn_over_free, replica);
    if (was_attached && fanout->callbacks.on_detached != NULL)
        fanout->callbacks.on_detached(fanout->callbacks.argument, replica->id, replica->voter, sent);
}

void replica_refuse(struct replica *replica, uint16_t code, const char *text)
{
    uint8_t bytes[1024];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    response_error_encode(&writer, code, span_of_text(text));
    channel_send(replica->channel, writer_span_written(&writer));
    channel_close_when_sent(replica->channel);
    snprintf(replica->last_error, sizeof(replica->last_error), "%s", text);
    replica_set_state(replica, REPLICA_CLOSING);
}

static void on_closed(void *argument, enum result reason)
{
    struct replica *replica = argument;
    replica_end(replica, reason == RESULT_CLOSED ? NULL : result_text(reason));
}

static void ignore_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
}

static void listen_for_commands(struct replica *replica)
{
    struct channel_callbacks callbacks = {replica_on_payload, on_closed, replica};
    channel_set_callbacks(replica->channel, &callbacks);
    channel_set_payload_max(replica->channel, COMMAND_PAYLOAD_MAX);
}

static void on_login(void *argument, enum result result, const struct server_login_outcome *outcome)
{
    struct replica *replica = argument;
    replica->login = NULL;
    struct channel_callbacks callbacks = {ignore_payload, on_closed, replica};
    channel_set_callbacks(replica->channel, &callbacks);
    if (result == RESULT_DENIED || result == RESULT_OK) {
        if (result == RESULT_OK) {
            replica->session.caps = outcome->capabilities;
            replica_set_state(replica, REPLICA_COMMANDS);
            listen_for_commands(replica);
        }
        return;
    }
    if (server_login_is_broken(result))
        replica_end(replica, result_text(result));
}

static uint64_t capabilities_of(enum flavor flavor)
{
    /* a MariaDB server leaves LONG_PASSWORD out, and knows no query attributes */
    return flavor == FLAVOR_MARIADB ? offered & ~(CAP_LONG_PASSWORD | CAP_QUERY_ATTRIBUTES) : offered;
}

static void start_login(struct replica *replica, const char *version)
{
    struct fanout *fanout = replica->fanout;
    bool is_mariadb = strstr(version, "MariaDB") != NULL;
    struct server_login_options options = {
        .accounts = fanout->accounts,
        .account_count = 1,
        .server_version = version,
        .connection_id = (uint32_t)replica->id,
        .capabilities = capabilities_of(is_mariadb ? FLAVOR_MARIADB : FLAVOR_MYSQL),
        .timeout_ms = LOGIN_TIMEOUT_MS,
        .object = replica->label,
        .tls = fanout->tls,
    };
    replica->login = server_login_start(fanout->loop, replica->channel, &options, on_login, replica);
}

struct replica *replica_new(struct fanout *fanout, uint64_t id, int fd)
{
    struct replica *replica = xcalloc(1, sizeof(*replica));
    struct channel_callbacks callbacks = {ignore_payload, on_closed, replica};
    replica->fanout = fanout;
    replica->id = id;
    replica->voter = FANOUT_OBSERVER;
    replica->channel = channel_new(fanout->loop, fd, LOGIN_PAYLOAD_MAX, &callbacks);
    snprintf(replica->peer, sizeof(replica->peer), "%s", channel_peer(replica->channel));
    snprintf(replica->name, sizeof(replica->name), "observer-%llu", (unsigned long long)id);
    snprintf(replica->label, sizeof(replica->label), "replication %llu %.60s", (unsigned long long)id,
             replica->peer);
    const char *version = fanout_version(fanout);
    if (version[0] == '\0' || store_is_empty(fanout->store))
        replica_refuse(replica, ERROR_CODE_UNKNOWN,
                       "ackgate: the source has not been reached yet, there is nothing to replicate");
    else
        start_login(replica, version);
    return replica;
}
