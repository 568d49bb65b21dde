/* GTID events of fixed layout: 33, 34 and MariaDB's 162; binlog_gtid.h has the layouts. 42 is in
 * binlog_gtid_tagged.c. */
#include "protocol/binlog_gtid.h"

#include "protocol/binlog_gtid_tagged.h"

#include <assert.h>
#include <string.h>

#define LOGICAL_CLOCK     2u
#define COMMIT_TIME_BYTES 7u
#define COMMIT_TIME_MORE  (UINT64_C(1) << 55) /* another time follows */
#define XA_FLAGS          (MARIADB_GTID_PREPARED_XA | MARIADB_GTID_COMPLETED_XA)
#define VERSION_MORE      (UINT32_C(1) << 31) /* another version follows */

bool binlog_gtid_is_type(uint8_t type)
{
    return type == BINLOG_GTID || type == BINLOG_ANONYMOUS_GTID || type == BINLOG_GTID_TAGGED ||
           type == BINLOG_MARIADB_GTID;
}

/* Each group of fields came with a version; bytes behind the ones we know belong to a later one. */
static void decode_later_fields(struct reader *reader, struct binlog_gtid *gtid)
{
    if (reader_left(reader) == 0 || reader_u8(reader) != LOGICAL_CLOCK)
        return;
    gtid->last_committed = (int64_t)reader_u64(reader);
    gtid->sequence_number = (int64_t)reader_u64(reader);
    if (reader_left(reader) == 0)
        return;
    gtid->immediate_commit_us = reader_uint(reader, COMMIT_TIME_BYTES);
    gtid->original_commit_us = gtid->immediate_commit_us;
    if ((gtid->immediate_commit_us & COMMIT_TIME_MORE) != 0) {
        gtid->immediate_commit_us &= ~COMMIT_TIME_MORE;
        gtid->original_commit_us = reader_uint(reader, COMMIT_TIME_BYTES);
    }
    if (reader_left(reader) == 0)
        return;
    gtid->transaction_length = reader_lenenc(reader);
    if (reader_left(reader) == 0)
        return;
    gtid->immediate_server_version = reader_u32(reader);
    gtid->original_server_version = gtid->immediate_server_version;
    if ((gtid->immediate_server_version & VERSION_MORE) != 0) {
        gtid->immediate_server_version &= ~VERSION_MORE;
        gtid->original_server_version = reader_u32(reader);
    }
    if (reader_left(reader) >= 8)
        gtid->commit_group_ticket = reader_u64(reader);
}

static enum result decode_fixed(uint8_t type, struct span body, struct binlog_gtid *gtid)
{
    struct reader reader;
    reader_init_span(&reader, body);
    gtid->flags = reader_u8(&reader);
    struct span uuid = reader_bytes(&reader, UUID_BYTES);
    int64_t gno = (int64_t)reader_u64(&reader);
    decode_later_fields(&reader, gtid);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if (type == BINLOG_ANONYMOUS_GTID)
        return RESULT_OK;
    if (gno < 1 || gno >= GTID_GNO_MAX)
        return RESULT_MALFORMED;
    gtid->gtid.flavor = FLAVOR_MYSQL;
    gtid->gtid.mysql.gno = gno;
    memcpy(gtid->gtid.mysql.origin.uuid, uuid.data, UUID_BYTES);
    return RESULT_OK;
}

static enum result decode_mariadb(uint32_t server_id, struct span body, struct binlog_gtid *gtid)
{
    struct reader reader;
    reader_init_span(&reader, body);
    uint64_t seq = reader_u64(&reader);
    uint32_t domain = reader_u32(&reader);
    gtid->flags = reader_u8(&reader);
    if ((gtid->flags & MARIADB_GTID_GROUP_COMMIT_ID) != 0)
        gtid->commit_id = reader_u64(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if ((gtid->flags & XA_FLAGS) != 0)
        gtid->xa = xa_id_decode(&reader); /* zeros, if it is not there: the GTID stands without it */
    gtid->gtid = gtid_of_mariadb(domain, server_id, seq);
    return RESULT_OK;
}

enum result binlog_gtid_decode(const struct binlog_event_header *header, struct span body,
                               struct binlog_gtid *ret_gtid)
{
    struct binlog_gtid gtid = {0};
    enum result result = RESULT_MALFORMED;
    switch (header->type) {
    case BINLOG_GTID:
    case BINLOG_ANONYMOUS_GTID:
        result = decode_fixed(header->type, body, &gtid);
        break;
    case BINLOG_GTID_TAGGED:
        result = binlog_gtid_tagged_decode(body, &gtid);
        break;
    case BINLOG_MARIADB_GTID:
        result = decode_mariadb(header->server_id, body, &gtid);
        break;
    default:
        break;
    }
    if (result == RESULT_OK)
        *ret_gtid = gtid;
    return result;
}

static void encode_later_fields(struct writer *writer, const struct binlog_gtid *gtid)
{
    writer_u8(writer, LOGICAL_CLOCK);
    writer_u64(writer, (uint64_t)gtid->last_committed);
    writer_u64(writer, (uint64_t)gtid->sequence_number);
    bool two_times = gtid->original_commit_us != gtid->immediate_commit_us;
    writer_uint(writer, gtid->immediate_commit_us | (two_times ? COMMIT_TIME_MORE : 0), COMMIT_TIME_BYTES);
    if (two_times)
        writer_uint(writer, gtid->original_commit_us, COMMIT_TIME_BYTES);
    writer_lenenc(writer, gtid->transaction_length);
    bool two_versions = gtid->original_server_version != gtid->immediate_server_version;
    writer_u32(writer, gtid->immediate_server_version | (two_versions ? VERSION_MORE : 0));
    if (two_versions)
        writer_u32(writer, gtid->original_server_version);
    if (gtid->commit_group_ticket != 0)
        writer_u64(writer, gtid->commit_group_ticket);
}

static void encode_fixed(struct writer *writer, uint8_t type, const struct binlog_gtid *gtid)
{
    writer_u8(writer, gtid->flags);
    if (type == BINLOG_ANONYMOUS_GTID) {
        writer_zeros(writer, UUID_BYTES + 8);
    } else {
        assert(gtid->gtid.flavor == FLAVOR_MYSQL && gtid->gtid.mysql.origin.tag_length == 0);
        writer_bytes(writer, gtid->gtid.mysql.origin.uuid, UUID_BYTES);
        writer_u64(writer, (uint64_t)gtid->gtid.mysql.gno);
    }
    encode_later_fields(writer, gtid);
}

static void encode_mariadb(struct writer *writer, const struct binlog_gtid *gtid)
{
    assert(gtid->gtid.flavor == FLAVOR_MARIADB);
    writer_u64(writer, gtid->gtid.mariadb.seq);
    writer_u32(writer, gtid->gtid.mariadb.domain);
    writer_u8(writer, gtid->flags);
    if ((gtid->flags & MARIADB_GTID_GROUP_COMMIT_ID) != 0)
        writer_u64(writer, gtid->commit_id);
    if ((gtid->flags & XA_FLAGS) != 0)
        xa_id_encode(writer, &gtid->xa);
    if ((gtid->flags & (XA_FLAGS | MARIADB_GTID_GROUP_COMMIT_ID)) == 0)
        writer_zeros(writer, 6); /* so that the event is not shorter than the dummy that old replicas get */
}

void binlog_gtid_encode(struct writer *writer, uint8_t type, const struct binlog_gtid *gtid)
{
    assert(binlog_gtid_is_type(type));
    if (type == BINLOG_MARIADB_GTID)
        encode_mariadb(writer, gtid);
    else if (type == BINLOG_GTID_TAGGED)
        binlog_gtid_tagged_encode(writer, gtid);
    else
        encode_fixed(writer, type, gtid);
}
