/* The exchange's packets of auth_packet.h. */
#include "protocol/auth_packet.h"

#define HEADER_OK          0x00
#define HEADER_MORE        0x01
#define HEADER_NEXT_FACTOR 0x02
#define HEADER_SWITCH      0xFE
#define HEADER_ERR         0xFF

enum auth_packet_kind auth_packet_kind(struct span payload)
{
    if (payload.length == 0)
        return AUTH_PACKET_INVALID;
    switch (payload.data[0]) {
    case HEADER_OK:
        return AUTH_PACKET_OK;
    case HEADER_ERR:
        return AUTH_PACKET_ERR;
    case HEADER_SWITCH:
        return AUTH_PACKET_SWITCH;
    case HEADER_MORE:
        return AUTH_PACKET_MORE;
    case HEADER_NEXT_FACTOR:
        return AUTH_PACKET_NEXT_FACTOR;
    default:
        return AUTH_PACKET_INVALID;
    }
}

enum result auth_switch_decode(struct span payload, struct auth_switch *ret_switch)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    uint8_t header = reader_u8(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if (header != HEADER_SWITCH && header != HEADER_NEXT_FACTOR)
        return RESULT_MALFORMED;
    if (reader_at_end(&reader))
        return RESULT_UNSUPPORTED;
    struct auth_switch auth_switch = {.plugin = reader_zero_string(&reader)};
    auth_switch.data = reader_rest(&reader);
    if (auth_switch.data.length > 0 && auth_switch.data.data[auth_switch.data.length - 1] == 0)
        auth_switch.data.length--;
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_switch = auth_switch;
    return result;
}

void auth_switch_encode(struct writer *writer, const struct auth_switch *auth_switch)
{
    writer_u8(writer, HEADER_SWITCH);
    writer_zero_string(writer, auth_switch->plugin);
    writer_zero_string(writer, auth_switch->data);
}

enum result auth_more_decode(struct span payload, struct span *ret_data)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    if (reader_u8(&reader) != HEADER_MORE)
        return reader_failed(&reader) ? RESULT_TRUNCATED : RESULT_MALFORMED;
    *ret_data = reader_rest(&reader);
    return RESULT_OK;
}

void auth_more_encode(struct writer *writer, struct span data)
{
    writer_u8(writer, HEADER_MORE);
    writer_span(writer, data);
}
