/*
 * SQL on a server through the client library: short statements, blocking, one connection.
 *
 * Used on a helper thread by the daemon (checking and configuring the source) and by the recovery tool
 * (talking to the admin port). The only file that includes <mysql.h>.
 */
#ifndef ACKGATE_RECOVERY_SQL_CLIENT_H
#define ACKGATE_RECOVERY_SQL_CLIENT_H

#include "protocol/reader.h"
#include "recovery/tls_settings.h"

#include <stdbool.h>
#include <stddef.h>

struct sql_client;
struct sql_rows;

struct sql_client_options {
    const char *host; /* a path starting with '/' means a Unix socket */
    unsigned port;
    const char *user;
    const char *password;
    unsigned timeout_seconds; /* for connecting, and for each answer */
    /* NULL: without. Over a Unix socket there is none in any mode. The files are read at each opening. */
    const struct tls_settings *tls;
};

/* The library must be initialised once by the program before threads use it. */
void sql_client_library_init(void);

/* On failure RESULT_DENIED or RESULT_IO, and *ret_error is an allocated sentence with the server's or
 * library's words. */
MUST_CHECK enum result sql_client_open(const struct sql_client_options *options,
                                       struct sql_client **ret_client, char **ret_error);
void sql_client_close(struct sql_client **client);
/* Where the server is, in numbers; "" over a Unix socket. */
void sql_client_address(const struct sql_client *client, char *ret_address, size_t address_max);

/*
 * Runs a statement. With rows: *ret_rows is the caller's (sql_rows_free); NULL when the statement gave none.
 * RESULT_DENIED means a missing privilege, RESULT_NOT_FOUND an unknown variable, RESULT_UNSUPPORTED a
 * statement that the server does not know, RESULT_IO everything else; sql_client_error() has the text.
 */
MUST_CHECK enum result sql_client_run(struct sql_client *client, const char *sql, struct sql_rows **ret_rows);
const char *sql_client_error(const struct sql_client *client); /* lives until the next call */
unsigned sql_client_error_code(const struct sql_client *client);

size_t sql_rows_count(const struct sql_rows *rows);
size_t sql_rows_columns(const struct sql_rows *rows);
/* NULL for NULL and for what is not there. Lives as long as the rows. */
const char *sql_rows_text(const struct sql_rows *rows, size_t row, size_t column);
struct span sql_rows_bytes(const struct sql_rows *rows, size_t row, size_t column); /* may hold any byte */
void sql_rows_free(struct sql_rows **rows);

/* The single value of a one-row query as an allocated text, or NULL (also for NULL). */
MUST_CHECK enum result sql_client_value(struct sql_client *client, const char *sql, char **ret_text);

#endif
