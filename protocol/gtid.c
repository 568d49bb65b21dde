/* One GTID: values, comparison and text. */
#include "protocol/gtid.h"

#include "protocol/gtid_text.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

struct gtid gtid_of_mysql(const struct gtid_origin *origin, int64_t gno)
{
    assert(gno >= 1 && gno < GTID_GNO_MAX);
    return (struct gtid){
        .flavor = FLAVOR_MYSQL, .mysql = {.origin = *origin, .gno = gno}
    };
}

struct gtid gtid_of_mariadb(uint32_t domain, uint32_t server, uint64_t seq)
{
    return (struct gtid){
        .flavor = FLAVOR_MARIADB, .mariadb = {.domain = domain, .server = server, .seq = seq}
    };
}

bool gtid_is_none(const struct gtid *gtid)
{
    return gtid->flavor == FLAVOR_UNKNOWN;
}

int gtid_origin_compare(const struct gtid_origin *a, const struct gtid_origin *b)
{
    int order = memcmp(a->uuid, b->uuid, UUID_BYTES);
    if (order != 0)
        return order;
    size_t shorter = a->tag_length < b->tag_length ? a->tag_length : b->tag_length;
    order = memcmp(a->tag, b->tag, shorter);
    return order != 0 ? order : (int)a->tag_length - (int)b->tag_length;
}

bool gtid_equal(const struct gtid *a, const struct gtid *b)
{
    if (a->flavor != b->flavor)
        return false;
    switch (a->flavor) {
    case FLAVOR_MYSQL:
        return a->mysql.gno == b->mysql.gno && gtid_origin_compare(&a->mysql.origin, &b->mysql.origin) == 0;
    case FLAVOR_MARIADB:
        return a->mariadb.domain == b->mariadb.domain && a->mariadb.server == b->mariadb.server &&
               a->mariadb.seq == b->mariadb.seq;
    case FLAVOR_UNKNOWN:
        break;
    }
    return true;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has_dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

enum result uuid_parse(struct span text, uint8_t ret_uuid[UUID_BYTES])
{
    if (text.length != UUID_TEXT_BYTES)
        return RESULT_MALFORMED;
    uint8_t uuid[UUID_BYTES];
    const uint8_t *at = text.data;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (has_dash_before(i) && *at++ != '-')
            return RESULT_MALFORMED;
        int high = hex_value(*at++);
        int low = hex_value(*at++);
        if (high < 0 || low < 0)
            return RESULT_MALFORMED;
        uuid[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_uuid, uuid, UUID_BYTES);
    return RESULT_OK;
}

void uuid_format(const uint8_t uuid[UUID_BYTES], char ret_text[UUID_TEXT_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *at = ret_text;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (has_dash_before(i))
            *at++ = '-';
        *at++ = digits[uuid[i] >> 4];
        *at++ = digits[uuid[i] & 15];
    }
    *at = '\0';
}

enum result gtid_origin_set_tag(struct gtid_origin *origin, struct span tag)
{
    if (tag.length == 0 || tag.length > GTID_TAG_MAX || isdigit(tag.data[0]))
        return RESULT_MALFORMED;
    for (size_t i = 0; i < tag.length; i++) {
        if (!isalnum(tag.data[i]) && tag.data[i] != '_')
            return RESULT_MALFORMED;
    }
    memset(origin->tag, 0, sizeof origin->tag);
    for (size_t i = 0; i < tag.length; i++)
        origin->tag[i] = (char)tolower(tag.data[i]);
    origin->tag_length = (uint8_t)tag.length;
    return RESULT_OK;
}

static struct gtid parse_mysql(struct reader *text)
{
    struct gtid gtid = {.flavor = FLAVOR_MYSQL};
    gtid_text_uuid(text, gtid.mysql.origin.uuid);
    if (!gtid_text_take(text, ':'))
        reader_fail(text);
    if (!gtid_text_next_is_digit(text)) {
        gtid_text_tag(text, &gtid.mysql.origin);
        if (!gtid_text_take(text, ':'))
            reader_fail(text);
    }
    gtid.mysql.gno = (int64_t)gtid_text_number(text, GTID_GNO_MAX - 1);
    if (gtid.mysql.gno == 0)
        reader_fail(text);
    return gtid;
}

enum result gtid_parse(enum flavor flavor, struct span text, struct gtid *ret_gtid)
{
    assert(flavor != FLAVOR_UNKNOWN);
    struct reader reader;
    reader_init_span(&reader, text);
    struct gtid gtid = {.flavor = flavor};
    if (flavor == FLAVOR_MYSQL)
        gtid = parse_mysql(&reader);
    else
        gtid_text_mariadb(&reader, &gtid.mariadb);
    if (!gtid_text_at_end(&reader))
        return RESULT_MALFORMED;
    *ret_gtid = gtid;
    return RESULT_OK;
}

void gtid_origin_write(struct writer *writer, const struct gtid_origin *origin)
{
    char uuid[UUID_TEXT_BYTES + 1];
    uuid_format(origin->uuid, uuid);
    writer_text(writer, uuid);
    if (origin->tag_length > 0) {
        writer_u8(writer, ':');
        writer_bytes(writer, origin->tag, origin->tag_length);
    }
}

void gtid_write(struct writer *writer, const struct gtid *gtid)
{
    switch (gtid->flavor) {
    case FLAVOR_MYSQL:
        gtid_origin_write(writer, &gtid->mysql.origin);
        writer_u8(writer, ':');
        gtid_text_write_number(writer, (uint64_t)gtid->mysql.gno);
        break;
    case FLAVOR_MARIADB:
        gtid_text_write_number(writer, gtid->mariadb.domain);
        writer_u8(writer, '-');
        gtid_text_write_number(writer, gtid->mariadb.server);
        writer_u8(writer, '-');
        gtid_text_write_number(writer, gtid->mariadb.seq);
        break;
    case FLAVOR_UNKNOWN:
        break;
    }
}

const char *gtid_format(const struct gtid *gtid, char ret_text[GTID_TEXT_MAX])
{
    struct writer writer;
    writer_init(&writer, ret_text, GTID_TEXT_MAX);
    gtid_write(&writer, gtid);
    writer_u8(&writer, 0);
    assert(!writer_failed(&writer));
    return ret_text;
}
