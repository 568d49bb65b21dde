/*
 * MariaDB's binlog state: one sorted array. A domain's GTIDs stand together, the one that came last at their
 * end; there are few of them, so they are searched one by one, the latest first.
 */
#include "protocol/gtid_list.h"

#include "protocol/gtid_text.h"
#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MASK       0x0FFFFFFFu /* of the event's first word; the rest are flags */
#define GTID_BYTES       16u
#define GTID_TEXT_LENGTH 42u /* two numbers of 10 digits, one of 20, two dashes */

void gtid_list_init(struct gtid_list *list)
{
    *list = (struct gtid_list){0};
}

void gtid_list_release(struct gtid_list *list)
{
    free(list->gtids);
    gtid_list_init(list);
}

void gtid_list_clear(struct gtid_list *list)
{
    list->count = 0;
}

void gtid_list_copy(struct gtid_list *list, const struct gtid_list *other)
{
    if (list == other)
        return;
    if (list->room < other->count) {
        list->gtids = xrealloc(list->gtids, other->count * sizeof *list->gtids);
        list->room = other->count;
    }
    if (other->count > 0)
        memcpy(list->gtids, other->gtids, other->count * sizeof *list->gtids);
    list->count = other->count;
}

/* The index behind the last GTID of the domain, or where it would stand. */
static size_t domain_end(const struct gtid_list *list, uint32_t domain)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->gtids[middle].domain <= domain)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The index of the server's GTID, searched backwards from its domain's end; list->count when there is none.
 */
static size_t find_index(const struct gtid_list *list, uint32_t domain, uint32_t server, size_t end)
{
    for (size_t i = end; i-- > 0 && list->gtids[i].domain == domain;) {
        if (list->gtids[i].server == server)
            return i;
    }
    return list->count;
}

static void insert(struct gtid_list *list, size_t at, const struct gtid_mariadb *gtid)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 4 : list->room * 2;
        list->gtids = xrealloc(list->gtids, list->room * sizeof *list->gtids);
    }
    memmove(list->gtids + at + 1, list->gtids + at, (list->count - at) * sizeof *list->gtids);
    list->gtids[at] = *gtid;
    list->count++;
}

void gtid_list_update(struct gtid_list *list, const struct gtid_mariadb *gtid)
{
    size_t end = domain_end(list, gtid->domain);
    size_t at = find_index(list, gtid->domain, gtid->server, end);
    if (at == list->count) {
        insert(list, end, gtid);
        return;
    }
    struct gtid_mariadb last = list->gtids[at];
    if (gtid->seq > last.seq)
        last.seq = gtid->seq;
    memmove(list->gtids + at, list->gtids + at + 1, (end - at - 1) * sizeof *list->gtids);
    list->gtids[end - 1] = last;
}

void gtid_list_raise(struct gtid_list *list, const struct gtid_mariadb *gtid)
{
    size_t end = domain_end(list, gtid->domain);
    size_t at = find_index(list, gtid->domain, gtid->server, end);
    if (at < list->count) {
        if (gtid->seq > list->gtids[at].seq)
            list->gtids[at].seq = gtid->seq;
        return;
    }
    size_t start = end;
    while (start > 0 && list->gtids[start - 1].domain == gtid->domain)
        start--;
    insert(list, start, gtid);
}

void gtid_list_add_list(struct gtid_list *list, const struct gtid_list *other)
{
    for (size_t i = 0; i < other->count; i++)
        gtid_list_update(list, &other->gtids[i]);
}

bool gtid_list_is_empty(const struct gtid_list *list)
{
    return list->count == 0;
}

bool gtid_list_equal(const struct gtid_list *a, const struct gtid_list *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->gtids, b->gtids, a->count * sizeof *a->gtids) == 0);
}

const struct gtid_mariadb *gtid_list_last(const struct gtid_list *list, uint32_t domain)
{
    size_t end = domain_end(list, domain);
    return end > 0 && list->gtids[end - 1].domain == domain ? &list->gtids[end - 1] : NULL;
}

const struct gtid_mariadb *gtid_list_find(const struct gtid_list *list, uint32_t domain, uint32_t server)
{
    size_t at = find_index(list, domain, server, domain_end(list, domain));
    return at == list->count ? NULL : &list->gtids[at];
}

bool gtid_list_contains(const struct gtid_list *list, const struct gtid_mariadb *gtid)
{
    const struct gtid_mariadb *last = gtid_list_find(list, gtid->domain, gtid->server);
    return last != NULL && last->seq >= gtid->seq;
}

bool gtid_list_contains_list(const struct gtid_list *list, const struct gtid_list *other)
{
    for (size_t i = 0; i < other->count; i++) {
        if (!gtid_list_contains(list, &other->gtids[i]))
            return false;
    }
    return true;
}

bool gtid_list_serves(const struct gtid_list *file_start, const struct gtid_list *replica)
{
    for (size_t i = 0; i < file_start->count; i++) {
        uint32_t domain = file_start->gtids[i].domain;
        const struct gtid_mariadb *has = gtid_list_last(replica, domain);
        if (has == NULL)
            return false; /* it needs the domain from its beginning */
        const struct gtid_mariadb *before = gtid_list_find(file_start, domain, has->server);
        if (before == NULL || has->seq > before->seq)
            continue; /* what it has last stands in this file or a later one */
        if (has->seq < before->seq || before != gtid_list_last(file_start, domain))
            return false;
    }
    return true;
}

enum result gtid_list_parse_each(struct span text, gtid_list_visit *visit, void *context, bool *ret_all)
{
    struct reader reader;
    reader_init_span(&reader, text);
    bool all = true;
    while (!gtid_text_at_end(&reader)) {
        struct gtid_mariadb gtid;
        gtid_text_mariadb(&reader, &gtid);
        if (reader_failed(&reader))
            return RESULT_MALFORMED;
        all = visit(context, &gtid) && all;
        if (!gtid_text_at_end(&reader) && (!gtid_text_take(&reader, ',') || gtid_text_at_end(&reader)))
            return RESULT_MALFORMED;
    }
    *ret_all = all;
    return RESULT_OK;
}

static bool visit_update(void *context, const struct gtid_mariadb *gtid)
{
    struct gtid_list *list = context;
    gtid_list_update(list, gtid);
    return list->count <= GTID_LIST_COUNT_MAX;
}

enum result gtid_list_parse(struct gtid_list *list, struct span text)
{
    struct gtid_list parsed;
    gtid_list_init(&parsed);
    bool all = true;
    enum result result = gtid_list_parse_each(text, visit_update, &parsed, &all);
    if (result == RESULT_OK && !all)
        result = RESULT_TOO_LARGE;
    if (result == RESULT_OK)
        gtid_list_add_list(list, &parsed);
    gtid_list_release(&parsed);
    return result;
}

static void write_gtid(struct writer *writer, const struct gtid_mariadb *gtid, bool first)
{
    if (!first)
        writer_u8(writer, ',');
    struct gtid whole = {.flavor = FLAVOR_MARIADB, .mariadb = *gtid};
    gtid_write(writer, &whole);
}

void gtid_list_write(struct writer *writer, const struct gtid_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        write_gtid(writer, &list->gtids[i], i == 0);
}

void gtid_list_write_last(struct writer *writer, const struct gtid_list *list)
{
    bool first = true;
    for (size_t i = 0; i < list->count; i++) {
        if (i + 1 < list->count && list->gtids[i + 1].domain == list->gtids[i].domain)
            continue;
        write_gtid(writer, &list->gtids[i], first);
        first = false;
    }
}

char *gtid_list_format(const struct gtid_list *list)
{
    size_t room = list->count * (GTID_TEXT_LENGTH + 1) + 1;
    char *text = xmalloc(room);
    struct writer writer;
    writer_init(&writer, text, room);
    gtid_list_write(&writer, list);
    writer_u8(&writer, 0);
    assert(!writer_failed(&writer));
    return text;
}

enum result gtid_list_decode(struct gtid_list *list, struct span body)
{
    struct reader reader;
    reader_init_span(&reader, body);
    uint32_t count = reader_u32(&reader) & COUNT_MASK;
    if (count > GTID_LIST_COUNT_MAX)
        return RESULT_TOO_LARGE;
    size_t left = reader_left(&reader);
    /* An empty list is padded with two bytes, for room that old replicas need. */
    if (reader_failed(&reader) || left < count * (size_t)GTID_BYTES)
        return RESULT_TRUNCATED;
    if (count > 0 && left > count * (size_t)GTID_BYTES)
        return RESULT_MALFORMED;
    for (uint32_t i = 0; i < count; i++) {
        struct gtid_mariadb gtid;
        gtid.domain = reader_u32(&reader);
        gtid.server = reader_u32(&reader);
        gtid.seq = reader_u64(&reader);
        gtid_list_update(list, &gtid);
    }
    return reader_result(&reader);
}

size_t gtid_list_encoded_bytes(const struct gtid_list *list)
{
    return list->count == 0 ? 6 : 4 + list->count * GTID_BYTES;
}

void gtid_list_encode(struct writer *writer, const struct gtid_list *list)
{
    assert(list->count <= COUNT_MASK);
    writer_u32(writer, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        writer_u32(writer, list->gtids[i].domain);
        writer_u32(writer, list->gtids[i].server);
        writer_u64(writer, list->gtids[i].seq);
    }
    if (list->count == 0)
        writer_zeros(writer, 2);
}
