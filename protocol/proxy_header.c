/* Both versions of the header of proxy_header.h. */
#include "protocol/proxy_header.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LINE_MAX_BYTES = 107, /* of version 1, with CR and LF */
    FIXED_BYTES = 16,     /* of version 2, before the addresses */
    FIELD_MAX = INET6_ADDRSTRLEN
};
enum { VERSION_2_LOCAL = 0x20, VERSION_2_PROXY = 0x21 };
enum { FAMILY_UNSPECIFIED = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };
enum { TCP4_BYTES = 12, TCP6_BYTES = 36, UNIX_BYTES = 216 };

static const uint8_t signature_1[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t signature_2[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

static bool begins_like(struct span bytes, const uint8_t *signature, size_t length)
{
    size_t common = bytes.length < length ? bytes.length : length;
    return common > 0 && memcmp(bytes.data, signature, common) == 0;
}

static bool is_version_1(struct span bytes)
{
    return begins_like(bytes, signature_1, sizeof(signature_1));
}

static bool is_version_2(struct span bytes)
{
    return begins_like(bytes, signature_2, sizeof(signature_2));
}

bool proxy_header_is_start(struct span bytes)
{
    return is_version_1(bytes) || is_version_2(bytes);
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 50000 3306\r\n" ---- */

/* The next field of the line, which ends before a blank or at the line's end. */
static struct span next_field(struct reader *line)
{
    const uint8_t *start = line->data + line->at;
    size_t left = reader_left(line);
    const uint8_t *blank = left == 0 ? NULL : memchr(start, ' ', left);
    struct span field = reader_bytes(line, blank == NULL ? left : (size_t)(blank - start));
    if (blank != NULL)
        reader_skip(line, 1);
    if (field.length == 0 || (blank != NULL && reader_left(line) == 0))
        reader_fail(line);
    return field;
}

static void parse_address(struct reader *line, int family, struct proxy_end *end)
{
    char text[FIELD_MAX];
    struct span field = next_field(line);
    if (span_copy_text(field, text, sizeof(text)) != RESULT_OK || inet_pton(family, text, end->address) != 1)
        reader_fail(line);
}

/* No sign, no zero in front. */
static void parse_port(struct reader *line, struct proxy_end *end)
{
    struct span field = next_field(line);
    uint32_t port = 0;
    if (field.length > 5 || (field.length > 1 && field.data[0] == '0'))
        reader_fail(line);
    for (size_t i = 0; i < field.length && !reader_failed(line); i++) {
        if (field.data[i] < '0' || field.data[i] > '9')
            reader_fail(line);
        port = port * 10 + (uint32_t)(field.data[i] - '0');
    }
    if (port > UINT16_MAX)
        reader_fail(line);
    end->port = (uint16_t)port;
}

static enum result parse_line(struct span text, struct proxy_header *header)
{
    struct reader line;
    reader_init_span(&line, text);
    reader_skip(&line, sizeof(signature_1));
    struct span protocol = next_field(&line);
    if (span_is_text(protocol, "UNKNOWN")) /* whatever else it says */
        return RESULT_OK;
    bool is_tcp4 = span_is_text(protocol, "TCP4");
    if (!is_tcp4 && !span_is_text(protocol, "TCP6"))
        return RESULT_MALFORMED;
    header->kind = is_tcp4 ? PROXY_KIND_TCP4 : PROXY_KIND_TCP6;
    parse_address(&line, is_tcp4 ? AF_INET : AF_INET6, &header->source);
    parse_address(&line, is_tcp4 ? AF_INET : AF_INET6, &header->destination);
    parse_port(&line, &header->source);
    parse_port(&line, &header->destination);
    return reader_at_end(&line) ? RESULT_OK : RESULT_MALFORMED;
}

static enum result decode_line(struct span bytes, struct proxy_header *header, size_t *ret_length)
{
    size_t most = bytes.length < LINE_MAX_BYTES ? bytes.length : LINE_MAX_BYTES;
    const uint8_t *end = memchr(bytes.data, '\n', most);
    if (end == NULL)
        return bytes.length < LINE_MAX_BYTES ? RESULT_AGAIN : RESULT_MALFORMED;
    size_t length = (size_t)(end - bytes.data) + 1;
    if (length <= sizeof(signature_1) || end[-1] != '\r')
        return RESULT_MALFORMED;
    *ret_length = length;
    return parse_line((struct span){bytes.data, length - 2}, header);
}

/* ---- version 2 ---- */

static void read_end(struct reader *reader, size_t address_bytes, struct proxy_end *end)
{
    struct span address = reader_bytes(reader, address_bytes);
    if (address.length > 0)
        memcpy(end->address, address.data, address.length);
}

/* Network order, unlike everything else in this protocol. */
static uint16_t read_port(struct reader *reader)
{
    uint16_t high = reader_u8(reader);
    return (uint16_t)(high << 8 | reader_u8(reader));
}

static void read_ends(struct reader *reader, size_t address_bytes, struct proxy_header *header)
{
    read_end(reader, address_bytes, &header->source);
    read_end(reader, address_bytes, &header->destination);
    header->source.port = read_port(reader);
    header->destination.port = read_port(reader);
}

/* Type u8, length u16 in network order, value. */
static void walk_additions(struct reader *reader)
{
    while (reader_left(reader) > 0) {
        reader_skip(reader, 1);
        reader_skip(reader, read_port(reader));
    }
}

static enum result read_body(struct span body, uint8_t family, struct proxy_header *header)
{
    struct reader reader;
    reader_init_span(&reader, body);
    switch (family) {
    case FAMILY_UNSPECIFIED: /* what follows is not to be looked at */
        return RESULT_OK;
    case FAMILY_TCP4:
        header->kind = PROXY_KIND_TCP4;
        read_ends(&reader, 4, header);
        break;
    case FAMILY_TCP6:
        header->kind = PROXY_KIND_TCP6;
        read_ends(&reader, PROXY_ADDRESS_BYTES, header);
        break;
    case FAMILY_UNIX:
        reader_skip(&reader, UNIX_BYTES);
        break;
    default:
        return RESULT_MALFORMED;
    }
    walk_additions(&reader);
    return reader_at_end(&reader) ? RESULT_OK : RESULT_MALFORMED;
}

static enum result decode_binary(struct span bytes, struct proxy_header *header, size_t *ret_length)
{
    struct reader reader;
    if (bytes.length < FIXED_BYTES)
        return RESULT_AGAIN;
    reader_init_span(&reader, bytes);
    reader_skip(&reader, sizeof(signature_2));
    uint8_t version_and_command = reader_u8(&reader);
    uint8_t family = reader_u8(&reader);
    size_t length = read_port(&reader);
    if (version_and_command != VERSION_2_LOCAL && version_and_command != VERSION_2_PROXY)
        return RESULT_MALFORMED;
    if (FIXED_BYTES + length > PROXY_HEADER_MAX)
        return RESULT_TOO_LARGE;
    struct span body = reader_bytes(&reader, length);
    if (reader_failed(&reader))
        return RESULT_AGAIN;
    *ret_length = FIXED_BYTES + length;
    return version_and_command == VERSION_2_LOCAL ? RESULT_OK : read_body(body, family, header);
}

enum result proxy_header_decode(struct span bytes, struct proxy_header *ret_header, size_t *ret_length_bytes)
{
    struct proxy_header header = {.kind = PROXY_KIND_LOCAL};
    size_t length = 0;
    if (bytes.length == 0)
        return RESULT_AGAIN;
    if (!proxy_header_is_start(bytes))
        return RESULT_MALFORMED;
    enum result result =
        is_version_1(bytes) ? decode_line(bytes, &header, &length) : decode_binary(bytes, &header, &length);
    if (result != RESULT_OK)
        return result;
    *ret_header = header;
    *ret_length_bytes = length;
    return RESULT_OK;
}

static void write_port(struct writer *writer, size_t port)
{
    writer_u8(writer, (uint8_t)(port >> 8));
    writer_u8(writer, (uint8_t)(port & 0xFF));
}

void proxy_header_encode(struct writer *writer, const struct proxy_header *header)
{
    bool is_local = header->kind == PROXY_KIND_LOCAL;
    bool is_tcp4 = header->kind == PROXY_KIND_TCP4;
    size_t address_bytes = is_tcp4 ? 4 : PROXY_ADDRESS_BYTES;
    writer_bytes(writer, signature_2, sizeof(signature_2));
    writer_u8(writer, is_local ? VERSION_2_LOCAL : VERSION_2_PROXY);
    writer_u8(writer, is_local ? FAMILY_UNSPECIFIED : is_tcp4 ? FAMILY_TCP4 : FAMILY_TCP6);
    write_port(writer, is_local ? 0 : is_tcp4 ? TCP4_BYTES : TCP6_BYTES);
    if (is_local)
        return;
    writer_bytes(writer, header->source.address, address_bytes);
    writer_bytes(writer, header->destination.address, address_bytes);
    write_port(writer, header->source.port);
    write_port(writer, header->destination.port);
}
