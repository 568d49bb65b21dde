/* The rows of admin_rows.h. */
#include "proxy/admin_rows.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void admin_rows_init(struct admin_rows *rows, size_t columns)
{
    *rows = (struct admin_rows){.columns = columns};
}

void admin_rows_release(struct admin_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->values[i].text);
    free(rows->values);
    *rows = (struct admin_rows){.columns = rows->columns};
}

size_t admin_rows_count(const struct admin_rows *rows)
{
    assert(rows->count % rows->columns == 0);
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
    struct admin_value value = {.kind = ADMIN_TEXT, .text = xmalloc(text.length + 1), .length = text.length};
    if (text.length > 0)
        memcpy(value.text, text.data, text.length);
    value.text[text.length] = '\0';
    add(rows, value);
}

void admin_rows_text(struct admin_rows *rows, const char *text)
{
    if (text == NULL)
        admin_rows_null(rows);
    else
        admin_rows_span(rows, span_of_text(text));
}
