/*
 * The set itself: origins in a sorted array, each with a sorted array of intervals; binary search in both.
 * Text is in gtid_set_text.c, the binary form in gtid_set_binary.c.
 */
#include "protocol/gtid_set.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void gtid_set_init(struct gtid_set *set)
{
    *set = (struct gtid_set){0};
}

void gtid_set_clear(struct gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->origins[i].intervals);
    set->count = 0;
}

void gtid_set_release(struct gtid_set *set)
{
    gtid_set_clear(set);
    free(set->origins);
    gtid_set_init(set);
}

void gtid_set_move(struct gtid_set *set, struct gtid_set *other)
{
    if (set == other)
        return;
    gtid_set_release(set);
    *set = *other;
    gtid_set_init(other);
}

void gtid_set_copy(struct gtid_set *set, const struct gtid_set *other)
{
    if (set == other)
        return;
    gtid_set_clear(set);
    if (set->room < other->count) {
        set->origins = xrealloc(set->origins, other->count * sizeof *set->origins);
        set->room = other->count;
    }
    for (size_t i = 0; i < other->count; i++) {
        const struct gtid_set_origin *from = &other->origins[i];
        struct gtid_set_origin *to = &set->origins[i];
        *to = *from;
        to->room = from->count;
        to->intervals = xmalloc(from->count * sizeof *to->intervals);
        memcpy(to->intervals, from->intervals, from->count * sizeof *to->intervals);
    }
    set->count = other->count;
}

/* The index of the origin, or where it would stand. */
static size_t find_place(const struct gtid_set *set, const struct gtid_origin *origin)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gtid_origin_compare(&set->origins[middle].origin, origin) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct gtid_set_origin *find_origin(const struct gtid_set *set, const struct gtid_origin *origin)
{
    size_t at = find_place(set, origin);
    if (at == set->count || gtid_origin_compare(&set->origins[at].origin, origin) != 0)
        return NULL;
    return &set->origins[at];
}

static struct gtid_set_origin *find_or_insert_origin(struct gtid_set *set, const struct gtid_origin *origin)
{
    size_t at = find_place(set, origin);
    if (at < set->count && gtid_origin_compare(&set->origins[at].origin, origin) == 0)
        return &set->origins[at];
    if (set->count == set->room) {
        set->room = set->room == 0 ? 4 : set->room * 2;
        set->origins = xrealloc(set->origins, set->room * sizeof *set->origins);
    }
    memmove(set->origins + at + 1, set->origins + at, (set->count - at) * sizeof *set->origins);
    set->origins[at] = (struct gtid_set_origin){.origin = *origin};
    set->count++;
    return &set->origins[at];
}

static void remove_origin(struct gtid_set *set, size_t at)
{
    free(set->origins[at].intervals);
    set->count--;
    memmove(set->origins + at, set->origins + at + 1, (set->count - at) * sizeof *set->origins);
}

/* The first interval that ends at or behind number: it contains number, touches it, or stands behind it. */
static size_t find_interval(const struct gtid_set_origin *origin, int64_t number)
{
    size_t low = 0;
    size_t high = origin->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (origin->intervals[middle].end < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts `with` intervals in the place of `count` ones from index at. */
static void splice(struct gtid_set_origin *origin, size_t at, size_t count, const struct gtid_interval *with,
                   size_t with_count)
{
    size_t total = origin->count - count + with_count;
    if (total > origin->room) {
        origin->room = total < 4 ? 4 : total * 2;
        origin->intervals = xrealloc(origin->intervals, origin->room * sizeof *origin->intervals);
    }
    struct gtid_interval *place = origin->intervals + at;
    memmove(place + with_count, place + count, (origin->count - at - count) * sizeof *place);
    if (with_count > 0)
        memcpy(place, with, with_count * sizeof *place);
    origin->count = total;
}

static void add_interval(struct gtid_set_origin *origin, int64_t start, int64_t end)
{
    size_t first = origin->count;
    /* Nearly every call extends the last interval. */
    if (origin->count > 0 && start <= origin->intervals[origin->count - 1].end) {
        first = origin->count - 1;
        if (start < origin->intervals[first].start)
            first = find_interval(origin, start);
    }
    struct gtid_interval merged = {start, end};
    size_t last = first;
    while (last < origin->count && origin->intervals[last].start <= end) {
        if (origin->intervals[last].start < merged.start)
            merged.start = origin->intervals[last].start;
        if (origin->intervals[last].end > merged.end)
            merged.end = origin->intervals[last].end;
        last++;
    }
    splice(origin, first, last - first, &merged, 1);
}

void gtid_set_add_range(struct gtid_set *set, const struct gtid_origin *origin, int64_t start, int64_t end)
{
    assert(start >= 1 && start < end);
    add_interval(find_or_insert_origin(set, origin), start, end);
}

void gtid_set_add(struct gtid_set *set, const struct gtid_mysql *gtid)
{
    gtid_set_add_range(set, &gtid->origin, gtid->gno, gtid->gno + 1);
}

void gtid_set_add_set(struct gtid_set *set, const struct gtid_set *other)
{
    if (set == other)
        return;
    for (size_t i = 0; i < other->count; i++) {
        struct gtid_set_origin *origin = find_or_insert_origin(set, &other->origins[i].origin);
        for (size_t j = 0; j < other->origins[i].count; j++)
            add_interval(origin, other->origins[i].intervals[j].start, other->origins[i].intervals[j].end);
    }
}

static void subtract_interval(struct gtid_set_origin *origin, int64_t start, int64_t end)
{
    size_t first = find_interval(origin, start);
    if (first < origin->count && origin->intervals[first].end == start)
        first++; /* it only touches */
    struct gtid_interval rest[2];
    size_t rests = 0;
    size_t last = first;
    while (last < origin->count && origin->intervals[last].start < end) {
        if (origin->intervals[last].start < start)
            rest[rests++] = (struct gtid_interval){origin->intervals[last].start, start};
        if (origin->intervals[last].end > end)
            rest[rests++] = (struct gtid_interval){end, origin->intervals[last].end};
        last++;
    }
    splice(origin, first, last - first, rest, rests);
}

void gtid_set_subtract(struct gtid_set *set, const struct gtid_set *other)
{
    if (set == other) {
        gtid_set_clear(set);
        return;
    }
    for (size_t i = 0; i < other->count; i++) {
        size_t at = find_place(set, &other->origins[i].origin);
        if (at == set->count || gtid_origin_compare(&set->origins[at].origin, &other->origins[i].origin) != 0)
            continue;
        struct gtid_set_origin *origin = &set->origins[at];
        for (size_t j = 0; j < other->origins[i].count && origin->count > 0; j++)
            subtract_interval(origin, other->origins[i].intervals[j].start,
                              other->origins[i].intervals[j].end);
        if (origin->count == 0)
            remove_origin(set, at);
    }
}

bool gtid_set_is_empty(const struct gtid_set *set)
{
    return set->count == 0;
}

bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct gtid_set_origin *x = &a->origins[i];
        const struct gtid_set_origin *y = &b->origins[i];
        if (gtid_origin_compare(&x->origin, &y->origin) != 0 || x->count != y->count ||
            memcmp(x->intervals, y->intervals, x->count * sizeof *x->intervals) != 0)
            return false;
    }
    return true;
}

static bool contains_interval(const struct gtid_set_origin *origin, int64_t start, int64_t end)
{
    size_t at = find_interval(origin, end);
    return at < origin->count && origin->intervals[at].start <= start;
}

bool gtid_set_contains_range(const struct gtid_set *set, const struct gtid_origin *origin, int64_t start,
                             int64_t end)
{
    assert(start < end);
    const struct gtid_set_origin *found = find_origin(set, origin);
    return found != NULL && contains_interval(found, start, end);
}

bool gtid_set_contains(const struct gtid_set *set, const struct gtid_mysql *gtid)
{
    return gtid_set_contains_range(set, &gtid->origin, gtid->gno, gtid->gno + 1);
}

bool gtid_set_contains_set(const struct gtid_set *set, const struct gtid_set *other)
{
    for (size_t i = 0; i < other->count; i++) {
        const struct gtid_set_origin *wanted = &other->origins[i];
        const struct gtid_set_origin *found = find_origin(set, &wanted->origin);
        for (size_t j = 0; j < wanted->count; j++) {
            if (found == NULL ||
                !contains_interval(found, wanted->intervals[j].start, wanted->intervals[j].end))
                return false;
        }
    }
    return true;
}

static bool intervals_intersect(const struct gtid_set_origin *a, const struct gtid_set_origin *b)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a->count && j < b->count) {
        if (a->intervals[i].end <= b->intervals[j].start)
            i++;
        else if (b->intervals[j].end <= a->intervals[i].start)
            j++;
        else
            return true;
    }
    return false;
}

bool gtid_set_intersects(const struct gtid_set *a, const struct gtid_set *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct gtid_set_origin *found = find_origin(b, &a->origins[i].origin);
        if (found != NULL && intervals_intersect(&a->origins[i], found))
            return true;
    }
    return false;
}

uint64_t gtid_set_count(const struct gtid_set *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        for (size_t j = 0; j < set->origins[i].count; j++) {
            const struct gtid_interval *interval = &set->origins[i].intervals[j];
            if (__builtin_add_overflow(count, (uint64_t)(interval->end - interval->start), &count))
                return UINT64_MAX;
        }
    }
    return count;
}

int64_t gtid_set_last(const struct gtid_set *set, const struct gtid_origin *origin)
{
    const struct gtid_set_origin *found = find_origin(set, origin);
    return found == NULL ? 0 : found->intervals[found->count - 1].end - 1;
}

bool gtid_set_has_tags(const struct gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->origins[i].origin.tag_length > 0)
            return true;
    }
    return false;
}
