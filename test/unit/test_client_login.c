/* layer: proxy
 *
 * A scripted server lets ackgate log in: by both plugins, the long way of caching_sha2_password with a key
 * made here, switching between them, refusing at every step, or sending what belongs to no login.
 */
#include "peer_fixture.h"

#include "protocol/auth_native.h"
#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"
#include "protocol/constants.h"
#include "protocol/login.h"
#include "proxy/client_login.h"
#include "proxy/log.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define SERVER_CAPS                                                                                          \
    (CAP_LONG_PASSWORD | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH | CAP_LONG_FLAG |         \
     CAP_TRANSACTIONS | CAP_SSL | CAP_COMPRESS | CAP_CONNECT_WITH_DB | CAP_DEPRECATE_EOF)

static const char password[] = "pässword";
static const uint8_t scramble[SCRAMBLE_BYTES] = "abcdefghijklmnopqrs\x01";
static const uint8_t other_scramble[SCRAMBLE_BYTES] = "ZYXWVUTSRQPONMLKJIH\x02";

static struct peer peer;
static struct client_login *login;

static void on_done(void *argument, enum result result, const char *message)
{
    (void)argument;
    login = NULL;
    peer_note_done(&peer, result, message);
}

static struct span greeting_bytes(uint8_t *bytes, size_t room, const char *plugin)
{
    struct greeting greeting = {.server_version = span_of_text("9.7.4"),
                                .thread_id = 17,
                                .capabilities = SERVER_CAPS,
                                .charset = 255,
                                .plugin = span_of_text(plugin)};
    struct writer writer;
    memcpy(greeting.scramble, scramble, sizeof(scramble));
    writer_init(&writer, bytes, room);
    greeting_encode(&writer, &greeting);
    return writer_span_written(&writer);
}

/* The greeting has come over the channel: what its owner does. */
static void on_greeting(void *argument, struct span greeting)
{
    struct client_login *started = client_login_start(peer.channel, greeting, argument, on_done, NULL);
    if (peer.done == 0)
        login = started;
    else
        ck_assert_ptr_null(started);
}

static void start_with(struct span greeting, const char *user, const char *with_password, bool is_secure)
{
    struct client_login_options options = {.user = user,
                                           .password = with_password,
                                           .capabilities = CAP_LONG_PASSWORD | CAP_DEPRECATE_EOF,
                                           .is_local = is_secure};
    log_set_level(LOG_LEVEL_ERROR + 1);
    peer_init(&peer);
    login = NULL;
    channel_set_callbacks(peer.channel, &(struct channel_callbacks){on_greeting, peer_on_closed, &options});
    peer_says(&peer, greeting);
}

static void start(const char *plugin, const char *with_password, bool is_secure)
{
    uint8_t bytes[256];
    start_with(greeting_bytes(bytes, sizeof(bytes), plugin), "ada", with_password, is_secure);
    ck_assert_ptr_nonnull(login);
}

static void says_switch(const char *plugin, size_t scramble_bytes)
{
    uint8_t bytes[128];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    struct auth_switch wanted = {
        span_of_text(plugin), {other_scramble, scramble_bytes}
    };
    auth_switch_encode(&writer, &wanted);
    peer_says(&peer, writer_span_written(&writer));
}

static void says_more(struct span data)
{
    uint8_t bytes[2048];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    auth_more_encode(&writer, data);
    peer_says(&peer, writer_span_written(&writer));
}

static void says_more_byte(uint8_t byte)
{
    says_more((struct span){&byte, 1});
}

static void assert_response(struct span response, const char *plugin, const uint8_t *with_scramble)
{
    uint8_t stored[AUTH_SHA2_BYTES];
    if (strcmp(plugin, PLUGIN_SHA2) == 0) {
        auth_sha2_store(span_of_text(password), stored);
        ck_assert(auth_sha2_verify(response, with_scramble, stored));
    } else {
        auth_native_store(span_of_text(password), stored);
        ck_assert(auth_native_verify(response, with_scramble, stored));
    }
}

static const char *const plugins[] = {PLUGIN_SHA2, PLUGIN_NATIVE};

/* Hears the login packet, which answers a greeting of this plugin. */
static void hear_login(const char *plugin)
{
    struct login heard;
    ck_assert_int_eq(login_decode(peer_hears(&peer), &heard), RESULT_OK);
    ck_assert_uint_eq(peer.sequence, 2);
    ck_assert(span_is_text(heard.user, "ada"));
    ck_assert(span_is_text(heard.plugin, plugin));
    ck_assert_uint_eq(heard.capabilities & (CAP_SSL | CAP_COMPRESS | CAP_CONNECT_WITH_DB), 0);
    ck_assert_uint_ne(heard.capabilities & CAP_DEPRECATE_EOF, 0);
    assert_response(heard.auth_response, plugin, scramble);
}

START_TEST(a_password_is_proved_without_telling_it)
{
    start(plugins[_i], password, false);
    hear_login(plugins[_i]);
    if (_i == 0) {
        says_more_byte(AUTH_SHA2_FAST_OK);
        ck_assert_uint_eq(peer.done, 0);
    }
    peer_says_ok(&peer);
    peer_assert_done(&peer, RESULT_OK, "");
    peer_release(&peer);
}
END_TEST

START_TEST(no_password_is_an_empty_answer)
{
    struct login heard;
    start(plugins[_i], _i == 0 ? "" : NULL, false);
    ck_assert_int_eq(login_decode(peer_hears(&peer), &heard), RESULT_OK);
    ck_assert_uint_eq(heard.auth_response.length, 0);
    peer_says_ok(&peer);
    peer_assert_done(&peer, RESULT_OK, "");
    peer_release(&peer);
}
END_TEST

/* From each plugin to each; the new scramble counts. */
START_TEST(a_switch_is_answered_by_the_other_plugin)
{
    const char *to = plugins[_i / 2];
    start(plugins[_i % 2], password, false);
    hear_login(plugins[_i % 2]);
    says_switch(to, SCRAMBLE_BYTES);
    assert_response(peer_hears(&peer), to, other_scramble);
    peer_says_ok(&peer);
    peer_assert_done(&peer, RESULT_OK, "");
    peer_release(&peer);
}
END_TEST

/* ---- the long way ---- */

static EVP_PKEY *key; /* made once, before the tests are forked off */
static char pem[1024];

static void make_key(void)
{
    key = EVP_RSA_gen(2048);
    BIO *out = BIO_new(BIO_s_mem());
    int length = 0;
    if (key != NULL && PEM_write_bio_PUBKEY(out, key) == 1)
        length = BIO_read(out, pem, sizeof(pem) - 1);
    BIO_free(out);
    if (length <= 0) {
        fputs("cannot make an RSA key\n", stderr);
        exit(EXIT_FAILURE);
    }
}

/* What the server gets to know: the password and its NUL. */
static void assert_encrypted(struct span bytes, const uint8_t *with_scramble)
{
    uint8_t plain[512];
    size_t length = sizeof(plain);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    ck_assert_int_eq(EVP_PKEY_decrypt_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_decrypt(context, plain, &length, bytes.data, bytes.length), 1);
    EVP_PKEY_CTX_free(context);
    ck_assert_uint_eq(length, sizeof(password));
    for (size_t i = 0; i < length; i++)
        plain[i] ^= with_scramble[i % SCRAMBLE_BYTES];
    ck_assert_mem_eq(plain, password, sizeof(password));
}

/* _i: after a switch, or at once */
START_TEST(a_password_goes_encrypted_with_the_servers_key)
{
    start(plugins[_i], password, false);
    hear_login(plugins[_i]);
    if (_i == 1) {
        says_switch(PLUGIN_SHA2, SCRAMBLE_BYTES);
        assert_response(peer_hears(&peer), PLUGIN_SHA2, other_scramble);
    }
    says_more_byte(AUTH_SHA2_FULL);
    struct span asked = peer_hears(&peer);
    ck_assert_uint_eq(asked.length, 1);
    ck_assert_uint_eq(asked.data[0], AUTH_SHA2_REQUEST_KEY);
    says_more(span_of_text(pem));
    assert_encrypted(peer_hears(&peer), _i == 1 ? other_scramble : scramble);
    peer_says_ok(&peer);
    peer_assert_done(&peer, RESULT_OK, "");
    peer_release(&peer);
}
END_TEST

START_TEST(on_a_secure_connection_the_password_goes_in_clear)
{
    start(PLUGIN_SHA2, password, true);
    hear_login(PLUGIN_SHA2);
    says_more_byte(AUTH_SHA2_FULL);
    struct span heard = peer_hears(&peer);
    ck_assert_uint_eq(heard.length, sizeof(password));
    ck_assert_mem_eq(heard.data, password, sizeof(password));
    peer_says_ok(&peer);
    peer_assert_done(&peer, RESULT_OK, "");
    peer_release(&peer);
}
END_TEST

START_TEST(a_key_that_is_none_tells_no_password)
{
    start(PLUGIN_SHA2, password, false);
    hear_login(PLUGIN_SHA2);
    says_more_byte(AUTH_SHA2_FULL);
    ck_assert_uint_eq(peer_hears(&peer).length, 1);
    says_more(span_of_text("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n"));
    peer_assert_done(&peer, RESULT_MALFORMED, "public key");
    ck_assert_uint_eq(peer_hears(&peer).length, 0);
    peer_release(&peer);
}
END_TEST

/* ---- it does not go well ---- */

START_TEST(a_refusal_is_passed_on)
{
    start(PLUGIN_SHA2, password, false);
    hear_login(PLUGIN_SHA2);
    if (_i == 1) {
        says_more_byte(AUTH_SHA2_FULL);
        ck_assert_uint_eq(peer_hears(&peer).length, 1);
    }
    peer_says_error(&peer, 1045, "Access denied for \x07 ada");
    peer_assert_done(&peer, RESULT_DENIED, "error 1045");
    peer_assert_done(&peer, RESULT_DENIED, "Access denied for \\x07 ada");
    peer_release(&peer);
}
END_TEST

START_TEST(a_greeting_can_be_an_error)
{
    uint8_t bytes[128];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    response_error_encode(&writer, 1040, span_of_text("Too many connections"));
    start_with(writer_span_written(&writer), "ada", password, false);
    peer_assert_done(&peer, RESULT_DENIED, "Too many connections");
    peer_release(&peer);
}
END_TEST

/* Every beginning of a greeting, and a user name that fits no packet. */
START_TEST(what_cannot_be_answered_ends_at_once)
{
    uint8_t bytes[256];
    struct span greeting = greeting_bytes(bytes, sizeof(bytes), PLUGIN_SHA2);
    for (size_t length = 0; length < greeting.length; length++) {
        start_with((struct span){bytes, length}, "ada", password, false);
        ck_assert_uint_le(peer.done, 1);
        client_login_cancel(&login);
        peer_release(&peer);
    }
    char *user = malloc(5001);
    memset(user, 'u', 5000);
    user[5000] = '\0';
    start_with(greeting, user, password, false);
    peer_assert_done(&peer, RESULT_TOO_LARGE, "user name");
    free(user);
    peer_release(&peer);
}
END_TEST

static const struct {
    const char *plugin; /* of the greeting */
    const char *bytes;
    size_t length;
    enum result result;
    const char *part;
} odd_packets[] = {
    {PLUGIN_SHA2,   "",              0,  RESULT_MALFORMED,   "does not belong to a login"},
    {PLUGIN_SHA2,   "\x7Fx",         2,  RESULT_MALFORMED,   "does not belong to a login"},
    {PLUGIN_SHA2,   "\xFF",          1,  RESULT_MALFORMED,   "cannot be read"            },
    {PLUGIN_SHA2,   "\1",            1,  RESULT_MALFORMED,   "not asked for"             },
    {PLUGIN_SHA2,   "\1\5",          2,  RESULT_MALFORMED,   "cannot be read"            },
    {PLUGIN_SHA2,   "\1\4\4",        3,  RESULT_MALFORMED,   "cannot be read"            },
    {PLUGIN_NATIVE, "\1\4",          2,  RESULT_MALFORMED,   "not asked for"             },
    {PLUGIN_SHA2,   "\xFE",          1,  RESULT_MALFORMED,   ""                          },
    {PLUGIN_SHA2,
     "\xFE"
     "sha256_password\0",            17, RESULT_UNSUPPORTED, "sha256_password"           },
    {PLUGIN_SHA2,
     "\xFE"
     "mysql_clear_password\0",       22, RESULT_UNSUPPORTED, "mysql_clear_password"      },
    {PLUGIN_SHA2,
     "\xFE"
     "mysql_native_password\0abc\0", 27, RESULT_MALFORMED,   "too short"                 },
    {PLUGIN_SHA2,   "\2dialog\0x",   9,  RESULT_UNSUPPORTED, "second"                    },
};

START_TEST(an_odd_packet_ends_the_login)
{
    start(odd_packets[_i].plugin, password, false);
    hear_login(odd_packets[_i].plugin);
    peer_says(&peer, (struct span){(const uint8_t *)odd_packets[_i].bytes, odd_packets[_i].length});
    peer_assert_done(&peer, odd_packets[_i].result, odd_packets[_i].part);
    ck_assert_uint_eq(peer_hears(&peer).length, 0); /* no password to whoever asks for it in clear */
    peer_release(&peer);
}
END_TEST

/* At the first answer, after "full", after the key. */
START_TEST(a_hang_up_at_any_step_is_told)
{
    start(PLUGIN_SHA2, password, false);
    hear_login(PLUGIN_SHA2);
    if (_i > 0) {
        says_more_byte(AUTH_SHA2_FULL);
        ck_assert_uint_eq(peer_hears(&peer).length, 1);
    }
    if (_i > 1) {
        says_more(span_of_text(pem));
        ck_assert_uint_gt(peer_hears(&peer).length, 0);
    }
    peer_hangs_up(&peer);
    peer_assert_done(&peer, RESULT_CLOSED, "during the login");
    peer_release(&peer);
}
END_TEST

START_TEST(a_cancelled_login_calls_nobody)
{
    start(PLUGIN_SHA2, password, false);
    hear_login(PLUGIN_SHA2);
    client_login_cancel(&login);
    ck_assert_ptr_null(login);
    client_login_cancel(&login);
    channel_free(&peer.channel);
    peer_settle(&peer);
    ck_assert_uint_eq(peer.done, 0);
    peer_release(&peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_login");
    TCase *tests = tcase_create("client_login");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_password_is_proved_without_telling_it, 0, 2);
    tcase_add_loop_test(tests, no_password_is_an_empty_answer, 0, 2);
    tcase_add_loop_test(tests, a_switch_is_answered_by_the_other_plugin, 0, 4);
    tcase_add_loop_test(tests, a_password_goes_encrypted_with_the_servers_key, 0, 2);
    tcase_add_test(tests, on_a_secure_connection_the_password_goes_in_clear);
    tcase_add_test(tests, a_key_that_is_none_tells_no_password);
    tcase_add_loop_test(tests, a_refusal_is_passed_on, 0, 2);
    tcase_add_test(tests, a_greeting_can_be_an_error);
    tcase_add_test(tests, what_cannot_be_answered_ends_at_once);
    tcase_add_loop_test(tests, an_odd_packet_ends_the_login, 0, sizeof(odd_packets) / sizeof(odd_packets[0]));
    tcase_add_loop_test(tests, a_hang_up_at_any_step_is_told, 0, 3);
    tcase_add_test(tests, a_cancelled_login_calls_nobody);
    suite_add_tcase(suite, tests);
    make_key();
    int code = peer_run(suite);
    EVP_PKEY_free(key);
    return code;
}
