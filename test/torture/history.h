/* What clients did and saw, one operation a line, as text that people read and the checker decides from:
 *
 *     INVOKED RETURNED CLIENT SITE KIND OUTCOME KEY=VALUE,VALUE,… KEY=…
 *     1040 1733 3 source append ok 24=17 27=17
 *     1500 2110 9 r1 read ok 24=15,17
 *     9000 9100 1 r1 end ok 0= 24=15,17 27=17
 *
 * Times are microseconds of one monotonic clock. A key is a list that only grows: an append puts its value,
 * which is unique in the history, at the end of one list or of two (one transaction); a read sees whole
 * lists, those of one line in one snapshot. Key 0 is a set instead: what is read of it comes in any order. An
 * `end` is all that a server holds once nothing happens any more; CLIENT numbers the ends of a history, and
 * the last number is what remained.
 *
 * XA transactions: a `prepare` names the value and its lists; what then asks for the end of it is an `append`
 * (XA COMMIT) or a `rollback`. Key 1 is the set of values that XA RECOVER lists.
 *
 * Outcomes: ok; failed, a promise that the append has not happened and never will; unknown. */
#ifndef ACKGATE_TEST_HISTORY_H
#define ACKGATE_TEST_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum op_kind { OP_APPEND, OP_READ, OP_END, OP_PREPARE, OP_ROLLBACK };
enum op_outcome { OUTCOME_OK, OUTCOME_FAILED, OUTCOME_UNKNOWN };

/* Sites: where it was done. The source is always reached in the way that applications go. */
enum { SITE_SOURCE = 0, SITES_MAX = 8, KEY_SET = 0, KEY_PREPARED = 1, KEYS_OF_APPEND_MAX = 2 };

struct op_item {
    uint32_t key;
    size_t first; /* in the history's values */
    size_t count;
};

struct op {
    uint64_t invoked_us;
    uint64_t returned_us;
    uint32_t client;
    unsigned site;
    enum op_kind kind;
    enum op_outcome outcome;
    size_t first; /* in the history's items */
    size_t count;
    size_t line; /* in the text, from 1 */
};

struct history {
    struct op *ops;
    size_t op_count, op_max;
    struct op_item *items;
    size_t item_count, item_max;
    uint32_t *values;
    size_t value_count, value_max;
};

void history_init(struct history *history);
void history_release(struct history *history);

/* Adds one line, with or without its newline; empty lines and those that begin with # say nothing. False if
 * it is no operation. */
bool history_add_line(struct history *history, const char *line, size_t number);
/* Adds all lines; returns the number of the first that is wrong, or 0. */
size_t history_read(struct history *history, FILE *in);

/* The beginning of a line, up to and with the outcome: what is read or appended follows as " KEY=VALUES". */
void history_print_op(FILE *out, const struct op *op);
const char *history_site_name(unsigned site);

static inline const struct op_item *history_item(const struct history *history, const struct op *op, size_t i)
{
    return &history->items[op->first + i];
}

static inline const uint32_t *history_values(const struct history *history, const struct op_item *item)
{
    return &history->values[item->first];
}

#endif
