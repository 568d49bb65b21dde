/* XA transactions: what is prepared stays prepared, through whatever happens, until somebody asks for its
 * end; then it is there, or gone, and not listed any more. */
#include <inttypes.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/torture/checker_internal.h"

struct prepared {
    uint32_t value;
    const struct op *prepare, *rollback; /* rollback may be NULL */
    const struct written *commit;        /* the same */
    uint64_t certain_us;                 /* since then it was answered, or listed; UINT64_MAX: never */
};

struct all_prepared {
    struct prepared *all; /* by value */
    size_t count;
};

static uint32_t value_of(const struct checker *checker, const struct op *op)
{
    return history_values(checker->history, history_item(checker->history, op, 0))[0];
}

static int compare(const void *a, const void *b)
{
    const struct prepared *x = a, *y = b;

    return (x->value > y->value) - (x->value < y->value);
}

static struct prepared *find(const struct all_prepared *prepared, uint32_t value)
{
    const struct prepared wanted = {.value = value};

    return prepared->count == 0 ? NULL
                                : bsearch(&wanted, prepared->all, prepared->count, sizeof wanted, compare);
}

/* ---- who prepared what, and what became of it ---- */

static void add_prepares(struct checker *checker, struct all_prepared *prepared)
{
    const struct history *history = checker->history;

    prepared->all = xcalloc(history->op_count + 1, sizeof *prepared->all);
    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind != OP_PREPARE)
            continue;
        uint32_t value = value_of(checker, op);
        prepared->all[prepared->count++] =
            (struct prepared){.value = value,
                              .prepare = op,
                              .commit = checker_written(checker, value),
                              .certain_us = op->outcome == OUTCOME_OK ? op->returned_us : UINT64_MAX};
    }
    qsort(prepared->all, prepared->count, sizeof *prepared->all, compare);
}

static void add_rollbacks(struct checker *checker, struct all_prepared *prepared)
{
    for (size_t i = 0; i < checker->history->op_count; i++) {
        const struct op *op = &checker->history->ops[i];
        if (op->kind != OP_ROLLBACK)
            continue;
        struct prepared *one = find(prepared, value_of(checker, op));
        if (one)
            one->rollback = op;
        else
            checker_note(checker, ANOMALY_NEVER_WRITTEN, "line %zu rolls back what nobody has prepared",
                         op->line);
    }
}

/* The lists of XA RECOVER at the source; with the one of the end. */
static const struct op_item *listing(const struct checker *checker, const struct op *op)
{
    if (op != checker->end && (op->kind != OP_READ || op->site != SITE_SOURCE))
        return NULL;
    for (size_t i = 0; i < op->count; i++)
        if (history_item(checker->history, op, i)->key == KEY_PREPARED)
            return history_item(checker->history, op, i);
    return NULL;
}

/* An end that was answered before this was asked for. */
static bool is_over_before(const struct prepared *one, const struct op *op)
{
    const struct op *commit = one->commit ? one->commit->op : NULL;

    return (commit && commit->outcome == OUTCOME_OK && commit->returned_us < op->invoked_us) ||
           (one->rollback && one->rollback->outcome == OUTCOME_OK &&
            one->rollback->returned_us < op->invoked_us);
}

static void check_listed(struct checker *checker, struct all_prepared *prepared, const struct op *op,
                         uint32_t value)
{
    struct prepared *one = find(prepared, value);

    if (!one || one->prepare->invoked_us > op->returned_us) {
        checker_note(checker, ANOMALY_NEVER_WRITTEN, "line %zu lists %" PRIu32 ", which nobody had prepared",
                     op->line, value);
        return;
    }
    if (one->prepare->outcome == OUTCOME_FAILED)
        checker_note(checker, ANOMALY_FAILED_STAYED,
                     "line %zu lists %" PRIu32 ", whose XA PREPARE got an error", op->line, value);
    if (is_over_before(one, op))
        checker_note(checker, ANOMALY_STALE, "line %zu lists %" PRIu32 ", which had been ended", op->line,
                     value);
    if (op->returned_us < one->certain_us)
        one->certain_us = op->returned_us;
}

static void check_listings(struct checker *checker, struct all_prepared *prepared)
{
    for (size_t i = 0; i < checker->history->op_count; i++) {
        const struct op *op = &checker->history->ops[i];
        const struct op_item *item = listing(checker, op);
        for (size_t j = 0; item && j < item->count; j++)
            check_listed(checker, prepared, op, history_values(checker->history, item)[j]);
    }
}

/* ---- what is missing ---- */

/* Nobody asks for its end before that. */
static uint64_t first_asked_us(const struct prepared *one)
{
    uint64_t commit_us = one->commit ? one->commit->op->invoked_us : UINT64_MAX;
    uint64_t rollback_us = one->rollback ? one->rollback->invoked_us : UINT64_MAX;

    return commit_us < rollback_us ? commit_us : rollback_us;
}

static void check_later_listings(struct checker *checker, const struct prepared *one)
{
    for (size_t i = 0; i < checker->history->op_count; i++) {
        const struct op *op = &checker->history->ops[i];
        const struct op_item *item = op == checker->end ? NULL : listing(checker, op);
        if (item && op->invoked_us > one->certain_us && op->returned_us < first_asked_us(one) &&
            !checker_has(history_values(checker->history, item), item->count, one->value))
            checker_note(checker, ANOMALY_STALE,
                         "line %zu does not list %" PRIu32 ", which was prepared (line %zu)", op->line,
                         one->value, one->prepare->line);
    }
}

static void check_end(struct checker *checker, const struct prepared *one)
{
    const struct op_item *end = listing(checker, checker->end);
    bool is_listed = end && checker_has(history_values(checker->history, end), end->count, one->value);
    bool is_there = one->commit && one->commit->place[0] != NOWHERE;

    if (is_listed && is_there)
        checker_note(checker, ANOMALY_HALF, "value %" PRIu32 " is there at the end, and still prepared",
                     one->value);
    if (!is_listed && !is_there && !one->rollback && one->certain_us != UINT64_MAX)
        checker_note(checker, one->prepare->outcome == OUTCOME_OK ? ANOMALY_LOST : ANOMALY_SEEN_GONE,
                     "value %" PRIu32 " was prepared (line %zu), nobody rolled it back, and it is gone",
                     one->value, one->prepare->line);
}

void checker_check_prepared(struct checker *checker)
{
    struct all_prepared prepared = {0};

    add_prepares(checker, &prepared);
    add_rollbacks(checker, &prepared);
    check_listings(checker, &prepared);
    for (size_t i = 0; i < prepared.count; i++) {
        const struct prepared *one = &prepared.all[i];
        check_later_listings(checker, one);
        check_end(checker, one);
        checker->findings->ok_xa += one->commit && one->commit->op->outcome == OUTCOME_OK;
    }
    free(prepared.all);
}
