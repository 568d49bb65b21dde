/*
 * The tables of the admin port: their columns, and filling them from the pipeline's views.
 *
 * A table is filled as a whole at one moment of the replication loop. The names here are a contract with
 * users' scripts: columns may be added, not renamed.
 */
#ifndef ACKGATE_PROXY_ADMIN_TABLES_H
#define ACKGATE_PROXY_ADMIN_TABLES_H

#include "proxy/admin_rows.h"
#include "proxy/pipeline.h"

enum { ADMIN_COLUMNS_MAX = 24 };

struct admin_column {
    const char *name; /* NULL ends the list */
    enum admin_value_kind kind;
};

struct admin_table {
    const char *name;
    const char *what; /* a row per … */
    bool is_hidden;   /* serves statements; SHOW TABLES leaves it out */
    struct admin_column columns[ADMIN_COLUMNS_MAX + 1];
    void (*fill)(struct pipeline *pipeline, struct admin_rows *rows);
};

extern const struct admin_table admin_tables[];
size_t admin_table_count(void);
const struct admin_table *admin_table_find(struct span name); /* any case; NULL: no such table */
size_t admin_table_columns(const struct admin_table *table);

/* The fillers, by the files they stand in. */
void admin_fill_status(struct pipeline *pipeline, struct admin_rows *rows); /* admin_status.c */
void admin_fill_variables(struct pipeline *pipeline, struct admin_rows *rows);
void admin_fill_source(struct pipeline *pipeline, struct admin_rows *rows); /* admin_views.c */
void admin_fill_replicas(struct pipeline *pipeline, struct admin_rows *rows);
void admin_fill_quorum(struct pipeline *pipeline, struct admin_rows *rows);
void admin_fill_sessions(struct pipeline *pipeline, struct admin_rows *rows);
void admin_fill_waiting(struct pipeline *pipeline, struct admin_rows *rows);
void admin_fill_binary_logs(struct pipeline *pipeline, struct admin_rows *rows); /* admin_history.c */
void admin_fill_journal(struct pipeline *pipeline, struct admin_rows *rows);
void admin_fill_discarded(struct pipeline *pipeline, struct admin_rows *rows);

#endif
