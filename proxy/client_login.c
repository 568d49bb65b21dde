/*
 * The login of client_login.h: one answer for each packet of the server, until OK or ERR.
 *
 * The password is kept, for a switch of plugins or the full exchange of caching_sha2_password, until the
 * object goes, and wiped then.
 */
#include "proxy/client_login.h"

#include "protocol/auth_native.h"
#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"
#include "protocol/constants.h"
#include "protocol/digest.h"
#include "protocol/login.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGIN_BYTES_MAX = 2048, MESSAGE_MAX = 512, SERVER_PACKET_MAX = 16 * 1024 * 1024 };

#define CAPS_ALWAYS                                                                                          \
    (CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH | CAP_LONG_FLAG | CAP_TRANSACTIONS)
#define CAPS_NEVER (CAP_SSL | CAP_COMPRESS | CAP_ZSTD | CAP_CONNECT_WITH_DB | CAP_CONNECT_ATTRS)

enum plugin { PLUGIN_KIND_NATIVE, PLUGIN_KIND_SHA2, PLUGIN_KIND_OTHER };

struct client_login {
    struct channel *channel;
    char *user;
    char *password;
    uint64_t capabilities; /* wanted, then agreed */
    enum plugin plugin;
    uint8_t scramble[SCRAMBLE_BYTES];
    bool is_secure;     /* the server wants a password in clear */
    bool has_asked_key; /* for the server's RSA key */
    client_login_done_fn *on_done;
    void *argument;
};

static enum plugin plugin_of(struct span name)
{
    if (span_is_text(name, PLUGIN_SHA2))
        return PLUGIN_KIND_SHA2;
    if (span_is_text(name, PLUGIN_NATIVE))
        return PLUGIN_KIND_NATIVE;
    return PLUGIN_KIND_OTHER;
}

void client_login_cancel(struct client_login **login)
{
    struct client_login *old = *login;
    if (old == NULL)
        return;
    *login = NULL;
    digest_wipe(old->password, strlen(old->password));
    free(old->password);
    free(old->user);
    free(old);
}

/* The login is gone afterwards. */
static void finish(struct client_login *login, enum result result, const char *message)
{
    client_login_done_fn *on_done = login->on_done;
    void *argument = login->argument;
    client_login_cancel(&login);
    on_done(argument, result, message);
}

static void finish_with_error(struct client_login *login, struct span payload)
{
    struct response_error error;
    char message[MESSAGE_MAX];
    if (response_error_decode(payload, &error) != RESULT_OK) {
        finish(login, RESULT_MALFORMED, "the server sent an error packet that cannot be read");
        return;
    }
    snprintf(message, sizeof(message), "error %u (%s): %s", error.code, error.sqlstate,
             log_quote(error.message));
    finish(login, RESULT_DENIED, message);
}

/* The first answer of the plugin; returns its length, 0 for an empty password. */
static size_t respond(const struct client_login *login, uint8_t ret_response[AUTH_SHA2_BYTES])
{
    struct span password = span_of_text(login->password);
    if (password.length == 0)
        return 0;
    if (login->plugin == PLUGIN_KIND_SHA2) {
        auth_sha2_respond(password, login->scramble, ret_response);
        return AUTH_SHA2_BYTES;
    }
    auth_native_respond(password, login->scramble, ret_response);
    return AUTH_NATIVE_BYTES;
}

static struct login packet_of(const struct client_login *login)
{
    return (struct login){.capabilities = login->capabilities,
                          .packet_max_bytes = SERVER_PACKET_MAX,
                          .charset = CHARSET_UTF8MB4,
                          .user = span_of_text(login->user)};
}

static void send_login(struct client_login *login)
{
    uint8_t response[AUTH_SHA2_BYTES];
    uint8_t bytes[LOGIN_BYTES_MAX];
    struct writer writer;
    struct login packet = packet_of(login);
    packet.plugin = span_of_text(login->plugin == PLUGIN_KIND_SHA2 ? PLUGIN_SHA2 : PLUGIN_NATIVE);
    packet.auth_response = (struct span){response, respond(login, response)};
    writer_init(&writer, bytes, sizeof(bytes));
    login_encode(&writer, &packet);
    assert(!writer_failed(&writer));
    channel_send(login->channel, writer_span_written(&writer));
}

static void on_secured(void *argument)
{
    struct client_login *login = argument;
    login->is_secure = true;
    send_login(login);
}

static void start_tls(struct client_login *login, const struct client_login_options *options)
{
    uint8_t bytes[SSL_REQUEST_BYTES];
    struct writer writer;
    struct login packet = packet_of(login);
    writer_init(&writer, bytes, sizeof(bytes));
    ssl_request_encode(&writer, &packet);
    assert(!writer_failed(&writer));
    channel_send(login->channel, writer_span_written(&writer));
    channel_secure(login->channel, tls_new(options->tls, options->host), on_secured);
}

/* What both sides have. A server whose default plugin we don't speak will ask for a switch if the account has
 * another one. */
static void agree(struct client_login *login, const struct greeting *greeting)
{
    memcpy(login->scramble, greeting->scramble, SCRAMBLE_BYTES);
    login->capabilities = (login->capabilities | CAPS_ALWAYS) & ~CAPS_NEVER & greeting->capabilities;
    if (login->capabilities >> 32 == 0)
        login->capabilities |= CAP_LONG_PASSWORD;
    else
        login->capabilities &= ~CAP_LONG_PASSWORD;
    login->plugin = plugin_of(greeting->plugin);
    if (login->plugin == PLUGIN_KIND_OTHER)
        login->plugin = PLUGIN_KIND_NATIVE;
}

static void on_switch(struct client_login *login, struct span payload)
{
    struct auth_switch wanted;
    uint8_t response[AUTH_SHA2_BYTES];
    if (auth_switch_decode(payload, &wanted) != RESULT_OK) {
        finish(login, RESULT_MALFORMED, "the server asked for an authentication that cannot be read");
        return;
    }
    login->plugin = plugin_of(wanted.plugin);
    if (login->plugin == PLUGIN_KIND_OTHER) {
        char message[MESSAGE_MAX];
        snprintf(message, sizeof(message),
                 "the account uses the authentication plugin %s; create it with " PLUGIN_SHA2
                 " or " PLUGIN_NATIVE,
                 log_quote(wanted.plugin));
        finish(login, RESULT_UNSUPPORTED, message);
        return;
    }
    if (wanted.data.length < SCRAMBLE_BYTES) {
        finish(login, RESULT_MALFORMED, "the server sent a scramble that is too short");
        return;
    }
    memcpy(login->scramble, wanted.data.data, SCRAMBLE_BYTES);
    channel_send(login->channel, (struct span){response, respond(login, response)});
}

static void send_password_in_clear(struct client_login *login)
{
    channel_send(login->channel,
                 (struct span){(const uint8_t *)login->password, strlen(login->password) + 1});
}

static void send_password_encrypted(struct client_login *login, struct span key)
{
    uint8_t bytes[DIGEST_RSA_BYTES_MAX];
    size_t length;
    enum result result =
        auth_sha2_encrypt(span_of_text(login->password), login->scramble, key, bytes, &length);
    if (result != RESULT_OK)
        finish(login, result, "the server's public key cannot be used to send the password");
    else
        channel_send(login->channel, (struct span){bytes, length});
}

static void on_more(struct client_login *login, struct span payload)
{
    static const uint8_t ask_key = AUTH_SHA2_REQUEST_KEY;
    struct span data;
    if (login->plugin != PLUGIN_KIND_SHA2 || auth_more_decode(payload, &data) != RESULT_OK ||
        data.length == 0) {
        finish(login, RESULT_MALFORMED, "the server sent authentication data that was not asked for");
        return;
    }
    if (login->has_asked_key) {
        login->has_asked_key = false;
        send_password_encrypted(login, data);
    } else if (data.length == 1 && data.data[0] == AUTH_SHA2_FULL) {
        if (login->is_secure) {
            send_password_in_clear(login);
            return;
        }
        login->has_asked_key = true;
        channel_send(login->channel, (struct span){&ask_key, 1});
    } else if (data.length != 1 || data.data[0] != AUTH_SHA2_FAST_OK) {
        finish(login, RESULT_MALFORMED, "the server sent authentication data that cannot be read");
    }
}

static void on_payload(void *argument, struct span payload)
{
    struct client_login *login = argument;
    switch (auth_packet_kind(payload)) {
    case AUTH_PACKET_OK:
        finish(login, RESULT_OK, "logged in");
        break;
    case AUTH_PACKET_ERR:
        finish_with_error(login, payload);
        break;
    case AUTH_PACKET_SWITCH:
        on_switch(login, payload);
        break;
    case AUTH_PACKET_MORE:
        on_more(login, payload);
        break;
    case AUTH_PACKET_NEXT_FACTOR:
        finish(login, RESULT_UNSUPPORTED, "the account asks for a second authentication factor");
        break;
    case AUTH_PACKET_INVALID:
        finish(login, RESULT_MALFORMED, "the server sent a packet that does not belong to a login");
        break;
    }
}

static void on_closed(void *argument, enum result reason)
{
    struct client_login *login = argument;
    char message[MESSAGE_MAX];
    const char *tls_error = channel_tls_error(login->channel);
    if (tls_error[0] != '\0')
        snprintf(message, sizeof(message), "TLS handshake failed: %s", log_quote_text(tls_error));
    else
        snprintf(message, sizeof(message), "the connection ended during the login: %s", result_text(reason));
    finish(login, reason, message);
}

struct client_login *client_login_start(struct channel *channel, struct span greeting,
                                        const struct client_login_options *options,
                                        client_login_done_fn *on_done, void *argument)
{
    struct greeting decoded;
    struct client_login *login = xcalloc(1, sizeof(*login));
    login->channel = channel;
    login->user = xstrdup(options->user == NULL ? "" : options->user);
    login->password = xstrdup(options->password == NULL ? "" : options->password);
    login->capabilities = options->capabilities;
    login->is_secure = options->is_local;
    login->on_done = on_done;
    login->argument = argument;
    if (response_is_error(greeting)) {
        finish_with_error(login, greeting);
        return NULL;
    }
    enum result result = greeting_decode(greeting, &decoded);
    if (result != RESULT_OK) {
        finish(login, result, "the server's greeting cannot be read");
        return NULL;
    }
    if (strlen(login->user) > LOGIN_BYTES_MAX / 2) {
        finish(login, RESULT_TOO_LARGE, "the configured user name is too long");
        return NULL;
    }
    bool is_tls_wanted = tls_context_is_on(options->tls) && !options->is_local;
    bool has_tls = (decoded.capabilities & CAP_SSL) != 0;
    if (is_tls_wanted && !has_tls && tls_context_mode(options->tls) >= TLS_REQUIRED) {
        finish(login, RESULT_UNSUPPORTED, "the server offers no TLS, which tls asks for");
        return NULL;
    }
    agree(login, &decoded);
    const struct channel_callbacks callbacks = {on_payload, on_closed, login};
    channel_set_callbacks(channel, &callbacks);
    if (is_tls_wanted && has_tls) {
        login->capabilities |= CAP_SSL;
        start_tls(login, options);
    } else {
        send_login(login);
    }
    return login;
}
