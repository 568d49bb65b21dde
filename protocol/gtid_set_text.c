/*
 * MySQL GTID sets as text:
 *     set      = [ part { "," part } ]        a part may be empty
 *     part     = uuid { ":" tag { ":" interval } | ":" interval }
 *     interval = number [ "-" number ]
 * A tag holds for the intervals behind it, up to the next tag.
 */
#include "protocol/gtid_set.h"

#include "protocol/gtid_text.h"
#include "protocol/xalloc.h"

#include <assert.h>

#define ORIGIN_TEXT_MAX   (UUID_TEXT_BYTES + 1 + GTID_TAG_MAX + 1)
#define INTERVAL_TEXT_MAX (1 + 19 + 1 + 19)

static bool parse_interval(struct reader *text, int64_t *ret_start, int64_t *ret_end)
{
    *ret_start = (int64_t)gtid_text_number(text, GTID_GNO_MAX - 1);
    *ret_end = *ret_start;
    if (gtid_text_take(text, '-'))
        *ret_end = (int64_t)gtid_text_number(text, GTID_GNO_MAX - 1);
    if (*ret_start < 1)
        reader_fail(text);
    *ret_end += 1;
    return !reader_failed(text) && *ret_start < *ret_end;
}

static bool parse_part(struct reader *text, gtid_set_visit *visit, void *context)
{
    struct gtid_origin origin = {0};
    bool all = true;
    bool wants_interval = true; /* a uuid or tag with nothing behind it names nothing */
    gtid_text_uuid(text, origin.uuid);
    while (gtid_text_take(text, ':')) {
        int64_t start;
        int64_t end;
        if (!gtid_text_next_is_digit(text)) {
            gtid_text_tag(text, &origin);
            wants_interval = true;
            continue;
        }
        if (parse_interval(text, &start, &end))
            all = visit(context, &origin, start, end) && all;
        wants_interval = false;
    }
    if (wants_interval)
        reader_fail(text);
    return all;
}

enum result gtid_set_parse_each(struct span text, gtid_set_visit *visit, void *context, bool *ret_all)
{
    struct reader reader;
    reader_init_span(&reader, text);
    bool all = true;
    while (!gtid_text_at_end(&reader)) {
        if (gtid_text_take(&reader, ','))
            continue;
        all = parse_part(&reader, visit, context) && all;
        if (reader_failed(&reader) || (!gtid_text_at_end(&reader) && !gtid_text_take(&reader, ',')))
            return RESULT_MALFORMED;
    }
    *ret_all = all;
    return RESULT_OK;
}

struct parsing {
    struct gtid_set set;
    size_t intervals;
};

static bool visit_add(void *context, const struct gtid_origin *origin, int64_t start, int64_t end)
{
    struct parsing *parsing = context;
    if (++parsing->intervals > GTID_SET_INTERVALS_MAX)
        return false;
    gtid_set_add_range(&parsing->set, origin, start, end);
    return true;
}

enum result gtid_set_parse(struct gtid_set *set, struct span text)
{
    struct parsing parsing = {0};
    gtid_set_init(&parsing.set);
    bool all = true;
    enum result result = gtid_set_parse_each(text, visit_add, &parsing, &all);
    if (result == RESULT_OK && !all)
        result = RESULT_TOO_LARGE;
    if (result == RESULT_OK && gtid_set_is_empty(set))
        gtid_set_move(set, &parsing.set);
    else if (result == RESULT_OK)
        gtid_set_add_set(set, &parsing.set);
    gtid_set_release(&parsing.set);
    return result;
}

static void write_intervals(struct writer *writer, const struct gtid_set_origin *origin)
{
    for (size_t i = 0; i < origin->count; i++) {
        writer_u8(writer, ':');
        gtid_text_write_number(writer, (uint64_t)origin->intervals[i].start);
        if (origin->intervals[i].end - origin->intervals[i].start > 1) {
            writer_u8(writer, '-');
            gtid_text_write_number(writer, (uint64_t)origin->intervals[i].end - 1);
        }
    }
}

static bool same_uuid(const struct gtid_origin *a, const struct gtid_origin *b)
{
    struct gtid_origin untagged_a = *a;
    struct gtid_origin untagged_b = *b;
    untagged_a.tag_length = untagged_b.tag_length = 0;
    return gtid_origin_compare(&untagged_a, &untagged_b) == 0;
}

void gtid_set_write(struct writer *writer, const struct gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct gtid_origin *origin = &set->origins[i].origin;
        if (i > 0 && same_uuid(origin, &set->origins[i - 1].origin)) {
            writer_u8(writer, ':');
            writer_bytes(writer, origin->tag, origin->tag_length);
        } else {
            if (i > 0)
                writer_u8(writer, ',');
            gtid_origin_write(writer, origin);
        }
        write_intervals(writer, &set->origins[i]);
    }
}

char *gtid_set_format(const struct gtid_set *set)
{
    size_t room = 1;
    for (size_t i = 0; i < set->count; i++)
        room += ORIGIN_TEXT_MAX + 1 + set->origins[i].count * INTERVAL_TEXT_MAX;
    char *text = xmalloc(room);
    struct writer writer;
    writer_init(&writer, text, room);
    gtid_set_write(&writer, set);
    writer_u8(&writer, 0);
    assert(!writer_failed(&writer));
    return text;
}
