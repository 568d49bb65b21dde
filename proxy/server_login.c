/*
 * The server's side of the connection phase, of server_login.h.
 *
 * Three packets of the client's at most: an SSLRequest, the login, and the answer to one auth switch. The
 * greeting names caching_sha2_password; a client that comes with mysql_native_password is checked by that,
 * and switched to it where it could not use the greeting's scramble (MariaDB's clients and replicas send an
 * empty response then). Unknown users run through the same steps as known ones.
 */
#include "proxy/server_login.h"

#include "protocol/auth_native.h"
#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"
#include "protocol/constants.h"
#include "protocol/login.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "proxy/timer.h"
#include "proxy/tls_log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USER_MAX = 128, PACKET_MAX = 1024, DENIED_BURST = 10, DENIED_PERIOD_MS = 10000 };

#define NEEDED_CAPS                                                                                          \
    (CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH | CAP_PLUGIN_AUTH_LENENC | CAP_CONNECT_ATTRS)

enum plugin { PLUGIN_IS_SHA2, PLUGIN_IS_NATIVE, PLUGIN_IS_OTHER };

struct server_login {
    struct channel *channel;
    struct server_login_options options;
    struct server_login_outcome outcome;
    struct timer timeout;
    server_login_done_fn *on_done;
    void *argument;
    uint8_t scramble[SCRAMBLE_BYTES];
    enum plugin plugin; /* whose response is awaited, once has_login */
    bool has_login;
    char user[USER_MAX + 1];
};

static struct log_limit denied_limit;

static void ignore_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
}

static void ignore_closed(void *argument, enum result reason)
{
    (void)argument;
    (void)reason;
}

static const struct channel_callbacks nobody = {ignore_payload, ignore_closed, NULL};

bool server_login_is_broken(enum result result)
{
    return result == RESULT_CLOSED || result == RESULT_IO || result == RESULT_SEQUENCE ||
           result == RESULT_TOO_LARGE || result == RESULT_FULL;
}

static void release(struct server_login *login)
{
    timer_release(&login->timeout);
    free(login);
}

/* The last thing a callback does: neither login nor channel may be touched afterwards. */
static void finish(struct server_login *login, enum result result)
{
    server_login_done_fn *on_done = login->on_done;
    void *argument = login->argument;
    struct server_login_outcome outcome = login->outcome;
    channel_set_callbacks(login->channel, &nobody);
    release(login);
    on_done(argument, result, result == RESULT_OK ? &outcome : NULL);
}

static void refuse(struct server_login *login, enum result result, uint16_t code, const char *message)
{
    uint8_t bytes[PACKET_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    response_error_encode(&writer, code, span_of_text(message));
    assert(!writer_failed(&writer));
    channel_send(login->channel, writer_span_written(&writer));
    channel_close_when_sent(login->channel);
    finish(login, result);
}

static void refuse_denied(struct server_login *login, bool has_response)
{
    char message[512];
    const char *peer = channel_peer(login->channel);
    const char *colon = strrchr(peer, ':');
    unsigned suppressed = 0;
    if (log_limit_allows(&denied_limit, DENIED_BURST, DENIED_PERIOD_MS, &suppressed))
        log_warn(login->options.object, "login of %s from %s refused: wrong user or password%s",
                 log_quote_text(login->user), peer, suppressed > 0 ? " (and others before)" : "");
    snprintf(message, sizeof(message), "Access denied for user '%s'@'%.*s' (using password: %s)", login->user,
             colon != NULL ? (int)(colon - peer) : (int)strlen(peer), peer, has_response ? "YES" : "NO");
    refuse(login, RESULT_DENIED, ERROR_CODE_ACCESS_DENIED, message);
}

static void send_ok(struct server_login *login, bool is_fast_sha2)
{
    uint8_t bytes[PACKET_MAX];
    struct writer writer;
    if (is_fast_sha2) {
        uint8_t fast = AUTH_SHA2_FAST_OK;
        writer_init(&writer, bytes, sizeof(bytes));
        auth_more_encode(&writer, (struct span){&fast, 1});
        channel_send(login->channel, writer_span_written(&writer));
    }
    struct response_ok ok = {.header = RESPONSE_HEADER_OK, .status = STATUS_AUTOCOMMIT};
    writer_init(&writer, bytes, sizeof(bytes));
    response_ok_encode(&writer, &ok, login->outcome.capabilities);
    assert(!writer_failed(&writer));
    channel_send(login->channel, writer_span_written(&writer));
    finish(login, RESULT_OK);
}

/* caching_sha2_password says "no password" with a single NUL, mysql_native_password with nothing. */
static bool is_empty_response(struct span response)
{
    return response.length == 0 || (response.length == 1 && response.data[0] == '\0');
}

static bool account_matches(const struct server_login *login, const struct config_account *account,
                            struct span response)
{
    if (!account->has_password)
        return is_empty_response(response);
    if (login->plugin == PLUGIN_IS_NATIVE)
        return auth_native_verify(response, login->scramble, account->native_hash);
    return auth_sha2_verify(response, login->scramble, account->sha2_hash);
}

static bool is_schema_known(const struct server_login *login)
{
    return login->options.schema == NULL || login->outcome.db[0] == '\0' ||
           span_is_text_nocase(span_of_text(login->outcome.db), login->options.schema);
}

static void refuse_schema(struct server_login *login)
{
    char message[256];
    snprintf(message, sizeof(message), "Unknown database '%s'; the only one is %s", login->outcome.db,
             login->options.schema);
    refuse(login, RESULT_NOT_FOUND, ERROR_CODE_BAD_DB, message);
}

/* All accounts are looked at, so that time does not tell whether there is such a user. */
static void check_response(struct server_login *login, struct span response)
{
    bool is_found = false;
    for (size_t i = 0; i < login->options.account_count; i++) {
        const struct config_account *account = login->options.accounts[i];
        bool is_match = account_matches(login, account, response);
        if (is_match && !is_found && account->user != NULL && strcmp(account->user, login->user) == 0) {
            is_found = true;
            login->outcome.account = i;
        }
    }
    if (!is_found)
        refuse_denied(login, !is_empty_response(response));
    else if (!is_schema_known(login))
        refuse_schema(login);
    else
        send_ok(login, login->plugin == PLUGIN_IS_SHA2 && !is_empty_response(response));
}

static void send_switch(struct server_login *login, enum plugin plugin)
{
    uint8_t bytes[PACKET_MAX];
    struct writer writer;
    login->plugin = plugin;
    greeting_scramble_random(login->scramble);
    struct auth_switch message = {
        .plugin = span_of_text(plugin == PLUGIN_IS_NATIVE ? PLUGIN_NATIVE : PLUGIN_SHA2),
        .data = {login->scramble, SCRAMBLE_BYTES},
    };
    writer_init(&writer, bytes, sizeof(bytes));
    auth_switch_encode(&writer, &message);
    assert(!writer_failed(&writer));
    channel_send(login->channel, writer_span_written(&writer));
}

/* What a plugin's name says about the client: MariaDB's own plugins come from a library that always has the
 * native one, everything else has caching_sha2_password. */
static enum plugin plugin_for_switch(struct span name)
{
    if (span_is_text(name, PLUGIN_ED25519) || span_is_text(name, "parsec") || span_is_text(name, "dialog"))
        return PLUGIN_IS_NATIVE;
    return PLUGIN_IS_SHA2;
}

static enum plugin plugin_of(const struct login *packet)
{
    if ((packet->capabilities & CAP_PLUGIN_AUTH) == 0 || span_is_text(packet->plugin, PLUGIN_NATIVE))
        return PLUGIN_IS_NATIVE;
    return span_is_text(packet->plugin, PLUGIN_SHA2) ? PLUGIN_IS_SHA2 : PLUGIN_IS_OTHER;
}

static void refuse_plain(struct server_login *login)
{
    tls_log_plain(login->options.object, channel_peer(login->channel));
    refuse(login, RESULT_DENIED, ERROR_CODE_SECURE_TRANSPORT_REQUIRED,
           "Connections using insecure transport are prohibited: ackgate has tls = required on this port");
}

static bool is_tls_missing(const struct server_login *login)
{
    return tls_context_mode(login->options.tls) >= TLS_REQUIRED && !channel_is_secure(login->channel);
}

static void on_login(struct server_login *login, struct span payload)
{
    struct login packet;
    if (login_is_ssl_request(payload) || login_decode(payload, &packet) != RESULT_OK) {
        refuse(login, RESULT_MALFORMED, ERROR_CODE_BAD_HANDSHAKE, "Bad handshake");
        return;
    }
    if (is_tls_missing(login)) {
        refuse_plain(login);
        return;
    }
    login->has_login = true;
    login->outcome.capabilities = packet.capabilities & login->options.capabilities;
    login->outcome.charset = (uint8_t)packet.charset;
    if (span_copy_text(packet.database, login->outcome.db, sizeof(login->outcome.db)) != RESULT_OK)
        login->outcome.db[0] = '\0';
    if (span_copy_text(packet.user, login->user, sizeof(login->user)) != RESULT_OK) {
        snprintf(login->user, sizeof(login->user), "%s", "(name too long)");
        refuse_denied(login, true);
        return;
    }
    login->plugin = plugin_of(&packet);
    bool can_switch = (packet.capabilities & CAP_PLUGIN_AUTH) != 0;
    if (login->plugin == PLUGIN_IS_OTHER)
        send_switch(login, plugin_for_switch(packet.plugin));
    else if (login->plugin == PLUGIN_IS_NATIVE && can_switch && packet.auth_response.length == 0)
        send_switch(login, PLUGIN_IS_NATIVE);
    else
        check_response(login, packet.auth_response);
}

static void on_payload(void *argument, struct span payload)
{
    struct server_login *login = argument;
    bool may_secure = tls_context_is_on(login->options.tls) && channel_tls(login->channel) == NULL;
    if (login->has_login)
        check_response(login, payload);
    else if (may_secure && login_is_ssl_request(payload))
        channel_secure(login->channel, tls_new(login->options.tls, NULL), NULL);
    else
        on_login(login, payload);
}

static void on_closed(void *argument, enum result reason)
{
    struct server_login *login = argument;
    const char *why = channel_tls_error(login->channel);
    if (why[0] != '\0')
        tls_log_failed(login->options.object, channel_peer(login->channel), why);
    log_debug(login->options.object, "connection from %s ended before its login: %s",
              channel_peer(login->channel), result_text(reason));
    finish(login, server_login_is_broken(reason) ? reason : RESULT_CLOSED);
}

static void on_timeout(void *argument)
{
    struct server_login *login = argument;
    if (channel_is_securing(login->channel))
        tls_log_failed(login->options.object, channel_peer(login->channel), "it was not finished in time");
    log_debug(login->options.object, "no login from %s within %llu ms", channel_peer(login->channel),
              (unsigned long long)login->options.timeout_ms);
    refuse(login, RESULT_TIMEOUT, ERROR_CODE_READ_TIMEOUT, "ackgate: no login came in time");
}

static void send_greeting(struct server_login *login)
{
    uint8_t bytes[PACKET_MAX];
    struct writer writer;
    struct greeting greeting = {
        .server_version = span_of_text(login->options.server_version),
        .thread_id = login->options.connection_id,
        .capabilities = login->options.capabilities,
        .status = STATUS_AUTOCOMMIT,
        .charset = CHARSET_UTF8MB4,
        .plugin = span_of_text(PLUGIN_SHA2),
    };
    greeting_scramble_random(login->scramble);
    memcpy(greeting.scramble, login->scramble, SCRAMBLE_BYTES);
    writer_init(&writer, bytes, sizeof(bytes));
    greeting_encode(&writer, &greeting);
    assert(!writer_failed(&writer));
    channel_send(login->channel, writer_span_written(&writer));
}

struct server_login *server_login_start(struct loop *loop, struct channel *channel,
                                        const struct server_login_options *options,
                                        server_login_done_fn *on_done, void *argument)
{
    struct server_login *login = xcalloc(1, sizeof(*login));
    login->channel = channel;
    login->options = *options;
    login->options.capabilities |= NEEDED_CAPS;
    if (tls_context_is_on(options->tls))
        login->options.capabilities |= CAP_SSL;
    login->on_done = on_done;
    login->argument = argument;
    const struct channel_callbacks callbacks = {on_payload, on_closed, login};
    channel_set_callbacks(channel, &callbacks);
    timer_init(&login->timeout, loop, on_timeout, login);
    timer_start(&login->timeout, options->timeout_ms);
    send_greeting(login);
    return login;
}

void server_login_cancel(struct server_login **login)
{
    struct server_login *old = *login;
    if (old == NULL)
        return;
    *login = NULL;
    channel_set_callbacks(old->channel, &nobody);
    release(old);
}
