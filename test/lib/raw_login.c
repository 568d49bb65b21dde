/* Logging in by hand, see raw_client.h. */
#include <string.h>

#include "protocol/auth_native.h"
#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"
#include "protocol/constants.h"
#include "protocol/greeting.h"
#include "protocol/login.h"
#include "protocol/response.h"
#include "test/lib/raw_client.h"
#include "test/lib/raw_parsec.h"

#define USUAL_CAPABILITIES                                                                                   \
    (CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH |         \
     CAP_TRANSACTIONS | CAP_MULTI_STATEMENTS | CAP_MULTI_RESULTS)

static const char attributes[] = "\x0c_client_name\x03raw";

struct raw_auth {
    struct span password;
    char plugin[64];
    uint8_t scramble[SCRAMBLE_BYTES];
};

static struct span last_payload(const struct raw_client *client)
{
    return (struct span){client->payload, client->payload_bytes};
}

static void must_read(struct place where, struct raw_client *client, const char *what)
{
    if (raw_read_packet(client) != RAW_PACKET)
        fail_at(where, "login: no %s", what);
}

/* Length of the response, 0 for an empty password. */
static size_t respond(struct place where, const struct raw_auth *auth, uint8_t *ret_response)
{
    if (auth->password.length == 0)
        return 0;
    if (strcmp(auth->plugin, PLUGIN_NATIVE) == 0) {
        auth_native_respond(auth->password, auth->scramble, ret_response);
        return AUTH_NATIVE_BYTES;
    }
    if (strcmp(auth->plugin, PLUGIN_SHA2) != 0)
        fail_at(where, "login: plugin %s is not known here", auth->plugin);
    auth_sha2_respond(auth->password, auth->scramble, ret_response);
    return AUTH_SHA2_BYTES;
}

static void take_greeting(struct place where, struct raw_client *client, struct raw_auth *auth)
{
    struct greeting greeting;

    must_read(where, client, "greeting");
    if (greeting_decode(last_payload(client), &greeting) != RESULT_OK ||
        span_copy_text(greeting.plugin, auth->plugin, sizeof auth->plugin) != RESULT_OK)
        fail_at(where, "login: bad greeting: %.*s", (int)client->payload_bytes,
                (const char *)client->payload);
    memcpy(auth->scramble, greeting.scramble, SCRAMBLE_BYTES);
    client->thread_id = greeting.thread_id;
    client->offered = greeting.capabilities;
}

static void take_switch(struct place where, struct raw_client *client, struct raw_auth *auth)
{
    struct auth_switch auth_switch;
    uint8_t response[AUTH_SHA2_BYTES];

    if (auth_switch_decode(last_payload(client), &auth_switch) != RESULT_OK ||
        span_copy_text(auth_switch.plugin, auth->plugin, sizeof auth->plugin) != RESULT_OK)
        fail_at(where, "login: bad authentication switch");
    if (strcmp(auth->plugin, RAW_PARSEC) == 0) {
        raw_parsec_respond(client, auth_switch.data, auth->password);
        return;
    }
    if (auth_switch.data.length != SCRAMBLE_BYTES)
        fail_at(where, "login: bad scramble");
    memcpy(auth->scramble, auth_switch.data.data, SCRAMBLE_BYTES);
    size_t length = respond(where, auth, response);
    if (!raw_send_packet(client, response, length))
        fail_at(where, "login: the peer has closed");
}

/* caching_sha2_password's full way: ask for the key, send the password encrypted with it. */
static void take_more(struct place where, struct raw_client *client, const struct raw_auth *auth)
{
    uint8_t encrypted[DIGEST_RSA_BYTES_MAX];
    const uint8_t request = AUTH_SHA2_REQUEST_KEY;
    struct span data;
    size_t length;

    if (auth_more_decode(last_payload(client), &data) != RESULT_OK || data.length != 1)
        fail_at(where, "login: unexpected authentication data");
    if (data.data[0] == AUTH_SHA2_FAST_OK)
        return;
    if (!raw_send_packet(client, &request, 1))
        fail_at(where, "login: the peer has closed");
    must_read(where, client, "public key");
    if (auth_more_decode(last_payload(client), &data) != RESULT_OK ||
        auth_sha2_encrypt(auth->password, auth->scramble, data, encrypted, &length) != RESULT_OK)
        fail_at(where, "login: the public key cannot be used");
    if (!raw_send_packet(client, encrypted, length))
        fail_at(where, "login: the peer has closed");
}

static void send_login(struct place where, struct raw_client *client, const struct raw_auth *auth,
                       const char *user, const char *db)
{
    uint8_t bytes[512], response[AUTH_SHA2_BYTES];
    struct writer writer;
    struct login login = {
        .capabilities = client->capabilities,
        .packet_max_bytes = 1U << 24,
        .charset = CHARSET_UTF8MB4,
        .user = span_of_text(user),
        .auth_response = {response, respond(where, auth, response)},
        .database = span_of_text(db),
        .plugin = span_of_text(auth->plugin),
        .attributes = span_of_text(attributes),
        .zstd_level = 3,
    };

    writer_init(&writer, bytes, sizeof bytes);
    login_encode(&writer, &login);
    if (writer_failed(&writer) || !raw_send_packet(client, bytes, writer.length))
        fail_at(where, "login: cannot be sent");
}

/* True: OK; false: refused, or closed without an answer. */
static bool finish(struct place where, struct raw_client *client, struct raw_auth *auth)
{
    while (raw_read_packet(client) == RAW_PACKET) {
        switch (auth_packet_kind(last_payload(client))) {
        case AUTH_PACKET_OK:
            return true;
        case AUTH_PACKET_SWITCH:
            take_switch(where, client, auth);
            break;
        case AUTH_PACKET_MORE:
            take_more(where, client, auth);
            break;
        case AUTH_PACKET_NEXT_FACTOR: /* one that asks for nothing */
            if (!raw_send_packet(client, "", 0))
                return false;
            break;
        case AUTH_PACKET_ERR:
        case AUTH_PACKET_INVALID:
            return false;
        }
    }
    return false;
}

static void keep_scramble(struct raw_client *client, const struct raw_auth *auth)
{
    memcpy(client->scramble, auth->scramble, SCRAMBLE_BYTES);
    memcpy(client->plugin, auth->plugin, sizeof client->plugin);
}

static void log_in(struct place where, struct raw_client *client, struct raw_auth *auth, const char *user,
                   const char *db)
{
    send_login(where, client, auth, user, db);
    bool is_in = finish(where, client, auth);
    keep_scramble(client, auth);
    if (!is_in)
        fail_at(where, "login as %s: refused or not answered: %.*s", user, (int)client->payload_bytes,
                client->payload ? (const char *)client->payload : "");
}

void raw_login_at(struct place where, struct raw_client *client, const char *user, const char *password,
                  uint64_t more, uint64_t fewer)
{
    struct raw_auth auth = {.password = span_of_text(password)};

    take_greeting(where, client, &auth);
    client->capabilities = (USUAL_CAPABILITIES | more) & ~fewer & (client->offered | CAP_LONG_PASSWORD);
    log_in(where, client, &auth, user, "");
}

void raw_login_as_at(struct place where, struct raw_client *client, const char *user, const char *password,
                     const char *db, uint64_t capabilities)
{
    struct raw_auth auth = {.password = span_of_text(password)};

    take_greeting(where, client, &auth);
    client->capabilities = capabilities & client->offered;
    log_in(where, client, &auth, user, db);
}

/* As client libraries do: with the last scramble that the server has sent. */
bool raw_change_user_at(struct place where, struct raw_client *client, const char *user, const char *password,
                        const char *db)
{
    struct raw_auth auth = {.password = span_of_text(password)};
    uint8_t bytes[512], response[AUTH_SHA2_BYTES];
    struct writer writer;
    struct login login = {
        .capabilities = client->capabilities,
        .charset = CHARSET_UTF8MB4,
        .user = span_of_text(user),
        .database = span_of_text(db),
        .plugin = span_of_text(client->plugin),
        .attributes = span_of_text(attributes),
    };

    memcpy(auth.scramble, client->scramble, SCRAMBLE_BYTES);
    memcpy(auth.plugin, client->plugin, sizeof auth.plugin);
    login.auth_response = (struct span){response, respond(where, &auth, response)};
    writer_init(&writer, bytes, sizeof bytes);
    change_user_encode(&writer, &login);
    raw_restart(client);
    if (writer_failed(&writer))
        fail_at(where, "change of the user: too long");
    return raw_send_packet(client, bytes, writer.length) && finish(where, client, &auth);
}
