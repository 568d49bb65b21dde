/*
 * Rows of values in memory: what a table of the admin port holds at one moment, and what a query gave.
 *
 * A row is written value by value; the number of values per row is fixed at init. Texts are copied.
 */
#ifndef ACKGATE_PROXY_ADMIN_ROWS_H
#define ACKGATE_PROXY_ADMIN_ROWS_H

#include "protocol/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum admin_value_kind { ADMIN_NULL, ADMIN_INTEGER, ADMIN_REAL, ADMIN_TEXT };

struct admin_value {
    enum admin_value_kind kind;
    int64_t integer;
    double real;
    const char *text; /* ADMIN_TEXT; lives as long as the rows, with a NUL */
    size_t length;
};

struct admin_rows_block; /* admin_rows.c */
struct admin_rows;

/* Makes rows of what was copied. */
typedef void admin_rows_fn(const void *copy, struct admin_rows *rows);

struct admin_rows {
    struct admin_value *values; /* row by row */
    size_t columns;
    size_t count; /* of values written */
    size_t room;
    size_t bytes;                   /* about what it takes in memory */
    struct admin_rows_block *texts; /* owned, the latest first */
    admin_rows_fn *make;            /* NULL: they are all here */
    void *copy;                     /* owned, for make */
};

void admin_rows_init(struct admin_rows *rows, size_t columns);
void admin_rows_release(struct admin_rows *rows);
size_t admin_rows_count(const struct admin_rows *rows); /* whole rows */
const struct admin_value *admin_rows_value(const struct admin_rows *rows, size_t row, size_t column);

/*
 * For many rows: where time is short only a plain copy is taken, which is one piece of memory (free() is
 * enough) and points to nothing that changes. admin_rows_make() makes rows of it, on any thread.
 */
void admin_rows_later(struct admin_rows *rows, admin_rows_fn *make, void *copy);
void admin_rows_make(struct admin_rows *rows);

void admin_rows_null(struct admin_rows *rows);
void admin_rows_integer(struct admin_rows *rows, uint64_t value); /* values above INT64_MAX are cut to it */
void admin_rows_signed(struct admin_rows *rows, int64_t value);
void admin_rows_real(struct admin_rows *rows, double value);
void admin_rows_text(struct admin_rows *rows, const char *text); /* NULL: NULL */
void admin_rows_span(struct admin_rows *rows, struct span text);

#endif
