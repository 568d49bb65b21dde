/* layer: proxy
 *
 * Clients of all kinds log in to a port of ackgate's own: by either plugin, with and without a password, in
 * the way of MariaDB's clients that answer a foreign plugin's greeting with nothing, wrongly, too late, or
 * not at all. Both ends run on one loop over a socket pair.
 */
#include "protocol/auth_native.h"
#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"
#include "protocol/constants.h"
#include "protocol/login.h"
#include "protocol/packet.h"
#include "protocol/response.h"
#include "proxy/server_login.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ADA[] = "ada";
static char ada[] = "ada";
static char open_user[] = "open";
static const char PASSWORD[] = "pässword";

/* A row of the table: a peer and what becomes of it. */
struct row {
    const char *user;
    const char *db;
    const char *plugin;   /* named in the login; NULL: a client without CAP_PLUGIN_AUTH */
    const char *password; /* "" for none */
    bool sends_nothing;   /* an empty response where the greeting's plugin is another one */
    unsigned expected;    /* error number; 0: OK */
};

struct client {
    struct row row;
    struct channel *channel;
    bool has_greeting;
    uint8_t scramble[SCRAMBLE_BYTES];
    unsigned error;
    bool is_ok;
    bool was_switched;
    bool was_fast;
};

struct server {
    struct loop *loop;
    struct channel *channel;
    struct server_login *login;
    bool is_done;
    enum result result;
    struct server_login_outcome outcome;
};

static struct client client;
static struct server server;
static struct config_account accounts[2];

static void stop_when_over(void)
{
    if (server.is_done && (client.is_ok || client.error != 0 || client.channel == NULL))
        loop_stop(server.loop);
}

static size_t respond(const char *plugin, uint8_t response[AUTH_SHA2_BYTES])
{
    struct span password = span_of_text(client.row.password);
    if (password.length == 0)
        return 0;
    if (plugin == NULL || strcmp(plugin, PLUGIN_NATIVE) == 0) {
        auth_native_respond(password, client.scramble, response);
        return AUTH_NATIVE_BYTES;
    }
    auth_sha2_respond(password, client.scramble, response);
    return AUTH_SHA2_BYTES;
}

static void send_login(struct span payload)
{
    struct greeting greeting;
    uint8_t response[AUTH_SHA2_BYTES];
    uint8_t bytes[512];
    struct writer writer;
    ck_assert_int_eq(greeting_decode(payload, &greeting), RESULT_OK);
    ck_assert(span_is_text(greeting.plugin, PLUGIN_SHA2));
    memcpy(client.scramble, greeting.scramble, SCRAMBLE_BYTES);
    size_t length = client.row.sends_nothing ? 0 : respond(client.row.plugin, response);
    struct login login = {
        .capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_LONG_PASSWORD | CAP_CONNECT_WITH_DB |
                        CAP_DEPRECATE_EOF | (client.row.plugin != NULL ? CAP_PLUGIN_AUTH : 0),
        .charset = CHARSET_UTF8MB4,
        .user = span_of_text(client.row.user),
        .database = span_of_text(client.row.db),
        .auth_response = {response, length},
        .plugin = span_of_text(client.row.plugin != NULL ? client.row.plugin : ""),
    };
    writer_init(&writer, bytes, sizeof(bytes));
    login_encode(&writer, &login);
    ck_assert(!writer_failed(&writer));
    channel_send(client.channel, writer_span_written(&writer));
}

static void answer_switch(struct span payload)
{
    struct auth_switch message;
    uint8_t response[AUTH_SHA2_BYTES];
    char plugin[64];
    client.was_switched = true;
    ck_assert_int_eq(auth_switch_decode(payload, &message), RESULT_OK);
    ck_assert_uint_eq(message.data.length, SCRAMBLE_BYTES);
    ck_assert_mem_ne(client.scramble, message.data.data, SCRAMBLE_BYTES);
    memcpy(client.scramble, message.data.data, SCRAMBLE_BYTES);
    ck_assert_int_eq(span_copy_text(message.plugin, plugin, sizeof(plugin)), RESULT_OK);
    size_t length = respond(plugin, response);
    channel_send(client.channel, (struct span){response, length});
}

static void on_client_payload(void *argument, struct span payload)
{
    (void)argument;
    struct response_error error;
    if (response_is_error(payload)) {
        ck_assert_int_eq(response_error_decode(payload, &error), RESULT_OK);
        client.error = error.code;
    } else if (!client.has_greeting) {
        client.has_greeting = true;
        send_login(payload);
    } else if (auth_packet_kind(payload) == AUTH_PACKET_SWITCH) {
        answer_switch(payload);
    } else if (auth_packet_kind(payload) == AUTH_PACKET_MORE) {
        ck_assert_uint_eq(payload.data[1], AUTH_SHA2_FAST_OK);
        client.was_fast = true;
    } else {
        ck_assert_int_eq(auth_packet_kind(payload), AUTH_PACKET_OK);
        client.is_ok = true;
    }
    stop_when_over();
}

static void on_client_closed(void *argument, enum result reason)
{
    (void)argument;
    (void)reason;
    channel_free(&client.channel);
    stop_when_over();
}

static void on_server_closed(void *argument, enum result reason)
{
    (void)argument;
    (void)reason;
    channel_free(&server.channel);
}

static void on_server_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
    ck_abort_msg("nothing comes after the login here");
}

static const struct channel_callbacks server_callbacks = {on_server_payload, on_server_closed, NULL};
static const struct channel_callbacks client_callbacks = {on_client_payload, on_client_closed, NULL};

static void on_done(void *argument, enum result result, const struct server_login_outcome *outcome)
{
    (void)argument;
    server.login = NULL;
    server.is_done = true;
    server.result = result;
    ck_assert((result == RESULT_OK) == (outcome != NULL));
    if (outcome != NULL)
        server.outcome = *outcome;
    if (server_login_is_broken(result))
        channel_free(&server.channel);
    else
        channel_set_callbacks(server.channel, &server_callbacks);
    stop_when_over();
}

static void start(uint64_t timeout_ms, int fds[2])
{
    static const struct config_account *const list[] = {&accounts[0], &accounts[1]};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    server = (struct server){.loop = loop_new()};
    server.channel = channel_new(server.loop, fds[0], SERVER_LOGIN_PAYLOAD_MAX, &server_callbacks);
    const struct server_login_options options = {
        .accounts = list,
        .account_count = 2,
        .server_version = "8.4.0-test",
        .connection_id = 7,
        .capabilities = CAP_LONG_PASSWORD | CAP_CONNECT_WITH_DB | CAP_TRANSACTIONS,
        .timeout_ms = timeout_ms,
        .object = "test",
        .schema = "ackgate",
    };
    server.login = server_login_start(server.loop, server.channel, &options, on_done, NULL);
}

static void finish(void)
{
    server_login_cancel(&server.login);
    channel_free(&server.channel);
    channel_free(&client.channel);
    loop_free(&server.loop);
}

static const struct row rows[] = {
    {ADA,    "",        PLUGIN_SHA2,       PASSWORD,   false, 0                       },
    {ADA,    "ackgate", PLUGIN_SHA2,       PASSWORD,   false, 0                       },
    {ADA,    "mysql",   PLUGIN_SHA2,       PASSWORD,   false, ERROR_CODE_BAD_DB       },
    {ADA,    "",        PLUGIN_NATIVE,     PASSWORD,   false, 0                       },
    {ADA,    "",        PLUGIN_NATIVE,     PASSWORD,   true,  0                       }, /* MariaDB's replicas */
    {ADA,    "",        NULL,              PASSWORD,   false, 0                       },
    {ADA,    "",        PLUGIN_ED25519,    PASSWORD,   true,  0                       },
    {ADA,    "",        "sha256_password", PASSWORD,   true,  0                       },
    {"open", "",        PLUGIN_SHA2,       "",         false, 0                       },
    {"open", "",        PLUGIN_NATIVE,     "",         false, 0                       },
    {"open", "",        PLUGIN_SHA2,       PASSWORD,   false, ERROR_CODE_ACCESS_DENIED},
    {ADA,    "",        PLUGIN_SHA2,       "",         false, ERROR_CODE_ACCESS_DENIED},
    {ADA,    "",        PLUGIN_NATIVE,     "",         false, ERROR_CODE_ACCESS_DENIED},
    {ADA,    "",        NULL,              "",         false, ERROR_CODE_ACCESS_DENIED},
    {ADA,    "",        PLUGIN_SHA2,       "password", false, ERROR_CODE_ACCESS_DENIED},
    {ADA,    "",        PLUGIN_NATIVE,     "password", false, ERROR_CODE_ACCESS_DENIED},
    {"eve",  "",        PLUGIN_SHA2,       PASSWORD,   false, ERROR_CODE_ACCESS_DENIED},
    {"eve",  "",        PLUGIN_NATIVE,     PASSWORD,   true,  ERROR_CODE_ACCESS_DENIED},
    {"",     "",        PLUGIN_SHA2,       "",         false, ERROR_CODE_ACCESS_DENIED},
};

static void set_up(void)
{
    config_account_set_password(&accounts[0], PASSWORD);
    accounts[0].user = ada;
    config_account_set_password(&accounts[1], "");
    accounts[1].user = open_user;
    client = (struct client){.row = rows[0]};
}

START_TEST(test_logins)
{
    int fds[2];
    set_up();
    client.row = rows[_i];
    start(10000, fds);
    client.channel = channel_new(server.loop, fds[1], 4096, &client_callbacks);
    loop_run(server.loop);
    ck_assert_uint_eq(client.error, client.row.expected);
    ck_assert_int_eq(server.result == RESULT_OK, client.row.expected == 0);
    ck_assert_int_eq(client.is_ok, client.row.expected == 0);
    if (client.is_ok) {
        ck_assert_uint_eq(server.outcome.account, strcmp(client.row.user, ADA) == 0 ? 0 : 1);
        ck_assert_str_eq(server.outcome.db, client.row.db);
        ck_assert((server.outcome.capabilities & CAP_DEPRECATE_EOF) == 0);
        ck_assert((server.outcome.capabilities & CAP_CONNECT_WITH_DB) != 0);
    }
    finish();
}
END_TEST

START_TEST(test_who_says_nothing_is_told_that_time_is_over)
{
    int fds[2];
    char byte;
    set_up();
    start(20, fds);
    client.error = 1; /* the client's side is read below */
    loop_run(server.loop);
    ck_assert_int_eq(server.result, RESULT_TIMEOUT);
    ck_assert(read(fds[1], &byte, 1) == 1);
    close(fds[1]);
    finish();
}
END_TEST

START_TEST(test_who_leaves_is_forgotten)
{
    int fds[2];
    set_up();
    start(10000, fds);
    client.error = 1;
    close(fds[1]);
    loop_run(server.loop);
    ck_assert(server_login_is_broken(server.result));
    ck_assert_ptr_null(server.channel);
    finish();
}
END_TEST

/* A login of ada's with an empty response, in a frame. */
static size_t frame_login(uint8_t bytes[512])
{
    struct writer writer;
    uint8_t sequence = 1;
    const struct login login = {
        .capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_LONG_PASSWORD | CAP_PLUGIN_AUTH,
        .user = span_of_text(ADA),
        .plugin = span_of_text(PLUGIN_SHA2),
    };
    writer_init(&writer, bytes, 512);
    size_t mark = packet_begin(&writer);
    login_encode(&writer, &login);
    packet_end(&writer, mark, &sequence);
    return writer.length;
}

/* Every prefix of a login, and every login with one byte changed, ends in a refusal or a closed connection.
 */
START_TEST(test_torn_and_changed_logins)
{
    uint8_t good[512];
    size_t size = frame_login(good);
    for (size_t i = 0; i < 2 * size; i++) {
        int fds[2];
        uint8_t bytes[512];
        size_t length = i < size ? size : i - size;
        memcpy(bytes, good, size);
        if (i < size)
            bytes[i] ^= 0xFF;
        set_up();
        start(10000, fds);
        client.error = 1;
        ck_assert(write(fds[1], bytes, length) == (ssize_t)length);
        shutdown(fds[1], SHUT_WR);
        loop_run(server.loop);
        ck_assert_int_ne(server.result, RESULT_OK);
        close(fds[1]);
        finish();
    }
}
END_TEST

int main(void)
{
    if (log_open("/dev/null", LOG_LEVEL_ERROR, false) != RESULT_OK)
        return EXIT_FAILURE;
    Suite *suite = suite_create("server_login");
    TCase *tcase = tcase_create("login");
    tcase_add_loop_test(tcase, test_logins, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, test_who_says_nothing_is_told_that_time_is_over);
    tcase_add_test(tcase, test_who_leaves_is_forgotten);
    tcase_add_test(tcase, test_torn_and_changed_logins);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
