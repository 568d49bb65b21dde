/* Connections and statements, see sql.h; the one file of the test library that knows libmysqlclient. */
#include "test/lib/sql.h"

#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/xalloc.h"
#include "test/lib/sql_internal.h"

enum { CONNECT_TIMEOUT_S = 40 };

/* Reachable to the end, so that a connection that a test leaves open is no leak. Tests open them on several
 * threads. */
static struct sql *connections;
static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;

void sql_take_error(struct sql *conn)
{
    conn->number = mysql_errno(conn->handle);
    (void)snprintf(conn->error, sizeof conn->error, "%s", mysql_error(conn->handle));
    (void)snprintf(conn->state, sizeof conn->state, "%s", mysql_sqlstate(conn->handle));
}

static void set_options(MYSQL *handle, const struct sql_options *options)
{
    unsigned timeout = options->read_timeout_s ? options->read_timeout_s : CONNECT_TIMEOUT_S,
             protocol = MYSQL_PROTOCOL_TCP, local_infile = options->local_infile;
    my_bool on = 1, off = 0;

    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
    if (options->read_timeout_s)
        mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &options->read_timeout_s);
    if (!options->socket)
        mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, options->tls_ca ? &on : &off);
    if (options->tls) {
        mysql_ssl_set(handle, options->tls_key, options->tls_cert, options->tls_ca, NULL, NULL);
        mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &on);
        if (options->tls_version)
            mysql_options(handle, MARIADB_OPT_TLS_VERSION, options->tls_version);
    }
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &local_infile);
    if (options->compress)
        mysql_options(handle, MYSQL_OPT_COMPRESS, NULL);
    if (options->before)
        mysql_optionsv(handle, MARIADB_OPT_PROXY_HEADER, options->before, options->before_bytes);
    if (options->plugin)
        mysql_options(handle, MYSQL_DEFAULT_AUTH, options->plugin);
}

struct sql *sql_try_open(const struct sql_options *options)
{
    struct sql *conn = xcalloc(1, sizeof *conn);

    conn->handle = mysql_init(NULL);
    set_options(conn->handle, options);
    const char *host = options->host ? options->host : options->socket ? "localhost" : "127.0.0.1";
    if (!mysql_real_connect(conn->handle, host, options->user ? options->user : "root", options->password,
                            options->db, options->port, options->socket,
                            options->flags | CLIENT_MULTI_STATEMENTS))
        sql_take_error(conn);
    (void)pthread_mutex_lock(&connections_lock);
    conn->next = connections;
    connections = conn;
    (void)pthread_mutex_unlock(&connections_lock);
    return conn;
}

struct sql *sql_open_at(struct place where, const struct sql_options *options)
{
    struct sql *conn = sql_try_open(options);

    if (conn->number)
        fail_at(where, "connect to port %u as %s: %u %s", options->port,
                options->user ? options->user : "root", conn->number, conn->error);
    return conn;
}

static void forget_connection(struct sql *conn)
{
    struct sql **link = &connections;

    (void)pthread_mutex_lock(&connections_lock);
    while (*link != conn)
        link = &(*link)->next;
    *link = conn->next;
    (void)pthread_mutex_unlock(&connections_lock);
}

void sql_close(struct sql *conn)
{
    if (!conn)
        return;
    if (conn->is_pending) {
        sql_break(conn);
        (void)sql_finish_try(conn);
    }
    forget_connection(conn);
    mysql_close(conn->handle);
    while (conn->memory) {
        struct sql_memory *memory = conn->memory;
        conn->memory = memory->next;
        free(memory);
    }
    free(conn);
}

void sql_break(struct sql *conn)
{
    (void)shutdown((int)mysql_get_socket(conn->handle), SHUT_RDWR);
}

struct sql_result *sql_run(struct sql *conn, const char *statement)
{
    struct sql_result *first = NULL, **link = &first;

    conn->affected = 0;
    int status = mysql_real_query(conn->handle, statement, strlen(statement));
    while (status == 0) {
        struct sql_result *result = sql_result_read(conn);
        if (result) {
            *link = result;
            link = &result->next;
        } else if (mysql_errno(conn->handle) == 0) {
            conn->affected += mysql_affected_rows(conn->handle);
        }
        status = mysql_errno(conn->handle) ? 1 : mysql_next_result(conn->handle);
    }
    sql_take_error(conn);
    return first;
}

void sql_check(struct place where, struct sql *conn, const char *statement)
{
    if (conn->number)
        fail_at(where, "%s: error %u (%s): %s", statement, conn->number, conn->state, conn->error);
}

char *sql_format(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

void sql_exec_at(struct place where, struct sql *conn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args);
    va_end(args);
    sql_result_free(sql_run(conn, statement));
    sql_check(where, conn, statement);
    free(statement);
}

unsigned sql_try(struct sql *conn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args);
    va_end(args);
    sql_result_free(sql_run(conn, statement));
    free(statement);
    return conn->number;
}

void sql_exec_fails_at(struct place where, struct sql *conn, unsigned number, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args);
    va_end(args);
    sql_result_free(sql_run(conn, statement));
    if (conn->number != number)
        fail_at(where, "%s: error %u expected, got %u %s", statement, number, conn->number, conn->error);
    free(statement);
}

unsigned sql_errno(const struct sql *conn)
{
    return conn->number;
}

const char *sql_error(const struct sql *conn)
{
    return conn->error;
}

const char *sql_state(const struct sql *conn)
{
    return conn->state;
}

uint64_t sql_affected_rows(const struct sql *conn)
{
    return conn->affected;
}

uint64_t sql_thread_id(const struct sql *conn)
{
    return mysql_thread_id(conn->handle);
}

struct st_mysql *sql_handle(struct sql *conn)
{
    return conn->handle;
}

const char *sql_tls_cipher(const struct sql *conn)
{
    const char *cipher = mysql_get_ssl_cipher(conn->handle);

    return cipher ? cipher : "";
}
