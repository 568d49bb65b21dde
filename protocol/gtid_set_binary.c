/* MySQL GTID sets in the binary forms of COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS; gtid_set.h has the layout.
 */
#include "protocol/gtid_set.h"

#include "protocol/varint.h"

#include <assert.h>
#include <string.h>

#define FORMAT_TAGGED    1u
#define ORIGIN_BYTES_MIN (UUID_BYTES + 8u)
#define INTERVAL_BYTES   16u

static bool decode_intervals(struct reader *reader, struct gtid_set *set, const struct gtid_origin *origin)
{
    uint64_t count = reader_u64(reader);
    if (count == 0 || count > reader_left(reader) / INTERVAL_BYTES)
        return false;
    int64_t behind = 0; /* intervals come in order and do not touch */
    for (uint64_t i = 0; i < count; i++) {
        int64_t start = (int64_t)reader_u64(reader);
        int64_t end = (int64_t)reader_u64(reader);
        if (start <= behind || end <= start)
            return false;
        gtid_set_add_range(set, origin, start, end);
        behind = end;
    }
    return true;
}

static bool decode_origin(struct reader *reader, struct gtid_set *set, bool tagged)
{
    struct gtid_origin origin = {0};
    struct span uuid = reader_bytes(reader, UUID_BYTES);
    if (uuid.length == 0)
        return false;
    memcpy(origin.uuid, uuid.data, UUID_BYTES);
    if (tagged) {
        uint64_t length = varint_read(reader);
        if (length > GTID_TAG_MAX)
            return false;
        struct span tag = reader_bytes(reader, (size_t)length);
        if (tag.length != length || (length > 0 && gtid_origin_set_tag(&origin, tag) != RESULT_OK))
            return false;
    }
    return decode_intervals(reader, set, &origin);
}

enum result gtid_set_decode(struct gtid_set *set, struct span bytes)
{
    struct reader reader;
    reader_init_span(&reader, bytes);
    uint64_t head = reader_u64(&reader);
    bool tagged = head >> 56 == FORMAT_TAGGED && (head & 0xFF) == FORMAT_TAGGED;
    uint64_t count = tagged ? head << 8 >> 16 : head;
    if (reader_failed(&reader) || count > reader_left(&reader) / ORIGIN_BYTES_MIN)
        return RESULT_TRUNCATED;
    struct gtid_set decoded;
    gtid_set_init(&decoded);
    enum result result = RESULT_OK;
    for (uint64_t i = 0; i < count && result == RESULT_OK; i++) {
        if (!decode_origin(&reader, &decoded, tagged))
            result = reader_failed(&reader) ? RESULT_TRUNCATED : RESULT_MALFORMED;
    }
    if (result == RESULT_OK)
        result = reader_result_at_end(&reader);
    if (result == RESULT_OK && gtid_set_is_empty(set))
        gtid_set_move(set, &decoded);
    else if (result == RESULT_OK)
        gtid_set_add_set(set, &decoded);
    gtid_set_release(&decoded);
    return result;
}

void gtid_set_encode(struct writer *writer, const struct gtid_set *set)
{
    bool tagged = gtid_set_has_tags(set);
    uint64_t head = set->count;
    if (tagged)
        head = (uint64_t)FORMAT_TAGGED << 56 | (uint64_t)set->count << 8 | FORMAT_TAGGED;
    writer_u64(writer, head);
    for (size_t i = 0; i < set->count; i++) {
        const struct gtid_set_origin *origin = &set->origins[i];
        writer_bytes(writer, origin->origin.uuid, UUID_BYTES);
        if (tagged) {
            varint_write(writer, origin->origin.tag_length);
            writer_bytes(writer, origin->origin.tag, origin->origin.tag_length);
        }
        writer_u64(writer, origin->count);
        for (size_t j = 0; j < origin->count; j++) {
            writer_u64(writer, (uint64_t)origin->intervals[j].start);
            writer_u64(writer, (uint64_t)origin->intervals[j].end);
        }
    }
}

size_t gtid_set_encoded_bytes(const struct gtid_set *set)
{
    bool tagged = gtid_set_has_tags(set);
    size_t total = 8;
    for (size_t i = 0; i < set->count; i++) {
        total += ORIGIN_BYTES_MIN + set->origins[i].count * INTERVAL_BYTES;
        if (tagged)
            total += 1u + set->origins[i].origin.tag_length;
    }
    return total;
}
