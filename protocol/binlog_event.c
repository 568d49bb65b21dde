/* The frame of binlog events: header, checksum and patches in place. */
#include "protocol/binlog_event.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#define LENGTH_AT  9u
#define LOG_POS_AT 13u
#define FLAGS_AT   17u
#define TYPE_AT    4u

const uint8_t binlog_magic[BINLOG_MAGIC_BYTES] = {0xFE, 'b', 'i', 'n'};
const uint8_t binlog_magic_encrypted[BINLOG_MAGIC_BYTES] = {0xFD, 'b', 'i', 'n'};

static const char *const type_names[256] = {
    [BINLOG_START_V3] = "START_V3",
    [BINLOG_QUERY] = "QUERY",
    [BINLOG_STOP] = "STOP",
    [BINLOG_ROTATE] = "ROTATE",
    [BINLOG_INTVAR] = "INTVAR",
    [BINLOG_RAND] = "RAND",
    [BINLOG_USER_VAR] = "USER_VAR",
    [BINLOG_FORMAT_DESCRIPTION] = "FORMAT_DESCRIPTION",
    [BINLOG_XID] = "XID",
    [BINLOG_BEGIN_LOAD_QUERY] = "BEGIN_LOAD_QUERY",
    [BINLOG_EXECUTE_LOAD_QUERY] = "EXECUTE_LOAD_QUERY",
    [BINLOG_TABLE_MAP] = "TABLE_MAP",
    [BINLOG_WRITE_ROWS_V1] = "WRITE_ROWS_V1",
    [BINLOG_UPDATE_ROWS_V1] = "UPDATE_ROWS_V1",
    [BINLOG_DELETE_ROWS_V1] = "DELETE_ROWS_V1",
    [BINLOG_INCIDENT] = "INCIDENT",
    [BINLOG_HEARTBEAT] = "HEARTBEAT",
    [BINLOG_IGNORABLE] = "IGNORABLE",
    [BINLOG_ROWS_QUERY] = "ROWS_QUERY",
    [BINLOG_WRITE_ROWS] = "WRITE_ROWS",
    [BINLOG_UPDATE_ROWS] = "UPDATE_ROWS",
    [BINLOG_DELETE_ROWS] = "DELETE_ROWS",
    [BINLOG_GTID] = "GTID",
    [BINLOG_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
    [BINLOG_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
    [BINLOG_TRANSACTION_CONTEXT] = "TRANSACTION_CONTEXT",
    [BINLOG_VIEW_CHANGE] = "VIEW_CHANGE",
    [BINLOG_XA_PREPARE] = "XA_PREPARE",
    [BINLOG_PARTIAL_UPDATE_ROWS] = "PARTIAL_UPDATE_ROWS",
    [BINLOG_TRANSACTION_PAYLOAD] = "TRANSACTION_PAYLOAD",
    [BINLOG_HEARTBEAT_V2] = "HEARTBEAT_V2",
    [BINLOG_GTID_TAGGED] = "GTID_TAGGED",
    [BINLOG_MARIADB_ANNOTATE_ROWS] = "ANNOTATE_ROWS",
    [BINLOG_MARIADB_CHECKPOINT] = "BINLOG_CHECKPOINT",
    [BINLOG_MARIADB_GTID] = "MARIADB_GTID",
    [BINLOG_MARIADB_GTID_LIST] = "GTID_LIST",
    [BINLOG_MARIADB_START_ENCRYPTION] = "START_ENCRYPTION",
    [BINLOG_MARIADB_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
    [BINLOG_MARIADB_WRITE_ROWS_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
    [167] = "UPDATE_ROWS_COMPRESSED_V1",
    [168] = "DELETE_ROWS_COMPRESSED_V1",
    [169] = "WRITE_ROWS_COMPRESSED",
    [170] = "UPDATE_ROWS_COMPRESSED",
    [BINLOG_MARIADB_DELETE_ROWS_COMPRESSED] = "DELETE_ROWS_COMPRESSED",
};

const char *binlog_event_type_name(uint8_t type)
{
    return type_names[type] != NULL ? type_names[type] : "unknown";
}

bool binlog_event_type_is_stored(uint8_t type)
{
    return type != BINLOG_HEARTBEAT && type != BINLOG_HEARTBEAT_V2;
}

/* Of a group, but not its first event. */
static bool is_inside_group(uint8_t type)
{
    return type == BINLOG_QUERY || (type >= BINLOG_INTVAR && type < BINLOG_FORMAT_DESCRIPTION) ||
           (type >= BINLOG_BEGIN_LOAD_QUERY && type <= BINLOG_DELETE_ROWS_V1) ||
           (type >= BINLOG_WRITE_ROWS && type <= BINLOG_DELETE_ROWS) ||
           type == BINLOG_MARIADB_ANNOTATE_ROWS || type > BINLOG_MARIADB_START_ENCRYPTION;
}

bool binlog_event_fits_end(const struct binlog_event_header *header, enum flavor flavor, uint64_t end)
{
    if (header->log_pos == (uint32_t)end)
        return true;
    return flavor == FLAVOR_MARIADB && header->log_pos == 0 && is_inside_group(header->type);
}

enum result binlog_event_header_decode(struct span bytes, struct binlog_event_header *ret_header)
{
    struct reader reader;
    reader_init_span(&reader, bytes);
    struct binlog_event_header header;
    header.timestamp = reader_u32(&reader);
    header.type = reader_u8(&reader);
    header.server_id = reader_u32(&reader);
    header.length = reader_u32(&reader);
    header.log_pos = reader_u32(&reader);
    header.flags = reader_u16(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if (header.length < BINLOG_HEADER_BYTES)
        return RESULT_MALFORMED;
    if (header.length > BINLOG_EVENT_MAX)
        return RESULT_TOO_LARGE;
    *ret_header = header;
    return RESULT_OK;
}

void binlog_event_header_encode(struct writer *writer, const struct binlog_event_header *header)
{
    writer_u32(writer, header->timestamp);
    writer_u8(writer, header->type);
    writer_u32(writer, header->server_id);
    writer_u32(writer, header->length);
    writer_u32(writer, header->log_pos);
    writer_u16(writer, header->flags);
}

enum result binlog_event_body(struct span event, bool checksummed, struct span *ret_body)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode(event, &header);
    if (result != RESULT_OK)
        return result;
    size_t tail = checksummed ? BINLOG_CHECKSUM_BYTES : 0;
    if (header.length != event.length || event.length < BINLOG_HEADER_BYTES + tail)
        return RESULT_TRUNCATED;
    *ret_body = (struct span){event.data + BINLOG_HEADER_BYTES, event.length - BINLOG_HEADER_BYTES - tail};
    return RESULT_OK;
}

void binlog_crc_init(struct binlog_crc *crc, const struct binlog_event_header *header)
{
    *crc = (struct binlog_crc){
        .length = header->length,
        .clears_in_use =
            header->type == BINLOG_FORMAT_DESCRIPTION && (header->flags & BINLOG_FLAG_IN_USE) != 0,
    };
}

static void add_bytes(struct binlog_crc *crc, struct span bytes)
{
    crc->crc = (uint32_t)crc32_z(crc->crc, bytes.data, bytes.length);
    crc->at += bytes.length;
}

/* Adds bytes in which the lower byte of the flags may stand, with the in-use bit cleared. */
static void add_with_flags(struct binlog_crc *crc, struct span bytes)
{
    if (!crc->clears_in_use || crc->at > FLAGS_AT || crc->at + bytes.length <= FLAGS_AT) {
        add_bytes(crc, bytes);
        return;
    }
    size_t before = (size_t)(FLAGS_AT - crc->at);
    uint8_t flags = (uint8_t)(bytes.data[before] & ~BINLOG_FLAG_IN_USE);
    add_bytes(crc, (struct span){bytes.data, before});
    add_bytes(crc, (struct span){&flags, 1});
    add_bytes(crc, (struct span){bytes.data + before + 1, bytes.length - before - 1});
}

void binlog_crc_update(struct binlog_crc *crc, struct span bytes)
{
    assert(bytes.length <= crc->length - crc->at);
    uint64_t covered = crc->length < BINLOG_CHECKSUM_BYTES ? 0 : crc->length - BINLOG_CHECKSUM_BYTES;
    if (crc->at < covered && bytes.length > 0) {
        size_t part = bytes.length < covered - crc->at ? bytes.length : (size_t)(covered - crc->at);
        add_with_flags(crc, (struct span){bytes.data, part});
        bytes = (struct span){bytes.data + part, bytes.length - part};
    }
    if (bytes.length > 0) {
        memcpy(crc->stored + (crc->at - covered), bytes.data, bytes.length);
        crc->at += bytes.length;
    }
}

uint32_t binlog_crc_value(const struct binlog_crc *crc)
{
    return crc->crc;
}

enum result binlog_crc_final(const struct binlog_crc *crc)
{
    if (crc->at != crc->length || crc->length < BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES)
        return RESULT_TRUNCATED;
    struct reader reader;
    reader_init(&reader, crc->stored, sizeof crc->stored);
    return reader_u32(&reader) == crc->crc ? RESULT_OK : RESULT_CHECKSUM;
}

enum result binlog_event_check(struct span event)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode(event, &header);
    if (result != RESULT_OK)
        return result;
    if (header.length != event.length)
        return RESULT_TRUNCATED;
    struct binlog_crc crc;
    binlog_crc_init(&crc, &header);
    binlog_crc_update(&crc, event);
    return binlog_crc_final(&crc);
}

static void put(uint8_t *at, uint64_t value, size_t width_bytes)
{
    struct writer writer;
    writer_init(&writer, at, width_bytes);
    writer_uint(&writer, value, width_bytes);
}

void binlog_event_seal(uint8_t *event, size_t length_bytes)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode((struct span){event, length_bytes}, &header);
    assert(result == RESULT_OK && header.length == length_bytes);
    assert(length_bytes >= BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES);
    (void)result;
    struct binlog_crc crc;
    binlog_crc_init(&crc, &header);
    binlog_crc_update(&crc, (struct span){event, length_bytes});
    put(event + length_bytes - BINLOG_CHECKSUM_BYTES, binlog_crc_value(&crc), BINLOG_CHECKSUM_BYTES);
}

void binlog_event_set_in_use(uint8_t *header, bool in_use)
{
    assert(header[TYPE_AT] == BINLOG_FORMAT_DESCRIPTION);
    header[FLAGS_AT] =
        (uint8_t)((header[FLAGS_AT] & ~BINLOG_FLAG_IN_USE) | (in_use ? BINLOG_FLAG_IN_USE : 0));
}

void binlog_event_set_log_pos(uint8_t *event, size_t length_bytes, uint32_t log_pos, bool checksummed)
{
    assert(length_bytes >= BINLOG_HEADER_BYTES);
    put(event + LOG_POS_AT, log_pos, 4);
    if (checksummed)
        binlog_event_seal(event, length_bytes);
}

void binlog_event_header_strip_checksum(uint8_t *header)
{
    struct reader reader;
    reader_init(&reader, header + LENGTH_AT, 4);
    uint32_t length = reader_u32(&reader);
    assert(length >= BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES);
    put(header + LENGTH_AT, length - BINLOG_CHECKSUM_BYTES, 4);
}
