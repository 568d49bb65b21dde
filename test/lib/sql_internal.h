/* What the parts of the SQL client share: the connection and a statement's results. */
#ifndef ACKGATE_TEST_SQL_INTERNAL_H
#define ACKGATE_TEST_SQL_INTERNAL_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "test/lib/sql.h"

/* One result set with its cells in memory of its own. */
struct sql_result {
    struct sql_rows rows;
    struct sql_result *next; /* the statement's next result set */
};

/* Anything the connection has returned, freed at its end. */
struct sql_memory {
    struct sql_memory *next;
    _Alignas(16) char bytes[];
};

struct sql {
    struct st_mysql *handle;
    struct sql_memory *memory;
    unsigned number; /* the last statement's error, 0: none */
    char state[6];
    char error[600];
    uint64_t affected;

    bool is_pending;
    pthread_t thread;
    atomic_bool is_done;
    char *pending_statement;
    struct sql_result *pending_result;
    const char *finished_text;

    struct sql *next; /* all connections of the process */
};

/* Sends the statement and reads everything; the number is in the connection. The results go to the caller. */
struct sql_result *sql_run(struct sql *conn, const char *statement);
void sql_result_free(struct sql_result *results);
/* Reads the handle's current result set. */
struct sql_result *sql_result_read(struct sql *conn);
/* The results as sql_text() gives them, to be freed. */
char *sql_result_text(const struct sql_result *results);
/* Memory that lives as long as the connection. */
void *sql_keep(struct sql *conn, size_t size);
const char *sql_keep_text(struct sql *conn, const char *text);
char *sql_format(const char *format, va_list args);
/* Fails the test if the last statement failed. */
void sql_check(struct place where, struct sql *conn, const char *statement);
void sql_take_error(struct sql *conn);

#endif
