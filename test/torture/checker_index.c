/* What remained and who wrote it, so that the checks find both quickly, see checker_internal.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/torture/checker_internal.h"

static int compare_written(const void *a, const void *b)
{
    const struct written *x = a, *y = b;

    return (x->value > y->value) - (x->value < y->value);
}

static int compare_lists(const void *a, const void *b)
{
    const struct remains *x = a, *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

const struct written *checker_written(const struct checker *checker, uint32_t value)
{
    const struct written wanted = {.value = value};

    return checker->written_count == 0
               ? NULL
               : bsearch(&wanted, checker->written, checker->written_count, sizeof wanted, compare_written);
}

const struct remains *checker_list(const struct checker *checker, uint32_t key)
{
    const struct remains wanted = {.key = key};

    return checker->list_count == 0
               ? NULL
               : bsearch(&wanted, checker->lists, checker->list_count, sizeof wanted, compare_lists);
}

bool checker_has(const uint32_t *values, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == value)
            return true;
    return false;
}

static void index_appends(struct checker *checker)
{
    const struct history *history = checker->history;

    checker->written = xcalloc(history->op_count + 1, sizeof *checker->written);
    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind != OP_APPEND)
            continue;
        uint32_t value = history_values(history, history_item(history, op, 0))[0];
        checker->written[checker->written_count++] = (struct written){
            value, op, {NOWHERE, NOWHERE}
        };
    }
    qsort(checker->written, checker->written_count, sizeof *checker->written, compare_written);
    for (size_t i = 1; i < checker->written_count; i++)
        if (checker->written[i].value == checker->written[i - 1].value)
            checker_note(checker, ANOMALY_DUPLICATE, "value %" PRIu32 " is appended in lines %zu and %zu",
                         checker->written[i].value, checker->written[i - 1].op->line,
                         checker->written[i].op->line);
}

/* Enters where a value stands; false if its append does not name the list. */
static bool enter_place(struct checker *checker, struct written *written, uint32_t key, size_t place)
{
    for (size_t i = 0; i < written->op->count; i++) {
        if (history_item(checker->history, written->op, i)->key != key)
            continue;
        if (written->place[i] != NOWHERE)
            checker_note(checker, ANOMALY_DUPLICATE, "key %" PRIu32 " has value %" PRIu32 " twice", key,
                         written->value);
        else
            written->place[i] = place;
        return true;
    }
    return false;
}

static void index_list(struct checker *checker, const struct op_item *item)
{
    struct remains *list = &checker->lists[checker->list_count++];
    uint64_t latest_us = 0;

    *list = (struct remains){item->key, history_values(checker->history, item), item->count,
                             xcalloc(item->count + 1, sizeof *list->invoked_us)};
    for (size_t i = 0; i < item->count; i++) {
        struct written *written = (struct written *)(uintptr_t)checker_written(checker, list->values[i]);
        if (!written || !enter_place(checker, written, item->key, i))
            checker_note(checker, ANOMALY_NEVER_WRITTEN,
                         "key %" PRIu32 " has value %" PRIu32 " at the end, which nobody has appended to it",
                         item->key, list->values[i]);
        else if (written->op->invoked_us > latest_us)
            latest_us = written->op->invoked_us;
        list->invoked_us[i] = latest_us;
    }
}

void checker_index(struct checker *checker)
{
    index_appends(checker);
    checker->lists = xcalloc(checker->end->count + 1, sizeof *checker->lists);
    for (size_t i = 0; i < checker->end->count; i++)
        if (history_item(checker->history, checker->end, i)->key != KEY_PREPARED)
            index_list(checker, history_item(checker->history, checker->end, i));
    qsort(checker->lists, checker->list_count, sizeof *checker->lists, compare_lists);
}

void checker_index_release(struct checker *checker)
{
    for (size_t i = 0; i < checker->list_count; i++)
        free(checker->lists[i].invoked_us);
    free(checker->lists);
    free(checker->written);
}
