/* layer: protocol */
/* Greeting, login, TLS request, change of user and the packets of authentication. */
#include "protocol/auth_packet.h"
#include "protocol/greeting.h"
#include "protocol/login.h"

#include "test/unit/connection_golden.h"

#define MASK_MIN (CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH)

START_TEST(a_mysql_greeting_is_read_and_written_alike)
{
    struct golden golden;
    struct greeting greeting;
    uint8_t bytes[256];
    struct writer writer;
    ck_assert_int_eq(greeting_decode(golden_load(&golden, "mysql_greeting"), &greeting), RESULT_OK);
    golden_assert_span(greeting.server_version, "9.7.4-2");
    golden_assert_span(greeting.plugin, PLUGIN_SHA2);
    ck_assert_uint_eq(greeting.thread_id, 10);
    ck_assert_uint_eq(greeting.capabilities, 0xDFFFFFFF);
    ck_assert_uint_eq(greeting.charset, CHARSET_UTF8MB4_0900);
    ck_assert_uint_eq(greeting.status, STATUS_AUTOCOMMIT);
    writer_init(&writer, bytes, sizeof bytes);
    greeting_encode(&writer, &greeting);
    golden_assert_same(writer_span_written(&writer), golden.span);
}
END_TEST

START_TEST(a_mariadb_greeting_has_extended_capabilities)
{
    struct golden golden;
    struct greeting greeting;
    uint8_t bytes[256];
    struct writer writer;
    ck_assert_int_eq(greeting_decode(golden_load(&golden, "mariadb_greeting"), &greeting), RESULT_OK);
    golden_assert_span(greeting.server_version, "5.5.5-10.11.19-MariaDB-0+deb12u1-log");
    golden_assert_span(greeting.plugin, PLUGIN_NATIVE);
    ck_assert_uint_eq(greeting.capabilities & CAP_LONG_PASSWORD, 0);
    ck_assert_uint_eq(greeting.capabilities >> 32, 0x1D);
    writer_init(&writer, bytes, sizeof bytes);
    greeting_encode(&writer, &greeting);
    golden_assert_same(writer_span_written(&writer), golden.span);
}
END_TEST

START_TEST(masking_takes_capabilities_and_nothing_else)
{
    static const char *const names[] = {"mysql_greeting", "mariadb_greeting"};
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct greeting before;
        struct greeting after;
        uint64_t keep = MASK_MIN | CAP_SESSION_TRACK | CAP_MARIADB_PROGRESS | CAP_TRANSACTIONS;
        ck_assert_int_eq(greeting_decode(golden_load(&golden, names[i]), &before), RESULT_OK);
        size_t length = golden.span.length;
        ck_assert_int_eq(greeting_change_capabilities(golden.bytes, length, keep, 0), RESULT_OK);
        ck_assert_int_eq(greeting_decode(golden.span, &after), RESULT_OK);
        ck_assert_uint_eq(after.capabilities, before.capabilities & (keep | CAP_LONG_PASSWORD));
        ck_assert_mem_eq(after.scramble, before.scramble, SCRAMBLE_BYTES);
        ck_assert_uint_eq(after.thread_id, before.thread_id);
        ck_assert(span_equal(after.server_version, before.server_version));
        ck_assert(span_equal(after.plugin, before.plugin));
    }
}
END_TEST

START_TEST(other_greetings_are_not_supported)
{
    static const uint8_t version9[] = {9, '3', 0, 1, 0, 0, 0};
    static const uint8_t error[] = {0xFF, 0x10, 0x04, 'T', 'o', 'o'};
    struct greeting greeting;
    ck_assert_int_eq(greeting_decode((struct span){version9, sizeof version9}, &greeting),
                     RESULT_UNSUPPORTED);
    ck_assert_int_eq(greeting_decode((struct span){error, sizeof error}, &greeting), RESULT_MALFORMED);
}
END_TEST

START_TEST(a_scramble_has_no_bytes_that_clients_stumble_over)
{
    uint8_t scramble[SCRAMBLE_BYTES];
    for (int i = 0; i < 500; i++) {
        greeting_scramble_random(scramble);
        ck_assert_ptr_null(memchr(scramble, 0, sizeof scramble));
        ck_assert_ptr_null(memchr(scramble, '$', sizeof scramble));
    }
}
END_TEST

static void assert_login_same(const struct login *a, const struct login *b)
{
    ck_assert_uint_eq(a->capabilities, b->capabilities);
    ck_assert_uint_eq(a->charset, b->charset);
    ck_assert(span_equal(a->user, b->user));
    ck_assert(span_equal(a->auth_response, b->auth_response));
    ck_assert(span_equal(a->database, b->database));
    ck_assert(span_equal(a->plugin, b->plugin));
    ck_assert(span_equal(a->attributes, b->attributes));
}

START_TEST(logins_of_real_clients_are_read_and_written_alike)
{
    static const struct {
        const char *name;
        const char *plugin;
        uint64_t extended;
    } rows[] = {
        {"mysql_login",   PLUGIN_SHA2,   0   },
        {"mariadb_login", PLUGIN_NATIVE, 0x1D}
    };
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct login login;
        uint8_t bytes[512];
        struct writer writer;
        ck_assert_int_eq(login_decode(golden_load(&golden, rows[i].name), &login), RESULT_OK);
        golden_assert_span(login.user, "root");
        golden_assert_span(login.database, "g");
        golden_assert_span(login.plugin, rows[i].plugin);
        ck_assert_uint_eq(login.capabilities >> 32, rows[i].extended);
        ck_assert_uint_gt(login.attributes.length, 100);
        ck_assert(!login_is_ssl_request(golden.span));
        writer_init(&writer, bytes, sizeof bytes);
        login_encode(&writer, &login);
        golden_assert_same(writer_span_written(&writer), golden.span);
    }
}
END_TEST

/* Each form of the auth response, with and without the fields that follow. */
START_TEST(logins_of_every_form_come_back)
{
    static const uint64_t auth[] = {0, CAP_SECURE_CONNECTION, CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH_LENENC};
    static const uint64_t fields[] = {0, CAP_CONNECT_WITH_DB, CAP_PLUGIN_AUTH, CAP_CONNECT_ATTRS, CAP_ZSTD};
    for (size_t a = 0; a < 3; a++) {
        for (unsigned set = 0; set < 16; set++) {
            uint64_t caps = CAP_PROTOCOL_41 | auth[a];
            for (unsigned f = 0; f < 4; f++)
                caps |= (set >> f & 1) != 0 ? fields[f + 1] : 0;
            struct login login = {.capabilities = caps,
                                  .packet_max_bytes = 1 << 24,
                                  .charset = CHARSET_UTF8MB4,
                                  .user = span_of_text("me"),
                                  .auth_response = span_of_text("secret")};
            if ((caps & CAP_CONNECT_WITH_DB) != 0)
                login.database = span_of_text("db");
            if ((caps & CAP_PLUGIN_AUTH) != 0)
                login.plugin = span_of_text("plugin");
            if ((caps & CAP_CONNECT_ATTRS) != 0)
                login.attributes = span_of_text("\x01k\x01v");
            if ((caps & CAP_ZSTD) != 0)
                login.zstd_level = 3;
            uint8_t bytes[256];
            struct writer writer;
            struct login back;
            writer_init(&writer, bytes, sizeof bytes);
            login_encode(&writer, &login);
            ck_assert_int_eq(login_decode(writer_span_written(&writer), &back), RESULT_OK);
            assert_login_same(&login, &back);
            ck_assert_uint_eq(back.zstd_level, login.zstd_level);
            ck_assert_uint_eq(back.packet_max_bytes, 1 << 24);
        }
    }
}
END_TEST

START_TEST(capabilities_of_a_login_change_in_place)
{
    static const char *const names[] = {"mysql_login", "mariadb_login", "mysql_ssl_request"};
    for (size_t i = 0; i < 3; i++) {
        struct golden golden;
        struct golden before;
        struct reader reader;
        golden_load(&golden, names[i]);
        golden_load(&before, names[i]);
        reader_init_span(&reader, before.span);
        uint32_t caps = reader_u32(&reader);
        uint64_t add = CAP_FOUND_ROWS | CAP_MARIADB_MULTI;
        ck_assert_int_eq(login_change_capabilities(golden.bytes, golden.span.length, add,
                                                   CAP_DEPRECATE_EOF | CAP_MARIADB_PROGRESS),
                         RESULT_OK);
        reader_init_span(&reader, golden.span);
        ck_assert_uint_eq(reader_u32(&reader), (caps | CAP_FOUND_ROWS) & ~CAP_DEPRECATE_EOF);
        size_t same_from = (caps & CAP_LONG_PASSWORD) != 0 ? 4 : 32;
        ck_assert_mem_eq(golden.bytes + 4, before.bytes + 4, 24);
        ck_assert_mem_eq(golden.bytes + same_from, before.bytes + same_from, golden.span.length - same_from);
        if ((caps & CAP_LONG_PASSWORD) == 0)
            ck_assert_uint_eq(golden.bytes[28], (0x1D & ~1u) | 2u);
    }
}
END_TEST

START_TEST(a_tls_request_is_told_from_a_login)
{
    struct golden golden;
    struct login login;
    uint8_t bytes[64];
    struct writer writer;
    ck_assert(login_is_ssl_request(golden_load(&golden, "mysql_ssl_request")));
    ck_assert_int_eq(ssl_request_decode(golden.span, &login), RESULT_OK);
    ck_assert_uint_ne(login.capabilities & CAP_SSL, 0);
    writer_init(&writer, bytes, sizeof bytes);
    ssl_request_encode(&writer, &login);
    golden_assert_same(writer_span_written(&writer), golden.span);
    ck_assert_uint_eq(writer.length, SSL_REQUEST_BYTES);
}
END_TEST

START_TEST(the_login_of_before_4_1_is_recognised)
{
    static const uint8_t old[] = {0x85, 0x24, 0, 0, 0, 'o', 'l', 'd', 0, 'x', 0};
    struct login login;
    ck_assert_int_eq(login_decode((struct span){old, sizeof old}, &login), RESULT_UNSUPPORTED);
}
END_TEST

START_TEST(a_plugin_name_may_lack_its_nul)
{
    struct golden golden;
    struct login login;
    golden_load(&golden, "mysql_login");
    ck_assert_int_eq(login_decode(golden.span, &login), RESULT_OK);
    size_t length = (size_t)(login.plugin.data - golden.bytes) + login.plugin.length;
    ck_assert_int_eq(login_decode((struct span){golden.bytes, length}, &login), RESULT_OK);
    golden_assert_span(login.plugin, PLUGIN_SHA2);
    ck_assert_uint_eq(login.attributes.length, 0);
}
END_TEST

START_TEST(a_change_of_user_comes_back)
{
    static const uint64_t caps[] = {CAP_PROTOCOL_41, CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION,
                                    CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH,
                                    CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH |
                                        CAP_CONNECT_ATTRS};
    for (size_t i = 0; i < 4; i++) {
        struct login login = {.capabilities = caps[i],
                              .charset = 300,
                              .user = span_of_text("me"),
                              .auth_response = span_of_text("secret"),
                              .database = span_of_text("db")};
        if ((caps[i] & CAP_PLUGIN_AUTH) != 0)
            login.plugin = span_of_text(PLUGIN_NATIVE);
        if ((caps[i] & CAP_CONNECT_ATTRS) != 0)
            login.attributes = span_of_text("\x01k\x01v");
        uint8_t bytes[256];
        struct writer writer;
        struct login back;
        writer_init(&writer, bytes, sizeof bytes);
        change_user_encode(&writer, &login);
        ck_assert_uint_eq(bytes[0], COMMAND_CHANGE_USER);
        ck_assert_int_eq(change_user_decode(writer_span_written(&writer), caps[i], &back), RESULT_OK);
        assert_login_same(&login, &back);
    }
}
END_TEST

START_TEST(switches_of_real_servers_are_read_and_written_alike)
{
    static const char *const names[] = {"mysql_auth_switch", "mariadb_auth_switch"};
    static const char *const plugins[] = {PLUGIN_SHA2, PLUGIN_NATIVE};
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct auth_switch auth_switch;
        uint8_t bytes[128];
        struct writer writer;
        ck_assert_int_eq(auth_packet_kind(golden_load(&golden, names[i])), AUTH_PACKET_SWITCH);
        ck_assert_int_eq(auth_switch_decode(golden.span, &auth_switch), RESULT_OK);
        golden_assert_span(auth_switch.plugin, plugins[i]);
        ck_assert_uint_eq(auth_switch.data.length, SCRAMBLE_BYTES);
        writer_init(&writer, bytes, sizeof bytes);
        auth_switch_encode(&writer, &auth_switch);
        golden_assert_same(writer_span_written(&writer), golden.span);
    }
}
END_TEST

START_TEST(the_other_packets_of_authentication_are_told_apart)
{
    uint8_t bytes[16];
    struct writer writer;
    struct span data;
    struct auth_switch auth_switch;
    writer_init(&writer, bytes, sizeof bytes);
    auth_more_encode(&writer, span_of_text("\x03"));
    ck_assert_int_eq(auth_packet_kind(writer_span_written(&writer)), AUTH_PACKET_MORE);
    ck_assert_int_eq(auth_more_decode(writer_span_written(&writer), &data), RESULT_OK);
    golden_assert_span(data, "\x03");
    ck_assert_int_eq(auth_packet_kind(span_of_text("\xFF")), AUTH_PACKET_ERR);
    ck_assert_int_eq(auth_packet_kind(span_of_text("\x02")), AUTH_PACKET_NEXT_FACTOR);
    ck_assert_int_eq(auth_packet_kind(span_of_text("")), AUTH_PACKET_INVALID);
    ck_assert_int_eq(auth_switch_decode(span_of_text("\xFE"), &auth_switch), RESULT_UNSUPPORTED);
}
END_TEST

static void decode_everything(struct span payload)
{
    struct greeting greeting;
    struct login login;
    struct auth_switch auth_switch;
    struct span data;
    (void)!greeting_decode(payload, &greeting);
    (void)!login_decode(payload, &login);
    (void)!ssl_request_decode(payload, &login);
    (void)!change_user_decode(payload, UINT64_MAX, &login);
    (void)!change_user_decode(payload, CAP_PROTOCOL_41, &login);
    (void)!auth_switch_decode(payload, &auth_switch);
    (void)!auth_more_decode(payload, &data);
    (void)auth_packet_kind(payload);
    (void)!greeting_change_capabilities((uint8_t *)(uintptr_t)payload.data, payload.length, MASK_MIN,
                                        CAP_SSL);
    (void)!login_change_capabilities((uint8_t *)(uintptr_t)payload.data, payload.length, CAP_SESSION_TRACK,
                                     0);
}

START_TEST(damaged_packets_are_survived)
{
    static const char *const names[] = {"mysql_greeting",     "mariadb_greeting",  "mysql_login",
                                        "mariadb_login",      "mysql_ssl_request", "mysql_auth_switch",
                                        "mariadb_auth_switch"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct golden golden;
        golden_damage(golden_load(&golden, names[i]), decode_everything);
    }
    static const uint8_t change[] = "\x11me\0\x06secretdb\0\x21\0plugin\0\x04\x01k\x01v";
    golden_damage((struct span){change, sizeof change - 1}, decode_everything);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("greeting");
    TCase *tests = tcase_create("greeting");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_mysql_greeting_is_read_and_written_alike);
    tcase_add_test(tests, a_mariadb_greeting_has_extended_capabilities);
    tcase_add_test(tests, masking_takes_capabilities_and_nothing_else);
    tcase_add_test(tests, other_greetings_are_not_supported);
    tcase_add_test(tests, a_scramble_has_no_bytes_that_clients_stumble_over);
    tcase_add_test(tests, logins_of_real_clients_are_read_and_written_alike);
    tcase_add_test(tests, logins_of_every_form_come_back);
    tcase_add_test(tests, capabilities_of_a_login_change_in_place);
    tcase_add_test(tests, a_tls_request_is_told_from_a_login);
    tcase_add_test(tests, the_login_of_before_4_1_is_recognised);
    tcase_add_test(tests, a_plugin_name_may_lack_its_nul);
    tcase_add_test(tests, a_change_of_user_comes_back);
    tcase_add_test(tests, switches_of_real_servers_are_read_and_written_alike);
    tcase_add_test(tests, the_other_packets_of_authentication_are_told_apart);
    tcase_add_test(tests, damaged_packets_are_survived);
    suite_add_tcase(suite, tests);
    return golden_run(suite);
}
