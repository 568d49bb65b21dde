/*
 * Which tables a crash may have taken from a MariaDB source although its binlog has made them: those of the
 * last CREATE TABLE … SELECT in front of a start, which MariaDB's DDL log drops when the engine had not
 * committed it. Pure. Only those that no other DDL statement stands behind, because that could have dropped
 * or renamed them; and only names that txn.makes can hold.
 */
#ifndef ACKGATE_PROXY_TABLE_REVIEW_H
#define ACKGATE_PROXY_TABLE_REVIEW_H

#include "protocol/binlog_txn.h"

#include <stddef.h>

enum { TABLE_REVIEW_MAX = 32 }; /* the latest ones */

struct made_table {
    char name[TXN_TABLE_MAX];
    struct gtid gtid;
    uint64_t file, start, end;
};

struct table_review {
    struct made_table made[TABLE_REVIEW_MAX];
    size_t count;
};

/* The next transaction of the binlog; is_older: in front of the server's latest start. */
void table_review_add(struct table_review *review, uint64_t file, bool is_older, const struct txn *txn);
/* A query that gives the name of the first that is not in InnoDB, no row if all are there. The caller frees
 * it; NULL: there is nothing to ask. */
char *table_review_probe(const struct table_review *review);
/* NULL: none of that name. */
const struct made_table *table_review_find(const struct table_review *review, const char *name);

#endif
