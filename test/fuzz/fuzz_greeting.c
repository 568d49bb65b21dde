/* Greeting, login, TLS request, change of user, and the packets of the authentication exchange. */
#include "protocol/auth_packet.h"
#include "protocol/greeting.h"
#include "protocol/login.h"
#include "test/fuzz/fuzz.h"

static void try_greeting(struct span payload)
{
    struct greeting greeting, again;
    if (greeting_decode(payload, &greeting) != RESULT_OK)
        return;
    uint8_t bytes[70000];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    greeting_encode(&writer, &greeting);
    if (writer_failed(&writer))
        return;
    fuzz_check(greeting_decode(writer_span_written(&writer), &again) == RESULT_OK);
    fuzz_check(span_equal(greeting.server_version, again.server_version));
    fuzz_check(greeting.capabilities == again.capabilities && greeting.thread_id == again.thread_id);
    fuzz_check(memcmp(greeting.scramble, again.scramble, SCRAMBLE_BYTES) == 0);
    fuzz_check(span_equal(greeting.plugin, again.plugin));
}

static void try_mask(struct span payload, uint64_t keep)
{
    struct greeting before, after;
    struct span copy = fuzz_copy(payload);
    bool is_decoded = greeting_decode(payload, &before) == RESULT_OK;
    keep |= CAP_PLUGIN_AUTH | CAP_SECURE_CONNECTION | CAP_PROTOCOL_41 | CAP_LONG_PASSWORD;
    if (greeting_change_capabilities((uint8_t *)(uintptr_t)copy.data, copy.length, keep, 0) == RESULT_OK &&
        is_decoded) {
        fuzz_check(greeting_decode(copy, &after) == RESULT_OK);
        fuzz_check(after.capabilities == (before.capabilities & keep));
        fuzz_check(span_equal(before.server_version, after.server_version));
    }
    fuzz_free(copy);
}

static void check_same_login(const struct login *a, const struct login *b)
{
    fuzz_check(a->capabilities == b->capabilities && span_equal(a->user, b->user));
    fuzz_check(span_equal(a->auth_response, b->auth_response) && span_equal(a->database, b->database));
    fuzz_check(span_equal(a->plugin, b->plugin) && span_equal(a->attributes, b->attributes));
}

static void try_login(struct span payload)
{
    struct login login, again;
    if (login_decode(payload, &login) != RESULT_OK)
        return;
    uint8_t bytes[70000];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    login_encode(&writer, &login);
    if (writer_failed(&writer))
        return;
    fuzz_check(login_decode(writer_span_written(&writer), &again) == RESULT_OK);
    check_same_login(&login, &again);
}

static void try_change_user(struct span payload, uint64_t capabilities)
{
    struct login login, again;
    if (change_user_decode(payload, capabilities, &login) != RESULT_OK)
        return;
    uint8_t bytes[70000];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    change_user_encode(&writer, &login);
    if (writer_failed(&writer))
        return;
    fuzz_check(change_user_decode(writer_span_written(&writer), capabilities, &again) == RESULT_OK);
    check_same_login(&login, &again);
}

static void try_auth(struct span payload)
{
    struct auth_switch auth_switch;
    struct span more;
    (void)auth_packet_kind(payload);
    (void)!auth_switch_decode(payload, &auth_switch);
    (void)!auth_more_decode(payload, &more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 8 || length > 60000)
        return 0;
    struct reader reader;
    reader_init(&reader, data, length);
    uint64_t capabilities = reader_u64(&reader);
    struct span payload = fuzz_copy(reader_rest(&reader));
    try_greeting(payload);
    try_mask(payload, capabilities);
    try_login(payload);
    try_change_user(payload, capabilities);
    try_auth(payload);
    struct login login;
    if (login_is_ssl_request(payload))
        (void)!ssl_request_decode(payload, &login);
    struct span copy = fuzz_copy(payload);
    (void)!login_change_capabilities((uint8_t *)(uintptr_t)copy.data, copy.length,
                                     CAP_SESSION_TRACK | CAP_DEPRECATE_EOF, CAP_SSL | CAP_COMPRESS);
    fuzz_free(copy);
    fuzz_free(payload);
    return 0;
}
