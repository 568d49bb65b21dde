/* A thin SQL client for tests over libmysqlclient: one connection, statements that must succeed, statements
 * that may fail, values, and statements that have to wait and run on a thread of their own meanwhile.
 *
 * Every string and result that a connection returns belongs to the connection and lives until sql_close(), or
 * the end of the test; nothing needs freeing. Connections left open are closed with the process. A connection
 * is used by one thread at a time; between sql_start() and sql_finish() only sql_is_done(), sql_thread_id()
 * may be called. */
#ifndef ACKGATE_TEST_SQL_H
#define ACKGATE_TEST_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/lib/fail.h"

struct sql;
struct st_mysql;

struct sql_options {
    const char *host; /* NULL: 127.0.0.1, or the socket when that is given */
    uint16_t port;
    const char *socket;
    const char *user; /* NULL: root */
    const char *password;
    const char *db;
    unsigned long flags;     /* CLIENT_… of mysql.h; CLIENT_MULTI_STATEMENTS is always on */
    unsigned read_timeout_s; /* for connecting, too; 0: none */
    bool tls;                /* require TLS, verify nothing */
    bool local_infile;
    bool compress;
    const char *plugin; /* the client's default authentication plugin, NULL: the library's own */
    const char *tls_ca; /* with tls: verify the server, its name too; a file of certificate.h */
    const char *tls_cert;
    const char *tls_key;
    const char *tls_version; /* "TLSv1.2": that one only */
    const void *before;      /* sent in front of everything else: a PROXY header */
    size_t before_bytes;
};

#define sql_open(host, port, user, password)                                                                 \
    sql_open_at(HERE, &(struct sql_options){host, port, NULL, user, password, NULL, 0, 0, false, false,      \
                                            false, NULL, NULL, NULL, NULL, NULL, NULL, 0})
#define sql_open_with(...) sql_open_at(HERE, __VA_ARGS__)
struct sql *sql_open_at(struct place where, const struct sql_options *options);
/* Never NULL: sql_errno() tells whether the connection stands (0), and sql_error() why not. */
struct sql *sql_try_open(const struct sql_options *options);
void sql_close(struct sql *conn);

/* Runs the statement (or several) and reads all results away; must succeed. */
#define sql_exec(conn, ...) sql_exec_at(HERE, conn, __VA_ARGS__)
void sql_exec_at(struct place where, struct sql *conn, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, but may fail: the error number, or 0. */
unsigned sql_try(struct sql *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Must fail with this number. */
#define sql_exec_fails(conn, number, ...) sql_exec_fails_at(HERE, conn, number, __VA_ARGS__)
void sql_exec_fails_at(struct place where, struct sql *conn, unsigned number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

unsigned sql_errno(const struct sql *conn); /* of the last statement */
const char *sql_error(const struct sql *conn);
const char *sql_state(const struct sql *conn);
uint64_t sql_affected_rows(const struct sql *conn);

/* First cell of the first row; NULL for SQL's NULL and for no row. */
#define sql_value(conn, ...) sql_value_at(HERE, conn, __VA_ARGS__)
const char *sql_value_at(struct place where, struct sql *conn, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define sql_number(conn, ...) sql_number_at(HERE, conn, __VA_ARGS__)
int64_t sql_number_at(struct place where, struct sql *conn, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The whole result: cells by tab, rows by newline (none at the end), NULL as "NULL", results by "--" lines.
 */
#define sql_text(conn, ...) sql_text_at(HERE, conn, __VA_ARGS__)
const char *sql_text_at(struct place where, struct sql *conn, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same into a buffer, cut to it and without failing: an error becomes "error NUMBER: text". For polling.
 */
void sql_peek(struct sql *conn, const char *statement, char *ret_text, size_t max);

struct sql_rows {
    size_t rows;
    size_t columns;
    const char *const *names; /* columns */
    const char *const *cells; /* rows × columns; NULL is NULL */
};
/* The last result set of the statement; rows = columns = 0 if there was none. */
#define sql_rows(conn, ...) sql_rows_at(HERE, conn, __VA_ARGS__)
const struct sql_rows *sql_rows_at(struct place where, struct sql *conn, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* By column name, compared without case; NULL if there is no such row or column. */
const char *sql_cell(const struct sql_rows *rows, size_t row, const char *column);

/* A statement that has to wait: runs on a thread, until sql_finish() (must succeed) or sql_finish_try() joins
 * it. */
void sql_start(struct sql *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool sql_is_done(struct sql *conn);
#define sql_finish(conn)                 sql_finish_at(HERE, conn, 0)
#define sql_finish_within(conn, seconds) sql_finish_at(HERE, conn, seconds)
void sql_finish_at(struct place where, struct sql *conn, double seconds); /* 0: WAIT_SECONDS */
#define sql_finish_try(conn) sql_finish_try_at(HERE, conn)
unsigned sql_finish_try_at(struct place where, struct sql *conn); /* the error number, or 0 */
/* The finished statement's results as sql_text() gives them, "" if it had none or failed. */
const char *sql_finished_text(struct sql *conn);
/* Asserts that the started statement does not return for `ms`. */
#define sql_assert_waiting(conn, ms) sql_assert_waiting_at(HERE, conn, ms)
void sql_assert_waiting_at(struct place where, struct sql *conn, unsigned ms);

/* "" without TLS. */
const char *sql_tls_cipher(const struct sql *conn);
uint64_t sql_thread_id(const struct sql *conn);
/* For what this header has no word for (prepared statements, change user): the library's own handle. */
struct st_mysql *sql_handle(struct sql *conn);
/* Cuts the connection without COM_QUIT. */
void sql_break(struct sql *conn);

#endif
