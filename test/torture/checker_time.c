/* Real time: what was answered or seen before somebody asked must stand in front of what he gets, see
 * checker.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/torture/checker_internal.h"

/* At this moment so many values of the list were certain: n of what was returned then, or n that an operation
 * asked for then has to have in front of it or to show. */
struct mark {
    unsigned site;
    uint32_t key;
    uint64_t at_us;
    size_t n;
    const struct op *op;
};

struct marks {
    struct mark *marks;
    size_t count, max;
};

static void add(struct marks *marks, struct mark mark)
{
    if (marks->count == marks->max) {
        marks->max = marks->max * 2 + 256;
        marks->marks = xrealloc(marks->marks, marks->max * sizeof *marks->marks);
    }
    marks->marks[marks->count++] = mark;
}

static int compare(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

static void sort(struct marks *marks)
{
    if (marks->count > 0)
        qsort(marks->marks, marks->count, sizeof *marks->marks, compare);
}

static void add_reads(const struct checker *checker, struct marks *before, struct marks *after)
{
    const struct history *history = checker->history;

    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind != OP_READ || op->outcome != OUTCOME_OK)
            continue;
        for (size_t j = 0; j < op->count; j++) {
            const struct op_item *item = history_item(history, op, j);
            if (item->key == KEY_SET || item->key == KEY_PREPARED)
                continue;
            add(before, (struct mark){op->site, item->key, op->returned_us, item->count, op});
            add(after, (struct mark){op->site, item->key, op->invoked_us, item->count, op});
        }
    }
}

/* An append puts its value behind all that was certain when it was asked for; answered, it is certain itself.
 */
static void add_appends(const struct checker *checker, struct marks *before, struct marks *after)
{
    for (size_t i = 0; i < checker->written_count; i++) {
        const struct written *written = &checker->written[i];
        const struct op *op = written->op;
        for (size_t j = 0; j < op->count; j++) {
            uint32_t key = history_item(checker->history, op, j)->key;
            if (key == KEY_SET || written->place[j] == NOWHERE)
                continue;
            if (op->outcome == OUTCOME_OK)
                add(before, (struct mark){SITE_SOURCE, key, op->returned_us, written->place[j] + 1, op});
            add(after, (struct mark){SITE_SOURCE, key, op->invoked_us, written->place[j], op});
        }
    }
}

static void tell(struct checker *checker, const struct mark *certain, const struct mark *mark)
{
    enum anomaly anomaly = mark->op->kind == OP_APPEND ? ANOMALY_REORDERED
                           : mark->site == SITE_SOURCE ? ANOMALY_STALE
                                                       : ANOMALY_WENT_BACK;

    checker_note(checker, anomaly,
                 "key %" PRIu32 " at %s: line %zu has %zu values in front or shown, and line %zu "
                 "had %zu before",
                 mark->key, history_site_name(mark->site), mark->op->line, mark->n, certain->op->line,
                 certain->n);
}

static bool is_same_list(const struct mark *a, const struct mark *b)
{
    return a->site == b->site && a->key == b->key;
}

static void sweep(struct checker *checker, const struct marks *before, const struct marks *after)
{
    const struct mark *most = NULL;
    size_t next = 0;

    for (size_t i = 0; i < after->count; i++) {
        const struct mark *mark = &after->marks[i];
        while (next < before->count && compare(&before->marks[next], mark) < 0) {
            const struct mark *certain = &before->marks[next++];
            if (!most || !is_same_list(most, certain) || certain->n > most->n)
                most = certain;
        }
        if (most && is_same_list(most, mark) && most->n > mark->n)
            tell(checker, most, mark);
    }
}

void checker_check_time(struct checker *checker)
{
    struct marks before = {0}, after = {0};

    add_reads(checker, &before, &after);
    add_appends(checker, &before, &after);
    sort(&before);
    sort(&after);
    sweep(checker, &before, &after);
    free(before.marks);
    free(after.marks);
}

/* ---- the set ---- */

/* Since when a value is certain to be in the set at the source, UINT64_MAX: never. */
static uint64_t certain_since(const struct checker *checker, const struct written *written)
{
    const struct history *history = checker->history;
    uint64_t since = written->op->outcome == OUTCOME_OK ? written->op->returned_us : UINT64_MAX;

    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind != OP_READ || op->outcome != OUTCOME_OK || op->site != SITE_SOURCE ||
            op->returned_us >= since)
            continue;
        for (size_t j = 0; j < op->count; j++) {
            const struct op_item *item = history_item(history, op, j);
            if (item->key == KEY_SET &&
                checker_has(history_values(history, item), item->count, written->value))
                since = op->returned_us;
        }
    }
    return since;
}

static void check_later_reads(struct checker *checker, uint32_t value, uint64_t since_us)
{
    const struct history *history = checker->history;

    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind != OP_READ || op->outcome != OUTCOME_OK || op->site != SITE_SOURCE ||
            op->invoked_us <= since_us)
            continue;
        for (size_t j = 0; j < op->count; j++) {
            const struct op_item *item = history_item(history, op, j);
            if (item->key == KEY_SET && !checker_has(history_values(history, item), item->count, value))
                checker_note(checker, ANOMALY_STALE,
                             "the set in line %zu lacks %" PRIu32 ", which was certain before", op->line,
                             value);
        }
    }
}

void checker_check_set(struct checker *checker)
{
    for (size_t i = 0; i < checker->written_count; i++) {
        const struct written *written = &checker->written[i];
        if (history_item(checker->history, written->op, 0)->key == KEY_SET)
            check_later_reads(checker, written->value, certain_since(checker, written));
    }
}
