/* The threads of clients.h. */
#include "test/bench/clients.h"

#include <check.h>
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 128 };

struct client {
    const struct clients_load *load;
    pthread_t thread;
    double until_s;
    double count;
    double bytes;
    char error[300];
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool has_failed(struct client *client, MYSQL *connection)
{
    if (mysql_errno(connection) == 0)
        return false;
    (void)strncpy(client->error, mysql_error(connection), sizeof(client->error) - 1);
    return true;
}

static MYSQL *connect_one(struct client *client)
{
    MYSQL *connection = mysql_init(NULL);
    my_bool is_verifying = 0;
    my_bool tls = client->load->certificates != NULL;
    (void)mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &tls);
    if (tls) { /* without it, the library reads all that the system has, at each connection */
        char ca[200];
        (void)snprintf(ca, sizeof(ca), "%s/ca.pem", client->load->certificates);
        (void)mysql_optionsv(connection, MYSQL_OPT_SSL_CA, ca);
    }
    (void)mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &is_verifying);
    (void)mysql_real_connect(connection, "127.0.0.1", "app", "app-pw", NULL, client->load->port, NULL, 0);
    return connection;
}

static void query(struct client *client, MYSQL *connection)
{
    MYSQL_RES *result = NULL;
    if (mysql_query(connection, client->load->query) == 0)
        result = mysql_use_result(connection);
    unsigned columns = result == NULL ? 0 : mysql_num_fields(result);
    while (result != NULL && mysql_fetch_row(result) != NULL) {
        const unsigned long *lengths = mysql_fetch_lengths(result);
        for (unsigned i = 0; i < columns; i++)
            client->bytes += (double)lengths[i];
    }
    mysql_free_result(result);
    client->count++;
}

static void *work(void *argument)
{
    struct client *client = argument;
    MYSQL *connection = NULL;
    do {
        if (connection == NULL)
            connection = connect_one(client);
        if (has_failed(client, connection))
            break;
        query(client, connection);
        if (has_failed(client, connection))
            break;
        if (client->load->is_connecting) {
            mysql_close(connection);
            connection = NULL;
        }
    } while (now_s() < client->until_s);
    mysql_close(connection);
    mysql_thread_end();
    return NULL;
}

struct clients_figures clients_run(const struct clients_load *load)
{
    struct client clients[THREADS_MAX];
    struct clients_figures figures = {0};
    double began_s = now_s();
    ck_assert_uint_le(load->threads, THREADS_MAX);
    for (unsigned i = 0; i < load->threads; i++) {
        clients[i] = (struct client){.load = load, .until_s = began_s + load->seconds};
        ck_assert_int_eq(pthread_create(&clients[i].thread, NULL, work, &clients[i]), 0);
    }
    for (unsigned i = 0; i < load->threads; i++) {
        (void)pthread_join(clients[i].thread, NULL);
        ck_assert_msg(clients[i].error[0] == '\0', "%.40s: %s", load->query, clients[i].error);
        figures.count += clients[i].count;
        figures.bytes += clients[i].bytes;
    }
    figures.seconds = now_s() - began_s;
    return figures;
}
