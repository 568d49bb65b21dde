/* GTID_TAGGED in MySQL's serialization format; binlog_gtid_tagged.h has the layout. */
#include "protocol/binlog_gtid_tagged.h"

#include "protocol/varint.h"

#include <assert.h>
#include <string.h>

#define FORMAT_VERSION 1u
#define MESSAGE_MAX    240u /* all fields at their longest; the size must stay a varint of 2 bytes or fewer */

enum field {
    FIELD_FLAGS = 0,
    FIELD_UUID = 1,            /* 16 varints */
    FIELD_GNO = 2,             /* signed */
    FIELD_TAG = 3,             /* length and characters */
    FIELD_LAST_COMMITTED = 4,  /* signed */
    FIELD_SEQUENCE_NUMBER = 5, /* signed */
    FIELD_IMMEDIATE_COMMIT = 6,
    FIELD_ORIGINAL_COMMIT = 7, /* left out when equal to the immediate one */
    FIELD_TRANSACTION_LENGTH = 8,
    FIELD_IMMEDIATE_VERSION = 9,
    FIELD_ORIGINAL_VERSION = 10,    /* left out when equal */
    FIELD_COMMIT_GROUP_TICKET = 11, /* left out when 0 */
    FIELD_COUNT,
};

static uint64_t read_max(struct reader *reader, uint64_t max)
{
    uint64_t value = varint_read(reader);
    if (value > max)
        reader_fail(reader);
    return value;
}

static void decode_tag(struct reader *reader, struct gtid_origin *origin)
{
    uint64_t length = read_max(reader, GTID_TAG_MAX);
    struct span tag = reader_bytes(reader, (size_t)length);
    if (tag.length > 0 && gtid_origin_set_tag(origin, tag) != RESULT_OK)
        reader_fail(reader);
}

static void decode_field(struct reader *reader, uint64_t id, struct binlog_gtid *gtid)
{
    struct gtid_mysql *mysql = &gtid->gtid.mysql;
    switch (id) {
    case FIELD_FLAGS:
        gtid->flags = (uint8_t)read_max(reader, UINT8_MAX);
        break;
    case FIELD_UUID:
        for (size_t i = 0; i < UUID_BYTES; i++)
            mysql->origin.uuid[i] = (uint8_t)read_max(reader, UINT8_MAX);
        break;
    case FIELD_GNO:
        mysql->gno = varint_read_signed(reader);
        break;
    case FIELD_TAG:
        decode_tag(reader, &mysql->origin);
        break;
    case FIELD_LAST_COMMITTED:
        gtid->last_committed = varint_read_signed(reader);
        break;
    case FIELD_SEQUENCE_NUMBER:
        gtid->sequence_number = varint_read_signed(reader);
        break;
    case FIELD_IMMEDIATE_COMMIT:
        gtid->immediate_commit_us = varint_read(reader);
        break;
    case FIELD_ORIGINAL_COMMIT:
        gtid->original_commit_us = varint_read(reader);
        break;
    case FIELD_TRANSACTION_LENGTH:
        gtid->transaction_length = varint_read(reader);
        break;
    case FIELD_IMMEDIATE_VERSION:
        gtid->immediate_server_version = (uint32_t)read_max(reader, UINT32_MAX);
        break;
    case FIELD_ORIGINAL_VERSION:
        gtid->original_server_version = (uint32_t)read_max(reader, UINT32_MAX);
        break;
    default:
        gtid->commit_group_ticket = varint_read(reader);
        break;
    }
}

/* The fields of one message, up to its end or the first that is unknown: those behind it are unknown too. */
static enum result decode_fields(struct reader *reader, uint64_t last_needed, struct binlog_gtid *gtid,
                                 uint32_t *ret_seen)
{
    uint32_t seen = 0;
    uint64_t next = 0;
    while (reader_left(reader) > 0) {
        uint64_t id = varint_read(reader);
        if (reader_failed(reader) || id < next)
            break;
        if (id >= FIELD_COUNT)
            return last_needed >= FIELD_COUNT ? RESULT_UNSUPPORTED : (*ret_seen = seen, RESULT_OK);
        decode_field(reader, id, gtid);
        seen |= UINT32_C(1) << id;
        next = id + 1;
    }
    *ret_seen = seen;
    return reader_at_end(reader) ? RESULT_OK : RESULT_MALFORMED;
}

enum result binlog_gtid_tagged_decode(struct span body, struct binlog_gtid *gtid)
{
    struct reader whole;
    reader_init_span(&whole, body);
    uint64_t version = varint_read(&whole);
    uint64_t size = varint_read(&whole); /* of all of the message, these two included */
    if (reader_failed(&whole) || size > body.length || size < whole.at)
        return RESULT_TRUNCATED;
    if (version != FORMAT_VERSION)
        return RESULT_UNSUPPORTED;
    struct reader reader;
    reader_init(&reader, body.data + whole.at, (size_t)size - whole.at);
    uint64_t last_needed = varint_read(&reader);
    gtid->gtid.flavor = FLAVOR_MYSQL;
    uint32_t seen = 0;
    enum result result = decode_fields(&reader, last_needed, gtid, &seen);
    if (result != RESULT_OK)
        return result;
    uint32_t named = UINT32_C(1) << FIELD_UUID | UINT32_C(1) << FIELD_GNO;
    if ((seen & named) != named || gtid->gtid.mysql.gno < 1 || gtid->gtid.mysql.gno >= GTID_GNO_MAX)
        return RESULT_MALFORMED;
    if ((seen >> FIELD_ORIGINAL_COMMIT & 1) == 0)
        gtid->original_commit_us = gtid->immediate_commit_us;
    if ((seen >> FIELD_ORIGINAL_VERSION & 1) == 0)
        gtid->original_server_version = gtid->immediate_server_version;
    return RESULT_OK;
}

static void encode_number(struct writer *writer, enum field field, uint64_t value)
{
    varint_write(writer, field);
    varint_write(writer, value);
}

static void encode_signed(struct writer *writer, enum field field, int64_t value)
{
    varint_write(writer, field);
    varint_write_signed(writer, value);
}

static void encode_gtid(struct writer *writer, const struct gtid_mysql *mysql)
{
    varint_write(writer, FIELD_UUID);
    for (size_t i = 0; i < UUID_BYTES; i++)
        varint_write(writer, mysql->origin.uuid[i]);
    encode_signed(writer, FIELD_GNO, mysql->gno);
    encode_number(writer, FIELD_TAG, mysql->origin.tag_length);
    writer_bytes(writer, mysql->origin.tag, mysql->origin.tag_length);
}

static void encode_fields(struct writer *writer, const struct binlog_gtid *gtid)
{
    varint_write(writer, 0); /* every field may be ignored */
    encode_number(writer, FIELD_FLAGS, gtid->flags);
    encode_gtid(writer, &gtid->gtid.mysql);
    encode_signed(writer, FIELD_LAST_COMMITTED, gtid->last_committed);
    encode_signed(writer, FIELD_SEQUENCE_NUMBER, gtid->sequence_number);
    encode_number(writer, FIELD_IMMEDIATE_COMMIT, gtid->immediate_commit_us);
    if (gtid->original_commit_us != gtid->immediate_commit_us)
        encode_number(writer, FIELD_ORIGINAL_COMMIT, gtid->original_commit_us);
    encode_number(writer, FIELD_TRANSACTION_LENGTH, gtid->transaction_length);
    encode_number(writer, FIELD_IMMEDIATE_VERSION, gtid->immediate_server_version);
    if (gtid->original_server_version != gtid->immediate_server_version)
        encode_number(writer, FIELD_ORIGINAL_VERSION, gtid->original_server_version);
    if (gtid->commit_group_ticket != 0)
        encode_number(writer, FIELD_COMMIT_GROUP_TICKET, gtid->commit_group_ticket);
}

void binlog_gtid_tagged_encode(struct writer *writer, const struct binlog_gtid *gtid)
{
    assert(gtid->gtid.flavor == FLAVOR_MYSQL);
    uint8_t message[MESSAGE_MAX];
    struct writer fields;
    writer_init(&fields, message, sizeof message);
    encode_fields(&fields, gtid);
    assert(!writer_failed(&fields));
    size_t size = fields.length + 2; /* a version and a size of one byte each … */
    if (size > 127)
        size++; /* … or two for the size */
    varint_write(writer, FORMAT_VERSION);
    varint_write(writer, size);
    writer_span(writer, writer_span_written(&fields));
}
