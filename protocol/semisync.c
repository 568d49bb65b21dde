/* The semi-sync prefix of dump packets, and acks; semisync.h has the layouts. */
#include "protocol/semisync.h"

enum result semisync_prefix_decode(struct reader *reader, bool *ret_ack_wanted)
{
    uint8_t magic = reader_u8(reader);
    uint8_t flag = reader_u8(reader);
    if (reader_failed(reader))
        return RESULT_TRUNCATED;
    if (magic != SEMISYNC_MAGIC || flag > 1)
        return RESULT_MALFORMED;
    *ret_ack_wanted = flag == 1;
    return RESULT_OK;
}

void semisync_prefix_encode(struct writer *writer, bool ack_wanted)
{
    writer_u8(writer, SEMISYNC_MAGIC);
    writer_u8(writer, ack_wanted ? 1 : 0);
}

enum result semisync_ack_decode(struct span payload, struct semisync_ack *ret_ack)
{
    if (payload.length > SEMISYNC_ACK_MAX)
        return RESULT_TOO_LARGE;
    struct reader reader;
    reader_init_span(&reader, payload);
    uint8_t magic = reader_u8(&reader);
    struct semisync_ack ack;
    ack.offset = reader_u64(&reader);
    ack.name = reader_rest(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if (magic != SEMISYNC_MAGIC || ack.name.length == 0)
        return RESULT_MALFORMED;
    *ret_ack = ack;
    return RESULT_OK;
}

void semisync_ack_encode(struct writer *writer, const struct semisync_ack *ack)
{
    writer_u8(writer, SEMISYNC_MAGIC);
    writer_u64(writer, ack->offset);
    writer_span(writer, ack->name);
}
