/* The checks that need no clock, and their order, see checker.h. */
#include "test/torture/checker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "test/torture/checker_internal.h"

const char *anomaly_name(enum anomaly anomaly)
{
    static const char *const names[ANOMALIES] = {
        "OK lost",   "seen and gone", "fork", "failed but stayed", "stale read", "reordered", "went back",
        "duplicate", "never written", "half", "unequal ends",      "no end",
    };

    return names[anomaly];
}

void checker_note(struct checker *checker, enum anomaly anomaly, const char *format, ...)
{
    struct findings *findings = checker->findings;
    va_list args;

    findings->of_kind[anomaly]++;
    findings->total++;
    if (findings->count == FINDINGS_MAX)
        return;
    struct finding *finding = &findings->finding[findings->count++];
    finding->anomaly = anomaly;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
}

/* ---- ends ---- */

/* The first of those with the highest number. */
static const struct op *find_end(const struct history *history)
{
    const struct op *end = NULL;

    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind == OP_END && (!end || op->client > end->client))
            end = op;
    }
    return end;
}

static const struct op_item *find_item(const struct history *history, const struct op *op, uint32_t key)
{
    for (size_t i = 0; i < op->count; i++)
        if (history_item(history, op, i)->key == key)
            return history_item(history, op, i);
    return NULL;
}

static bool is_same_set(const struct history *history, const struct op_item *a, const struct op_item *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (!checker_has(history_values(history, a), a->count, history_values(history, b)[i]))
            return false;
    return true;
}

static bool is_same_item(const struct history *history, const struct op_item *a, const struct op_item *b)
{
    if (!a || !b || a->count != b->count)
        return false;
    if (a->key == KEY_SET || a->key == KEY_PREPARED)
        return is_same_set(history, a, b);
    return a->count == 0 ||
           memcmp(history_values(history, a), history_values(history, b), a->count * sizeof(uint32_t)) == 0;
}

static void compare_ends(struct checker *checker, const struct op *a, const struct op *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct op_item *item = history_item(checker->history, a, i);
        if (!is_same_item(checker->history, item, find_item(checker->history, b, item->key)))
            checker_note(checker, ANOMALY_UNEQUAL,
                         "key %" PRIu32 " differs between %s (line %zu) and %s (line %zu)", item->key,
                         history_site_name(a->site), a->line, history_site_name(b->site), b->line);
    }
    if (a->count != b->count)
        checker_note(checker, ANOMALY_UNEQUAL, "%s (line %zu) has %zu keys, %s (line %zu) has %zu",
                     history_site_name(a->site), a->line, a->count, history_site_name(b->site), b->line,
                     b->count);
}

static void check_ends(struct checker *checker)
{
    const struct history *history = checker->history;
    const struct op *first = NULL;

    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->kind != OP_END)
            continue;
        if (first && first->client == op->client)
            compare_ends(checker, first, op);
        else
            first = op;
    }
}

/* ---- what was read ---- */

static void check_list(struct checker *checker, const struct op *op, const struct op_item *item)
{
    const struct remains *list = checker_list(checker, item->key);
    const uint32_t *values = history_values(checker->history, item);
    size_t count = list ? list->count : 0, i = 0;

    while (i < item->count && i < count && values[i] == list->values[i])
        i++;
    if (i == item->count) {
        if (i > 0 && list->invoked_us[i - 1] > op->returned_us)
            checker_note(checker, ANOMALY_NEVER_WRITTEN,
                         "line %zu shows of key %" PRIu32 " what nobody had asked for yet", op->line,
                         item->key);
        return;
    }
    bool is_gone = !list || !checker_has(list->values, list->count, values[i]);
    checker_note(checker, is_gone ? ANOMALY_SEEN_GONE : ANOMALY_FORK,
                 "key %" PRIu32 ": line %zu (%s) shows %" PRIu32 " as number %zu, at the end %s", item->key,
                 op->line, history_site_name(op->site), values[i], i + 1,
                 is_gone ? "it is not there" : "it stands elsewhere");
}

static void check_set_read(struct checker *checker, const struct op *op, const struct op_item *item)
{
    const struct remains *set = checker_list(checker, KEY_SET);

    for (size_t i = 0; i < item->count; i++) {
        uint32_t value = history_values(checker->history, item)[i];
        const struct written *written = checker_written(checker, value);
        if (!set || !checker_has(set->values, set->count, value))
            checker_note(checker, ANOMALY_SEEN_GONE,
                         "the set: line %zu (%s) shows %" PRIu32 ", at the end it is not there", op->line,
                         history_site_name(op->site), value);
        else if (written && written->op->invoked_us > op->returned_us)
            checker_note(checker, ANOMALY_NEVER_WRITTEN,
                         "line %zu shows %" PRIu32 " before anybody asked for it", op->line, value);
    }
}

/* A transaction's other half, in a list of the same snapshot. */
static void check_halves(struct checker *checker, const struct op *op, const struct op_item *item)
{
    const struct history *history = checker->history;

    for (size_t i = 0; i < item->count; i++) {
        uint32_t value = history_values(history, item)[i];
        const struct written *written = checker_written(checker, value);
        for (size_t j = 0; written && j < written->op->count; j++) {
            uint32_t key = history_item(history, written->op, j)->key;
            const struct op_item *other = key == item->key ? NULL : find_item(history, op, key);
            if (other && !checker_has(history_values(history, other), other->count, value))
                checker_note(checker, ANOMALY_HALF,
                             "line %zu shows %" PRIu32 " in key %" PRIu32 ", not in key %" PRIu32, op->line,
                             value, item->key, key);
        }
    }
}

static void check_reads(struct checker *checker)
{
    const struct history *history = checker->history;

    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if ((op->kind != OP_READ && op->kind != OP_END) || op->outcome != OUTCOME_OK || op == checker->end)
            continue;
        checker->findings->reads += op->kind == OP_READ;
        for (size_t j = 0; j < op->count; j++) {
            const struct op_item *item = history_item(history, op, j);
            checker->findings->values_read += item->count;
            if (item->key == KEY_SET)
                check_set_read(checker, op, item);
            else if (item->key != KEY_PREPARED)
                check_list(checker, op, item);
            if (op->count > 1 && op->kind == OP_READ)
                check_halves(checker, op, item);
        }
    }
}

/* ---- what was appended ---- */

static void check_append(struct checker *checker, const struct written *written)
{
    const struct op *op = written->op;
    size_t there = 0;

    for (size_t i = 0; i < op->count; i++)
        there += written->place[i] != NOWHERE;
    if (there != 0 && there != op->count)
        checker_note(checker, ANOMALY_HALF,
                     "of the transaction in line %zu (value %" PRIu32 ") one half remained", op->line,
                     written->value);
    if (op->outcome == OUTCOME_OK && there == 0)
        checker_note(checker, ANOMALY_LOST,
                     "value %" PRIu32 " got an OK in line %zu and is not there at the end", written->value,
                     op->line);
    if (op->outcome == OUTCOME_FAILED && there > 0)
        checker_note(checker, ANOMALY_FAILED_STAYED,
                     "value %" PRIu32 " got an error in line %zu and is there", written->value, op->line);
    checker->findings->ok += op->outcome == OUTCOME_OK;
    checker->findings->ok_ddl +=
        op->outcome == OUTCOME_OK && history_item(checker->history, op, 0)->key == KEY_SET;
    checker->findings->failed += op->outcome == OUTCOME_FAILED;
    checker->findings->unknown += op->outcome == OUTCOME_UNKNOWN;
    checker->findings->unknown_stayed += op->outcome == OUTCOME_UNKNOWN && there > 0;
}

void checker_check(const struct history *history, struct findings *ret_findings)
{
    struct checker checker = {.history = history, .findings = ret_findings, .end = find_end(history)};

    *ret_findings = (struct findings){0};
    if (!checker.end) {
        checker_note(&checker, ANOMALY_NO_END, "the history has no end");
        return;
    }
    checker_index(&checker);
    for (size_t i = 0; i < checker.written_count; i++)
        check_append(&checker, &checker.written[i]);
    check_ends(&checker);
    check_reads(&checker);
    checker_check_time(&checker);
    checker_check_set(&checker);
    checker_check_prepared(&checker);
    checker_index_release(&checker);
}
