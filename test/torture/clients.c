/* The clients' threads and connections, see clients.h. */
#include "test/torture/clients.h"

#include <check.h>
#include <stdlib.h>

#include "protocol/xalloc.h"
#include "test/lib/netns.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"
#include "test/torture/clients_internal.h"

/* Reachable to the end, for the leak checker; a later run goes on behind the values and lists of the one
 * before. */
static struct clients *all;

/* A server that has lost its client without a word soon ends the session, whose transaction would keep others
 * waiting. */
static bool has_connection(struct client *client)
{
    if (client->conn && !client_is_broken(sql_errno(client->conn)) && sql_errno(client->conn) != 1927)
        return true;
    sql_close(client->conn);
    client->conn = sql_try_open(&(struct sql_options){.host = client->target.host,
                                                      .port = client->target.port,
                                                      .user = "app",
                                                      .password = "app-pw",
                                                      .read_timeout_s = READ_TIMEOUT_S});
    if (sql_errno(client->conn) == 0 &&
        sql_try(client->conn, "SET SESSION wait_timeout = %d", 2 * READ_TIMEOUT_S) == 0)
        return true;
    client_note_error(client, "connect");
    sql_close(client->conn);
    client->conn = NULL;
    sleep_ms(RETRY_MS);
    return false;
}

static bool goes_on(const struct client *client, unsigned *tries)
{
    return !atomic_load(&client->clients->is_over) || (client_has_prepared(client) && (*tries)-- > 0);
}

static void run(struct client *client, void (*once)(struct client *))
{
    netns_enter(client->target.netns);
    client->text = xmalloc(RESULT_BYTES);
    for (unsigned tries = LAST_TRIES; goes_on(client, &tries);)
        if (has_connection(client))
            once(client);
    client_leave_prepared(client);
    sql_close(client->conn);
    client->conn = NULL;
    free(client->text);
}

static void *run_writer(void *arg)
{
    run(arg, client_write);
    return NULL;
}

static void *run_reader(void *arg)
{
    run(arg, client_read);
    return NULL;
}

static void *run_xa(void *arg)
{
    run(arg, client_xa);
    return NULL;
}

static void *run_maker(void *arg)
{
    run(arg, client_make_table);
    return NULL;
}

static void add_client(struct clients *clients, unsigned site, struct client_target target,
                       void *(*body)(void *))
{
    struct client *client = &clients->client[clients->count];

    ck_assert_uint_lt(clients->count, CLIENTS_MAX);
    client->clients = clients;
    client->id = ++clients->count;
    client->site = site;
    client->target = target;
    client->chance.state = clients->options.seed * 1000 + client->id;
    ck_assert_int_eq(pthread_create(&client->thread, NULL, body, client), 0);
}

void clients_make_tables(struct sql *app)
{
    sql_exec(app, "CREATE DATABASE torture");
    for (unsigned i = 0; i < LIST_TABLES; i++)
        sql_exec(app, "CREATE TABLE torture.l%u (k INT PRIMARY KEY, v TEXT)", i);
}

struct clients *clients_start(const struct clients_options *options)
{
    struct clients *clients = xcalloc(1, sizeof *clients);

    clients->options = *options;
    clients->next_value = all ? atomic_load(&all->next_value) : 1;
    for (unsigned i = 0; i < SLOTS; i++)
        clients->slot[i].key = (all ? atomic_load(&all->slot[i].key) : i) + SLOTS;
    clients->next = all;
    all = clients;
    (void)pthread_mutex_init(&clients->lock, NULL);
    for (unsigned i = 0; i < WRITERS; i++)
        add_client(clients, SITE_SOURCE, options->app, run_writer);
    add_client(clients, SITE_SOURCE, options->app, run_maker);
    for (unsigned i = 0; i < XA_CLIENTS; i++)
        add_client(clients, SITE_SOURCE, options->app, run_xa);
    for (unsigned i = 0; i < SOURCE_READERS; i++)
        add_client(clients, SITE_SOURCE, options->app, run_reader);
    for (unsigned i = 0; i < options->replicas; i++)
        add_client(clients, i + 1, options->replica[i], run_reader);
    return clients;
}

uint64_t clients_oks(struct clients *clients)
{
    return atomic_load(&clients->oks);
}

void clients_stop(struct clients *clients)
{
    atomic_store(&clients->is_over, true);
    for (unsigned i = 0; i < clients->count; i++)
        (void)pthread_join(clients->client[i].thread, NULL);
    ck_assert_msg(!clients->strange[0], "an error that nothing explains: %s", clients->strange);
}
