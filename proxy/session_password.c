/* The step between two kinds of connections, as session_password.h tells. */
#include "proxy/session_password.h"

#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"
#include "protocol/constants.h"
#include "protocol/digest.h"
#include "protocol/rsa_key.h"
#include "protocol/xalloc.h"
#include "proxy/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NOBODYS_PASSWORD_BYTES = 24, MORE_BYTES_MAX = 1 + RSA_KEY_PEM_MAX };

static enum session_plugin plugin_of(struct span name)
{
    if (span_is_text(name, PLUGIN_SHA2))
        return SESSION_PLUGIN_SHA2;
    if (span_is_text(name, PLUGIN_SHA256))
        return SESSION_PLUGIN_SHA256;
    /* PAM's */
    return span_is_text(name, PLUGIN_CLEAR) || span_is_text(name, PLUGIN_DIALOG) ? SESSION_PLUGIN_CLEAR
                                                                                 : SESSION_PLUGIN_OTHER;
}

void session_password_set_plugin(struct session_password *password, struct span name, struct span scramble)
{
    password->plugin = (uint8_t)plugin_of(name);
    password->stage = PASSWORD_NOT_ASKED;
    if (scramble.length >= SCRAMBLE_BYTES)
        memcpy(password->scramble, scramble.data, SCRAMBLE_BYTES);
}

void session_password_forget(struct session_password *password)
{
    if (password->clear != NULL)
        digest_wipe(password->clear, password->length);
    free(password->clear);
    password->clear = NULL;
    password->length = 0;
    password->stage = PASSWORD_NOT_ASKED;
}

static uint8_t key_request_of(const struct session *session)
{
    return session->password.plugin == SESSION_PLUGIN_SHA2 ? AUTH_SHA2_REQUEST_KEY : AUTH_SHA256_REQUEST_KEY;
}

/* Whether the source wants that plugin's password in the clear: sha256_password over TLS only, others over a
 * Unix socket too. */
static bool wants_clear(const struct session *session, enum session_plugin plugin)
{
    if (plugin == SESSION_PLUGIN_SHA256)
        return conn_is_secure(&session->source.conn);
    return session_is_source_secure(session);
}

static bool is_misplaced(const struct session *session, const struct login *login)
{
    enum session_plugin plugin = plugin_of(login->plugin);
    bool is_from_secure = session_is_client_secure(session);
    bool is_to_secure = wants_clear(session, plugin);
    switch (plugin) {
    case SESSION_PLUGIN_SHA256: /* over a Unix socket some clients ask for the key too */
        return is_from_secure != is_to_secure || (is_to_secure && login->auth_response.length == 1);
    case SESSION_PLUGIN_CLEAR:
        return is_from_secure && !is_to_secure;
    default:
        return false;
    }
}

bool session_password_take_out(const struct session *session, struct login *login)
{
    if (!is_misplaced(session, login))
        return false;
    login->plugin = span_of_text("none");
    login->auth_response = (struct span){0};
    return true;
}

bool session_password_is_exposed(const struct session *session)
{
    return session->password.plugin == SESSION_PLUGIN_CLEAR && session_is_client_secure(session) &&
           !session_is_source_secure(session);
}

/* ---- to the source ---- */

static void send_clear(struct session *session, const uint8_t *password, size_t length)
{
    uint8_t bytes[AUTH_SHA2_PASSWORD_MAX + 1] = {0};
    assert(length <= AUTH_SHA2_PASSWORD_MAX);
    memcpy(bytes, password, length);
    session_auth_send_source(session, (struct span){bytes, length + 1});
    digest_wipe(bytes, sizeof(bytes));
}

static void decrypt_and_send(struct session *session, struct span encrypted)
{
    uint8_t password[AUTH_SHA2_PASSWORD_MAX + 1];
    size_t length = 0;
    const struct rsa_key *key = session->thread->shared->rsa_key;
    if (auth_sha2_decrypt(key, session->password.scramble, encrypted, password, &length) != RESULT_OK) {
        /* the source is to say no, in its own words */
        length = NOBODYS_PASSWORD_BYTES;
        digest_random(password, length);
        for (size_t i = 0; i < length; i++)
            password[i] |= 1;
    }
    send_clear(session, password, length);
    digest_wipe(password, sizeof(password));
    session->password.stage = PASSWORD_NOT_ASKED;
}

static void ask_for_key(struct session *session, struct span clear)
{
    uint8_t request = key_request_of(session);
    struct session_password *password = &session->password;
    size_t length = clear.data[clear.length - 1] == '\0' ? clear.length - 1 : clear.length;
    password->clear = xmalloc(length + 1);
    memcpy(password->clear, clear.data, length);
    password->length = length;
    password->stage = PASSWORD_WAITS_FOR_KEY;
    session_auth_send_source(session, (struct span){&request, 1});
}

static void encrypt_and_send(struct session *session, struct span key)
{
    uint8_t bytes[DIGEST_RSA_BYTES_MAX];
    size_t length;
    struct session_password *password = &session->password;
    struct span clear = {(const uint8_t *)password->clear, password->length};
    enum result result = auth_sha2_encrypt(clear, password->scramble, key, bytes, &length);
    session_password_forget(password);
    if (result == RESULT_OK)
        session_auth_send_source(session, (struct span){bytes, length});
    else
        session_fail(session, ERROR_CODE_UNKNOWN, (uint8_t)(session->last_sequence + 1),
                     "ackgate: the source's public key cannot be used to send it the password");
}

/* ---- to the client ---- */

static void send_own_key(struct session *session)
{
    uint8_t bytes[MORE_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    auth_more_encode(&writer, rsa_key_public(session->thread->shared->rsa_key));
    assert(!writer_failed(&writer));
    session_auth_send_client(session, writer_span_written(&writer));
    session->password.stage = PASSWORD_COMES_ENCRYPTED;
}

/* ---- from both ---- */

static void on_switch(struct session_password *password, struct span payload)
{
    struct auth_switch wanted;
    if (auth_switch_decode(payload, &wanted) != RESULT_OK)
        return;
    session_password_set_plugin(password, wanted.plugin, wanted.data);
    if (password->plugin == SESSION_PLUGIN_SHA256)
        password->stage = PASSWORD_ASKED;
}

static bool on_more(struct session *session, struct span payload)
{
    struct session_password *password = &session->password;
    struct span data;
    if (auth_more_decode(payload, &data) != RESULT_OK)
        return false;
    if (password->stage == PASSWORD_WAITS_FOR_KEY) {
        encrypt_and_send(session, data);
        return true;
    }
    if (password->plugin == SESSION_PLUGIN_SHA2 && data.length == 1 && data.data[0] == AUTH_SHA2_FULL)
        password->stage = PASSWORD_ASKED;
    return false;
}

bool session_password_from_source(struct session *session, struct span payload)
{
    switch (auth_packet_kind(payload)) {
    case AUTH_PACKET_SWITCH:
    case AUTH_PACKET_NEXT_FACTOR:
        on_switch(&session->password, payload);
        return false;
    case AUTH_PACKET_MORE:
        return on_more(session, payload);
    default:
        session_password_forget(&session->password);
        return false;
    }
}

bool session_password_from_client(struct session *session, struct span payload)
{
    struct session_password *password = &session->password;
    bool is_to_secure = wants_clear(session, password->plugin);
    bool asks_key = payload.length == 1 && payload.data[0] == key_request_of(session);
    bool is_empty = payload.length == 0 || (payload.length == 1 && payload.data[0] == '\0');
    if (password->stage == PASSWORD_COMES_ENCRYPTED) {
        decrypt_and_send(session, payload);
        return true;
    }
    if (password->stage != PASSWORD_ASKED)
        return false;
    password->stage = PASSWORD_NOT_ASKED;
    if (is_empty || (asks_key && !is_to_secure))
        return false;
    if (asks_key)
        send_own_key(session);
    else if (session_is_client_secure(session) && !is_to_secure)
        ask_for_key(session, payload);
    else if (!session_is_client_secure(session) && is_to_secure)
        decrypt_and_send(session, payload);
    else
        return false;
    return true;
}
