/* The list of table_review.h. */
#include "proxy/table_review.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void add(struct table_review *review, uint64_t file, const struct txn *txn)
{
    if (review->count == TABLE_REVIEW_MAX)
        memmove(review->made, review->made + 1, --review->count * sizeof(*review->made));
    struct made_table *made = &review->made[review->count++];
    *made = (struct made_table){.gtid = txn->gtid, .file = file, .start = txn->start, .end = txn->end};
    memcpy(made->name, txn->makes, sizeof(made->name));
}

void table_review_add(struct table_review *review, uint64_t file, bool is_older, const struct txn *txn)
{
    bool is_made = txn->kind == TXN_ROWS && txn->makes[0] != '\0';
    if (txn->ddl && !is_made)
        review->count = 0;
    else if (is_made && is_older)
        add(review, file, txn);
}

/* The names need no quoting: txn.makes. Partitions are tables of their own there. */
char *table_review_probe(const struct table_review *review)
{
    char *text = NULL;
    size_t length = 0;
    if (review->count == 0)
        return NULL;
    FILE *out = open_memstream(&text, &length);
    assert(out != NULL);
    fprintf(out, "SELECT wanted.name FROM (");
    for (size_t i = 0; i < review->count; i++)
        fprintf(out, "%s'%s' AS name", i == 0 ? "SELECT " : " UNION ALL SELECT ", review->made[i].name);
    fprintf(out, ") AS wanted WHERE NOT EXISTS (SELECT 1 FROM information_schema.INNODB_SYS_TABLES AS t "
                 "WHERE t.NAME = wanted.name OR t.NAME LIKE CONCAT(wanted.name, '#%%')) LIMIT 1");
    fclose(out);
    return text;
}

const struct made_table *table_review_find(const struct table_review *review, const char *name)
{
    for (size_t i = 0; i < review->count; i++)
        if (strcmp(review->made[i].name, name) == 0)
            return &review->made[i];
    return NULL;
}
