/* HandshakeV10 of greeting.h. */
#include "protocol/greeting.h"

#include "protocol/constants.h"
#include "protocol/digest.h"

#include <assert.h>
#include <string.h>

#define PROTOCOL_VERSION 10
#define SCRAMBLE_PART_BYTES                                                                                  \
    8                    /* of the scramble, before the capabilities; the rest follows the reserved bytes */
#define RESERVED_BYTES 6 /* before MariaDB's extended capabilities */
#define NEEDED_CAPS    (CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION)

/* Where the capabilities stand, after the version string that has no fixed length. */
struct layout {
    size_t low;      /* u16 */
    size_t high;     /* u16 */
    size_t extended; /* u32 */
};

/* Fills the scramble, charset, status and capabilities; leaves the reader before the rest of the scramble. */
static uint8_t decode_fixed(struct reader *reader, struct greeting *greeting, struct layout *layout)
{
    struct span part = reader_bytes(reader, SCRAMBLE_PART_BYTES);
    if (part.length > 0)
        memcpy(greeting->scramble, part.data, part.length);
    reader_skip(reader, 1);
    layout->low = reader->at;
    greeting->capabilities = reader_u16(reader);
    greeting->charset = reader_u8(reader);
    greeting->status = reader_u16(reader);
    layout->high = reader->at;
    greeting->capabilities |= (uint64_t)reader_u16(reader) << 16;
    uint8_t scramble_bytes = reader_u8(reader);
    reader_skip(reader, RESERVED_BYTES);
    layout->extended = reader->at;
    uint64_t extended = reader_u32(reader);
    if ((greeting->capabilities & CAP_LONG_PASSWORD) == 0)
        greeting->capabilities |= extended << 32;
    return scramble_bytes;
}

/* The plugin's name; a server without it, or without the NUL at its end, is seen in the wild. */
static struct span decode_plugin(struct reader *reader)
{
    struct span rest = reader_rest(reader);
    const uint8_t *end = rest.length == 0 ? NULL : memchr(rest.data, 0, rest.length);
    if (end != NULL)
        rest.length = (size_t)(end - rest.data);
    return rest;
}

static enum result decode(struct span payload, struct greeting *ret_greeting, struct layout *ret_layout)
{
    struct greeting greeting = {0};
    struct layout layout;
    struct reader reader;
    reader_init_span(&reader, payload);
    uint8_t version = reader_u8(&reader);
    if (!reader_failed(&reader) && version != PROTOCOL_VERSION)
        return version == 0xFF ? RESULT_MALFORMED : RESULT_UNSUPPORTED;
    greeting.server_version = reader_zero_string(&reader);
    greeting.thread_id = reader_u32(&reader);
    uint8_t scramble_bytes = decode_fixed(&reader, &greeting, &layout);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if ((greeting.capabilities & NEEDED_CAPS) != NEEDED_CAPS)
        return RESULT_UNSUPPORTED;
    struct span part = reader_bytes(&reader, SCRAMBLE_BYTES - SCRAMBLE_PART_BYTES);
    if (part.length > 0)
        memcpy(greeting.scramble + SCRAMBLE_PART_BYTES, part.data, part.length);
    /* The manual: max(13, length - 8) bytes, 13 with the NUL at the end. */
    reader_skip(&reader, scramble_bytes > SCRAMBLE_BYTES + 1 ? scramble_bytes - (size_t)SCRAMBLE_BYTES : 1);
    if ((greeting.capabilities & CAP_PLUGIN_AUTH) != 0)
        greeting.plugin = decode_plugin(&reader);
    enum result result = reader_result(&reader);
    if (result != RESULT_OK)
        return result;
    *ret_greeting = greeting;
    *ret_layout = layout;
    return RESULT_OK;
}

enum result greeting_decode(struct span payload, struct greeting *ret_greeting)
{
    struct layout layout;
    return decode(payload, ret_greeting, &layout);
}

void greeting_encode(struct writer *writer, const struct greeting *greeting)
{
    uint64_t caps = greeting->capabilities;
    assert((caps & NEEDED_CAPS) == NEEDED_CAPS);
    assert((caps & CAP_LONG_PASSWORD) == 0 || caps >> 32 == 0);
    writer_u8(writer, PROTOCOL_VERSION);
    writer_zero_string(writer, greeting->server_version);
    writer_u32(writer, greeting->thread_id);
    writer_bytes(writer, greeting->scramble, SCRAMBLE_PART_BYTES);
    writer_u8(writer, 0);
    writer_u16(writer, (uint16_t)caps);
    writer_u8(writer, greeting->charset);
    writer_u16(writer, greeting->status);
    writer_u16(writer, (uint16_t)(caps >> 16));
    writer_u8(writer, (caps & CAP_PLUGIN_AUTH) != 0 ? SCRAMBLE_BYTES + 1 : 0);
    writer_zeros(writer, RESERVED_BYTES);
    writer_u32(writer, (uint32_t)(caps >> 32));
    writer_bytes(writer, greeting->scramble + SCRAMBLE_PART_BYTES, SCRAMBLE_BYTES - SCRAMBLE_PART_BYTES);
    writer_u8(writer, 0);
    if ((caps & CAP_PLUGIN_AUTH) != 0)
        writer_zero_string(writer, greeting->plugin);
}

static void overwrite(uint8_t *bytes, uint64_t value, size_t width_bytes)
{
    struct writer writer;
    writer_init(&writer, bytes, width_bytes);
    writer_uint(&writer, value, width_bytes);
    assert(!writer_failed(&writer));
}

enum result greeting_change_capabilities(uint8_t *payload, size_t length_bytes, uint64_t keep, uint64_t add)
{
    struct greeting greeting;
    struct layout layout;
    assert((keep & (NEEDED_CAPS | CAP_PLUGIN_AUTH)) == (NEEDED_CAPS | CAP_PLUGIN_AUTH));
    assert((add & (NEEDED_CAPS | CAP_PLUGIN_AUTH | CAP_LONG_PASSWORD)) == 0);
    enum result result = decode((struct span){payload, length_bytes}, &greeting, &layout);
    if (result != RESULT_OK)
        return result;
    uint64_t caps = (greeting.capabilities & (keep | CAP_LONG_PASSWORD)) | add;
    overwrite(payload + layout.low, caps & 0xFFFF, 2);
    overwrite(payload + layout.high, caps >> 16 & 0xFFFF, 2);
    if ((caps & CAP_LONG_PASSWORD) == 0)
        overwrite(payload + layout.extended, caps >> 32, 4);
    return RESULT_OK;
}

void greeting_scramble_random(uint8_t ret_scramble[SCRAMBLE_BYTES])
{
    for (size_t i = 0; i < SCRAMBLE_BYTES; i++) {
        do {
            digest_random(&ret_scramble[i], 1);
            ret_scramble[i] &= 0x7F;
        } while (ret_scramble[i] == 0 || ret_scramble[i] == '$');
    }
}
