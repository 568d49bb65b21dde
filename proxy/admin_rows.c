/* The rows of admin_rows.h. Texts stand in blocks, since tables are filled where time is short. */
#include "proxy/admin_rows.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024 };

struct admin_rows_block {
    struct admin_rows_block *next;
    size_t used;
    size_t room;
    char bytes[];
};

/* Room for so many bytes, which stays where it is. */
static char *take_room(struct admin_rows *rows, size_t length)
{
    struct admin_rows_block *block = rows->texts;
    if (block == NULL || block->room - block->used < length) {
        size_t room = length > BLOCK_BYTES ? length : BLOCK_BYTES;
        block = xmalloc(sizeof(*block) + room);
        *block = (struct admin_rows_block){.next = rows->texts, .room = room};
        rows->texts = block;
    }
    char *text = block->bytes + block->used;
    block->used += length;
    return text;
}

void admin_rows_init(struct admin_rows *rows, size_t columns)
{
    *rows = (struct admin_rows){.columns = columns};
}

void admin_rows_release(struct admin_rows *rows)
{
    while (rows->texts != NULL) {
        struct admin_rows_block *block = rows->texts;
        rows->texts = block->next;
        free(block);
    }
    free(rows->values);
    free(rows->copy);
    *rows = (struct admin_rows){.columns = rows->columns};
}

void admin_rows_later(struct admin_rows *rows, admin_rows_fn *make, void *copy)
{
    assert(rows->count == 0 && rows->make == NULL);
    rows->make = make;
    rows->copy = copy;
}

void admin_rows_make(struct admin_rows *rows)
{
    if (rows->make == NULL)
        return;
    rows->make(rows->copy, rows);
    free(rows->copy);
    rows->make = NULL;
    rows->copy = NULL;
}

size_t admin_rows_count(const struct admin_rows *rows)
{
    assert(rows->make == NULL && rows->count % rows->columns == 0);
    return rows->count / rows->columns;
}

const struct admin_value *admin_rows_value(const struct admin_rows *rows, size_t row, size_t column)
{
    assert(column < rows->columns && row < admin_rows_count(rows));
    return &rows->values[row * rows->columns + column];
}

static void add(struct admin_rows *rows, struct admin_value value)
{
    if (rows->count == rows->room) {
        rows->room = rows->room == 0 ? 64 : rows->room * 2;
        rows->values = xrealloc(rows->values, rows->room * sizeof(rows->values[0]));
    }
    rows->values[rows->count++] = value;
    rows->bytes += sizeof(value) + value.length;
}

void admin_rows_null(struct admin_rows *rows)
{
    add(rows, (struct admin_value){.kind = ADMIN_NULL});
}

void admin_rows_signed(struct admin_rows *rows, int64_t value)
{
    add(rows, (struct admin_value){.kind = ADMIN_INTEGER, .integer = value});
}

void admin_rows_integer(struct admin_rows *rows, uint64_t value)
{
    admin_rows_signed(rows, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void admin_rows_real(struct admin_rows *rows, double value)
{
    add(rows, (struct admin_value){.kind = ADMIN_REAL, .real = value});
}

void admin_rows_span(struct admin_rows *rows, struct span text)
{
    char *copy = take_room(rows, text.length + 1);
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    add(rows, (struct admin_value){.kind = ADMIN_TEXT, .text = copy, .length = text.length});
}

void admin_rows_text(struct admin_rows *rows, const char *text)
{
    if (text == NULL)
        admin_rows_null(rows);
    else
        admin_rows_span(rows, span_of_text(text));
}
