/* MySQL's variable-length integers. */
#include "protocol/varint.h"

#define BYTES_MAX 9u

uint64_t varint_read(struct reader *reader)
{
    unsigned first = reader_u8(reader);
    size_t more = 0;
    while (more < 8 && (first >> more & 1) != 0)
        more++;
    if (more == 0)
        return first >> 1;
    uint64_t high = reader_uint(reader, more);
    if (more == 8)
        return high;
    return high << (7 - more) | first >> (more + 1);
}

int64_t varint_read_signed(struct reader *reader)
{
    uint64_t value = varint_read(reader);
    uint64_t magnitude = value >> 1;
    return (int64_t)((value & 1) != 0 ? ~magnitude : magnitude);
}

void varint_write(struct writer *writer, uint64_t value)
{
    size_t bytes = 1;
    while (bytes < BYTES_MAX && value >> (7 * bytes) != 0)
        bytes++;
    if (bytes == BYTES_MAX) {
        writer_u8(writer, 0xFF);
        writer_u64(writer, value);
        return;
    }
    uint64_t marker = (1u << (bytes - 1)) - 1;
    writer_uint(writer, value << bytes | marker, bytes);
}

void varint_write_signed(struct writer *writer, int64_t value)
{
    uint64_t sign = value < 0 ? 1 : 0;
    uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
    varint_write(writer, magnitude << 1 | sign);
}
