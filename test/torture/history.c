/* Histories as text and in memory, see history.h. */
#include "test/torture/history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"

static const char *const kinds[] = {"append", "read", "end", "prepare", "rollback"};
static const char *const outcomes[] = {"ok", "failed", "unknown"};
static const char *const sites[SITES_MAX] = {"source", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};

const char *history_site_name(unsigned site)
{
    return site < SITES_MAX ? sites[site] : "?";
}

void history_init(struct history *history)
{
    *history = (struct history){0};
}

void history_release(struct history *history)
{
    free(history->ops);
    free(history->items);
    free(history->values);
    history_init(history);
}

static void *make_room(void *array, size_t count, size_t *max, size_t size)
{
    if (count < *max)
        return array;
    *max = *max * 2 + 64;
    return xrealloc(array, *max * size);
}

static void add_value(struct history *history, uint32_t value)
{
    history->values =
        make_room(history->values, history->value_count, &history->value_max, sizeof *history->values);
    history->values[history->value_count++] = value;
}

/* A number and what must follow it; moves on behind that. */
static bool take_number(const char **at, uint64_t max, uint64_t *ret_number)
{
    char *end;

    if (**at < '0' || **at > '9')
        return false;
    unsigned long long number = strtoull(*at, &end, 10);
    if (number > max)
        return false;
    *at = end;
    *ret_number = number;
    return true;
}

static bool take_word(const char **at, const char *const *words, size_t count, unsigned *ret_index)
{
    size_t length = strcspn(*at, " \n");

    for (size_t i = 0; i < count; i++)
        if (words[i] && strlen(words[i]) == length && strncmp(*at, words[i], length) == 0) {
            *ret_index = (unsigned)i;
            *at += length;
            return true;
        }
    return false;
}

static bool take_space(const char **at)
{
    if (**at != ' ')
        return false;
    *at += 1;
    return true;
}

/* KEY=VALUE,VALUE,… */
static bool take_item(struct history *history, const char **at)
{
    struct op_item item = {.first = history->value_count};
    uint64_t number;

    if (!take_number(at, UINT32_MAX, &number) || **at != '=')
        return false;
    item.key = (uint32_t)number;
    do {
        *at += 1;
        if (item.first == history->value_count && (**at == ' ' || **at == '\n' || !**at))
            break;
        if (!take_number(at, UINT32_MAX, &number))
            return false;
        add_value(history, (uint32_t)number);
    } while (**at == ',');
    item.count = history->value_count - item.first;
    history->items =
        make_room(history->items, history->item_count, &history->item_max, sizeof *history->items);
    history->items[history->item_count++] = item;
    return true;
}

static bool take_head(const char **at, struct op *op)
{
    uint64_t client;
    unsigned kind, outcome;

    if (!take_number(at, UINT64_MAX, &op->invoked_us) || !take_space(at) ||
        !take_number(at, UINT64_MAX, &op->returned_us) || !take_space(at) ||
        !take_number(at, UINT32_MAX, &client) || !take_space(at) ||
        !take_word(at, sites, SITES_MAX, &op->site) || !take_space(at) ||
        !take_word(at, kinds, sizeof kinds / sizeof *kinds, &kind) || !take_space(at) ||
        !take_word(at, outcomes, 3, &outcome))
        return false;
    op->client = (uint32_t)client;
    op->kind = (enum op_kind)kind;
    op->outcome = (enum op_outcome)outcome;
    return op->invoked_us <= op->returned_us;
}

static bool is_plausible_write(const struct history *history, const struct op *op)
{
    for (size_t i = 0; i < op->count; i++)
        if (history_item(history, op, i)->count != 1)
            return false;
    return op->count >= 1 && op->count <= KEYS_OF_APPEND_MAX;
}

bool history_add_line(struct history *history, const char *line, size_t number)
{
    struct op op = {.line = number, .first = history->item_count};
    const char *at = line;

    if (!*line || *line == '\n' || *line == '#')
        return true;
    if (!take_head(&at, &op))
        return false;
    while (take_space(&at))
        if (!take_item(history, &at))
            return false;
    if (*at && *at != '\n')
        return false;
    op.count = history->item_count - op.first;
    if (op.kind != OP_READ && op.kind != OP_END && !is_plausible_write(history, &op))
        return false;
    history->ops = make_room(history->ops, history->op_count, &history->op_max, sizeof *history->ops);
    history->ops[history->op_count++] = op;
    return true;
}

size_t history_read(struct history *history, FILE *in)
{
    char *line = NULL;
    size_t max = 0, number = 0, wrong = 0;

    while (wrong == 0 && getline(&line, &max, in) >= 0)
        if (!history_add_line(history, line, ++number))
            wrong = number;
    free(line);
    return wrong;
}

void history_print_op(FILE *out, const struct op *op)
{
    (void)fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu32 " %s %s %s", op->invoked_us, op->returned_us,
                  op->client, history_site_name(op->site), kinds[op->kind], outcomes[op->outcome]);
}
