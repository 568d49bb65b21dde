/* Names of XA transactions: xa_id.h. */
#include "protocol/xa_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool xa_id_equal(const struct xa_id *a, const struct xa_id *b)
{
    return a->format == b->format && a->global_bytes == b->global_bytes &&
           a->branch_bytes == b->branch_bytes && memcmp(a->data, b->data, sizeof(a->data)) == 0;
}

struct xa_id xa_id_decode(struct reader *reader)
{
    struct xa_id id = {.format = reader_u32(reader)};
    uint8_t global_bytes = reader_u8(reader);
    uint8_t branch_bytes = reader_u8(reader);
    if (global_bytes > XA_ID_PART_MAX || branch_bytes > XA_ID_PART_MAX) {
        reader_fail(reader);
        return (struct xa_id){0};
    }
    struct span data = reader_bytes(reader, (size_t)global_bytes + branch_bytes);
    if (reader_failed(reader))
        return (struct xa_id){0};
    id.global_bytes = global_bytes;
    id.branch_bytes = branch_bytes;
    memcpy(id.data, data.data, data.length);
    return id;
}

void xa_id_encode(struct writer *writer, const struct xa_id *id)
{
    writer_u32(writer, id->format);
    writer_u8(writer, id->global_bytes);
    writer_u8(writer, id->branch_bytes);
    writer_bytes(writer, id->data, (size_t)id->global_bytes + id->branch_bytes);
}

static char *put_part(char *out, const uint8_t *bytes, size_t length)
{
    out += sprintf(out, "X'");
    for (size_t i = 0; i < length; i++)
        out += sprintf(out, "%02x", bytes[i]);
    return out + sprintf(out, "',");
}

const char *xa_id_format(const struct xa_id *id, char ret_text[XA_ID_TEXT_MAX])
{
    char *out = put_part(ret_text, id->data, id->global_bytes);
    out = put_part(out, id->data + id->global_bytes, id->branch_bytes);
    sprintf(out, "%" PRIu32, id->format);
    return ret_text;
}

bool xa_id_make(uint64_t format, uint64_t global_bytes, uint64_t branch_bytes, struct span data,
                struct xa_id *ret_id)
{
    if (format > UINT32_MAX || global_bytes > XA_ID_PART_MAX || branch_bytes > XA_ID_PART_MAX ||
        data.length != global_bytes + branch_bytes)
        return false;
    *ret_id = (struct xa_id){(uint32_t)format, (uint8_t)global_bytes, (uint8_t)branch_bytes, {0}};
    memcpy(ret_id->data, data.data, data.length);
    return true;
}
