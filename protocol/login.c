/* The client's packets of login.h. */
#include "protocol/login.h"

#include "protocol/constants.h"

#include <assert.h>
#include <string.h>

#define RESERVED_BYTES    19 /* before MariaDB's extended capabilities */
#define EXTENDED_AT       28
#define AUTH_U8_BYTES_MAX 255

/* A string that a NUL ends, or the packet: servers take both for the last fields. */
static struct span zero_string_or_rest(struct reader *reader)
{
    if (reader_failed(reader))
        return (struct span){0};
    struct reader ahead = *reader;
    struct span text = reader_zero_string(&ahead);
    if (reader_failed(&ahead))
        return reader_rest(reader);
    *reader = ahead;
    return text;
}

/* The first 32 bytes, which are an SSLRequest as well. */
static void decode_fixed(struct reader *reader, struct login *login)
{
    login->capabilities = reader_u32(reader);
    login->packet_max_bytes = reader_u32(reader);
    login->charset = reader_u8(reader);
    reader_skip(reader, RESERVED_BYTES);
    uint64_t extended = reader_u32(reader);
    if ((login->capabilities & CAP_LONG_PASSWORD) == 0)
        login->capabilities |= extended << 32;
}

/* The 16 bits that come first in either form tell whether it is the 4.1 one. */
static bool is_old_protocol(struct span payload)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    uint16_t low = reader_u16(&reader);
    return !reader_failed(&reader) && (low & CAP_PROTOCOL_41) == 0;
}

/* What follows the database in both packets: plugin and attributes. */
static void decode_plugin_and_attributes(struct reader *reader, struct login *login)
{
    if ((login->capabilities & CAP_PLUGIN_AUTH) != 0)
        login->plugin = zero_string_or_rest(reader);
    if ((login->capabilities & CAP_CONNECT_ATTRS) != 0 && reader_left(reader) > 0)
        login->attributes = reader_lenenc_string(reader);
}

enum result login_decode(struct span payload, struct login *ret_login)
{
    struct login login = {0};
    struct reader reader;
    if (is_old_protocol(payload))
        return RESULT_UNSUPPORTED;
    reader_init_span(&reader, payload);
    decode_fixed(&reader, &login);
    login.user = reader_zero_string(&reader);
    if ((login.capabilities & CAP_PLUGIN_AUTH_LENENC) != 0)
        login.auth_response = reader_lenenc_string(&reader);
    else if ((login.capabilities & CAP_SECURE_CONNECTION) != 0)
        login.auth_response = reader_bytes(&reader, reader_u8(&reader));
    else
        login.auth_response = reader_zero_string(&reader);
    if ((login.capabilities & CAP_CONNECT_WITH_DB) != 0)
        login.database = zero_string_or_rest(&reader);
    decode_plugin_and_attributes(&reader, &login);
    if ((login.capabilities & CAP_ZSTD) != 0 && reader_left(&reader) > 0)
        login.zstd_level = reader_u8(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_login = login;
    return result;
}

static void encode_fixed(struct writer *writer, const struct login *login)
{
    assert((login->capabilities & CAP_PROTOCOL_41) != 0);
    assert((login->capabilities & CAP_LONG_PASSWORD) == 0 || login->capabilities >> 32 == 0);
    writer_u32(writer, (uint32_t)login->capabilities);
    writer_u32(writer, login->packet_max_bytes);
    writer_u8(writer, (uint8_t)login->charset);
    writer_zeros(writer, RESERVED_BYTES);
    writer_u32(writer, (uint32_t)(login->capabilities >> 32));
}

static void encode_auth_u8(struct writer *writer, struct span response)
{
    assert(response.length <= AUTH_U8_BYTES_MAX);
    writer_u8(writer, (uint8_t)response.length);
    writer_span(writer, response);
}

void login_encode(struct writer *writer, const struct login *login)
{
    encode_fixed(writer, login);
    writer_zero_string(writer, login->user);
    if ((login->capabilities & CAP_PLUGIN_AUTH_LENENC) != 0) {
        writer_lenenc_string(writer, login->auth_response);
    } else if ((login->capabilities & CAP_SECURE_CONNECTION) != 0) {
        encode_auth_u8(writer, login->auth_response);
    } else {
        assert(login->auth_response.length == 0 ||
               memchr(login->auth_response.data, 0, login->auth_response.length) == NULL);
        writer_zero_string(writer, login->auth_response);
    }
    if ((login->capabilities & CAP_CONNECT_WITH_DB) != 0)
        writer_zero_string(writer, login->database);
    if ((login->capabilities & CAP_PLUGIN_AUTH) != 0)
        writer_zero_string(writer, login->plugin);
    if ((login->capabilities & CAP_CONNECT_ATTRS) != 0)
        writer_lenenc_string(writer, login->attributes);
    if ((login->capabilities & CAP_ZSTD) != 0)
        writer_u8(writer, login->zstd_level);
}

enum result login_change_capabilities(uint8_t *payload, size_t length_bytes, uint64_t add, uint64_t remove)
{
    struct login login;
    struct reader reader;
    struct writer writer;
    assert(((add | (remove & ~CAP_ZSTD)) & LOGIN_CAPS_WITH_FIELDS) == 0);
    if (is_old_protocol((struct span){payload, length_bytes}))
        return RESULT_UNSUPPORTED;
    reader_init(&reader, payload, length_bytes);
    decode_fixed(&reader, &login);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    uint64_t caps = (login.capabilities & ~remove) | add;
    writer_init(&writer, payload, 4);
    writer_u32(&writer, (uint32_t)caps);
    if ((caps & CAP_LONG_PASSWORD) == 0) {
        writer_init(&writer, payload + EXTENDED_AT, 4);
        writer_u32(&writer, (uint32_t)(caps >> 32));
    }
    assert(!writer_failed(&writer));
    return RESULT_OK;
}

bool login_is_ssl_request(struct span payload)
{
    struct login login;
    return ssl_request_decode(payload, &login) == RESULT_OK;
}

enum result ssl_request_decode(struct span payload, struct login *ret_login)
{
    struct login login = {0};
    struct reader reader;
    if (is_old_protocol(payload))
        return RESULT_UNSUPPORTED;
    reader_init_span(&reader, payload);
    decode_fixed(&reader, &login);
    enum result result = reader_result_at_end(&reader);
    if (result == RESULT_OK && (login.capabilities & CAP_SSL) == 0)
        result = RESULT_MALFORMED;
    if (result == RESULT_OK)
        *ret_login = login;
    return result;
}

void ssl_request_encode(struct writer *writer, const struct login *login)
{
    assert((login->capabilities & CAP_SSL) != 0);
    encode_fixed(writer, login);
}

enum result change_user_decode(struct span payload, uint64_t capabilities, struct login *ret_login)
{
    struct login login = {.capabilities = capabilities};
    struct reader reader;
    reader_init_span(&reader, payload);
    if (reader_u8(&reader) != COMMAND_CHANGE_USER)
        return RESULT_MALFORMED;
    login.user = reader_zero_string(&reader);
    if ((capabilities & CAP_SECURE_CONNECTION) != 0)
        login.auth_response = reader_bytes(&reader, reader_u8(&reader));
    else
        login.auth_response = reader_zero_string(&reader);
    login.database = zero_string_or_rest(&reader);
    if (reader_left(&reader) > 0) {
        login.charset = reader_u16(&reader);
        decode_plugin_and_attributes(&reader, &login);
    }
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_login = login;
    return result;
}

void change_user_encode(struct writer *writer, const struct login *login)
{
    writer_u8(writer, COMMAND_CHANGE_USER);
    writer_zero_string(writer, login->user);
    if ((login->capabilities & CAP_SECURE_CONNECTION) != 0)
        encode_auth_u8(writer, login->auth_response);
    else
        writer_zero_string(writer, login->auth_response);
    writer_zero_string(writer, login->database);
    writer_u16(writer, login->charset);
    if ((login->capabilities & CAP_PLUGIN_AUTH) != 0)
        writer_zero_string(writer, login->plugin);
    if ((login->capabilities & CAP_CONNECT_ATTRS) != 0)
        writer_lenenc_string(writer, login->attributes);
}
