/* What the files of admin_sql.h share: the database, its tables as they stand in this statement. */
#ifndef ACKGATE_PROXY_ADMIN_SQL_INTERNAL_H
#define ACKGATE_PROXY_ADMIN_SQL_INTERNAL_H

#include "proxy/admin_sql.h"
#include "proxy/admin_tables.h"

#include <sqlite3.h>

enum { ADMIN_TABLES_MAX = 16 };

struct admin_snapshot {
    struct admin_sql *sql;
    const struct admin_table *table;
    struct admin_rows rows;
    bool is_needed; /* by the query under way */
    bool is_filled;
};

struct admin_sql {
    sqlite3 *database;
    struct pipeline *pipeline;
    sqlite3_stmt *statement;             /* the one under way */
    const struct admin_context *context; /* of it */
    struct admin_snapshot snapshots[ADMIN_TABLES_MAX];
    bool is_declaring; /* a virtual table, not the client */
    uint64_t deadline_us;
    unsigned steps; /* of the progress handler in this statement */
};

/* The rows that the statement gave, as one result set. */
void admin_result_write(sqlite3_stmt *statement, const struct admin_rows *rows,
                        struct resultset_writer *out); /* admin_result.c */

void admin_vtab_register(struct admin_sql *sql);      /* admin_vtab.c */
void admin_functions_register(struct admin_sql *sql); /* admin_functions.c */

#endif
