/* The blocking SQL client of sql_client.h. */
#include "recovery/sql_client.h"

#include "protocol/xalloc.h"

#include <mysql.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Server error numbers that a caller treats in a way of its own. */
enum {
    CODE_DB_ACCESS_DENIED = 1044,
    CODE_ACCESS_DENIED = 1045,
    CODE_PARSE_ERROR = 1064,
    CODE_TABLE_ACCESS_DENIED = 1142,
    CODE_UNKNOWN_VARIABLE = 1193,
    CODE_PRIVILEGE_NEEDED = 1227,
    CODE_TLS_FAILED = 2026, /* the library's: mostly a certificate that is not taken */
};

struct sql_client {
    MYSQL *handle;
};

/* The library finds a row by walking a list, so the place of the last one asked for is kept. */
struct cursor {
    size_t next; /* the row that the library gives next */
    MYSQL_ROW row;
};

struct sql_rows {
    MYSQL_RES *result;
    struct cursor *cursor;
};

void sql_client_library_init(void)
{
    mysql_library_init(0, NULL, NULL);
}

static enum result classify(unsigned code)
{
    switch (code) {
    case CODE_DB_ACCESS_DENIED:
    case CODE_ACCESS_DENIED:
    case CODE_TABLE_ACCESS_DENIED:
    case CODE_PRIVILEGE_NEEDED:
    case CODE_TLS_FAILED:
        return RESULT_DENIED;
    case CODE_UNKNOWN_VARIABLE:
        return RESULT_NOT_FOUND;
    case CODE_PARSE_ERROR:
        return RESULT_UNSUPPORTED;
    default:
        return RESULT_IO;
    }
}

/*
 * The library does TLS if the server has it, and only with a wish for the host's name in the certificate
 * insists on it: sql_client_open() looks afterwards in the other modes. With a file of authorities it takes
 * only certificates that one of them has signed.
 */
static void set_tls(MYSQL *handle, const struct tls_settings *tls)
{
    my_bool yes = 1;
    my_bool names_host = tls->mode == TLS_VERIFY_IDENTITY;
    mysql_optionsv(handle, MYSQL_OPT_TLS_VERSION,
                   tls->min_version == TLS_VERSION_1_3 ? "TLSv1.3" : "TLSv1.2,TLSv1.3");
    mysql_ssl_set(handle, tls->key, tls->cert, tls->mode >= TLS_VERIFY_CA ? tls->ca : NULL, NULL, NULL);
    mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &names_host);
    mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
}

static void set_options(MYSQL *handle, unsigned timeout_seconds)
{
    my_bool no = 0;
    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_seconds);
    mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &timeout_seconds);
    mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &timeout_seconds);
    mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
    mysql_optionsv(handle, MYSQL_READ_DEFAULT_GROUP, NULL); /* no my.cnf of somebody else */
    mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static enum result connect_to(MYSQL *handle, const struct sql_client_options *options, char **ret_error)
{
    bool is_path = options->host[0] == '/';
    unsigned protocol = is_path ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP; /* "localhost" too */
    enum tls_mode mode = options->tls == NULL || is_path ? TLS_DISABLED : options->tls->mode;
    set_options(handle, options->timeout_seconds);
    mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);
    if (mode != TLS_DISABLED)
        set_tls(handle, options->tls);
    if (mysql_real_connect(handle, is_path ? "localhost" : options->host, options->user, options->password,
                           NULL, is_path ? 0 : options->port, is_path ? options->host : NULL, 0) == NULL) {
        *ret_error = xasprintf("%s (error %u)", mysql_error(handle), mysql_errno(handle));
        return classify(mysql_errno(handle));
    }
    if (mode < TLS_REQUIRED || mysql_get_ssl_cipher(handle) != NULL)
        return RESULT_OK;
    *ret_error = xstrdup("the server offers no TLS, which tls asks for");
    return RESULT_DENIED;
}

enum result sql_client_open(const struct sql_client_options *options, struct sql_client **ret_client,
                            char **ret_error)
{
    MYSQL *handle = mysql_init(NULL);
    if (handle == NULL)
        abort();
    enum result result = connect_to(handle, options, ret_error);
    if (result != RESULT_OK) {
        mysql_close(handle);
        return result;
    }
    struct sql_client *client = xcalloc(1, sizeof(*client));
    client->handle = handle;
    *ret_client = client;
    return RESULT_OK;
}

void sql_client_close(struct sql_client **client)
{
    if (*client == NULL)
        return;
    mysql_close((*client)->handle);
    free(*client);
    *client = NULL;
}

void sql_client_address(const struct sql_client *client, char *ret_address, size_t address_max)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    ret_address[0] = '\0';
    if (getpeername(mysql_get_socket(client->handle), (struct sockaddr *)&address, &length) != 0 ||
        address.ss_family == AF_UNIX)
        return;
    if (getnameinfo((struct sockaddr *)&address, length, ret_address, (socklen_t)address_max, NULL, 0,
                    NI_NUMERICHOST) != 0)
        ret_address[0] = '\0';
}

enum result sql_client_run(struct sql_client *client, const char *sql, struct sql_rows **ret_rows)
{
    if (mysql_real_query(client->handle, sql, strlen(sql)) != 0)
        return classify(mysql_errno(client->handle));
    MYSQL_RES *result = mysql_store_result(client->handle);
    if (result == NULL && mysql_errno(client->handle) != 0)
        return classify(mysql_errno(client->handle));
    if (ret_rows == NULL) {
        if (result != NULL)
            mysql_free_result(result);
        return RESULT_OK;
    }
    *ret_rows = NULL;
    if (result != NULL) {
        *ret_rows = xcalloc(1, sizeof(**ret_rows));
        (*ret_rows)->result = result;
        (*ret_rows)->cursor = xcalloc(1, sizeof(struct cursor));
    }
    return RESULT_OK;
}

const char *sql_client_error(const struct sql_client *client)
{
    const char *text = mysql_error(client->handle);
    return text[0] != '\0' ? text : "no reason given";
}

unsigned sql_client_error_code(const struct sql_client *client)
{
    return mysql_errno(client->handle);
}

size_t sql_rows_count(const struct sql_rows *rows)
{
    return rows == NULL ? 0 : (size_t)mysql_num_rows(rows->result);
}

size_t sql_rows_columns(const struct sql_rows *rows)
{
    return rows == NULL ? 0 : mysql_num_fields(rows->result);
}

const char *sql_rows_text(const struct sql_rows *rows, size_t row, size_t column)
{
    if (row >= sql_rows_count(rows) || column >= sql_rows_columns(rows))
        return NULL;
    struct cursor *cursor = rows->cursor;
    if (row + 1 != cursor->next) {
        if (row != cursor->next)
            mysql_data_seek(rows->result, row);
        cursor->row = mysql_fetch_row(rows->result);
        cursor->next = row + 1;
    }
    return cursor->row[column];
}

struct span sql_rows_bytes(const struct sql_rows *rows, size_t row, size_t column)
{
    const char *text = sql_rows_text(rows, row, column);
    if (text == NULL)
        return (struct span){0};
    return (struct span){(const uint8_t *)text, mysql_fetch_lengths(rows->result)[column]};
}

void sql_rows_free(struct sql_rows **rows)
{
    if (*rows == NULL)
        return;
    mysql_free_result((*rows)->result);
    free((*rows)->cursor);
    free(*rows);
    *rows = NULL;
}

enum result sql_client_value(struct sql_client *client, const char *sql, char **ret_text)
{
    struct sql_rows *rows;
    enum result result = sql_client_run(client, sql, &rows);
    if (result != RESULT_OK)
        return result;
    const char *text = sql_rows_text(rows, 0, 0);
    *ret_text = text == NULL ? NULL : xstrdup(text);
    sql_rows_free(&rows);
    return RESULT_OK;
}
