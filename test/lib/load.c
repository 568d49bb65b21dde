/* The inserting clients of load.h. */
#include "test/lib/load.h"

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

/* A commit may wait for the time that a restart takes, but not for ever: the threads have to end. */
enum { READ_TIMEOUT_S = 60, RETRY_MS = 30, PROGRESS_SECONDS = 60 };

struct load_client {
    struct load *load;
    pthread_t thread;
    unsigned id;
    uint64_t *oks; /* the n of each insert that got an OK, ascending */
    size_t ok_count;
    size_t ok_max;
    char strange[700]; /* the first error that nothing explains */
};

struct load {
    uint16_t port;
    atomic_bool is_over;
    atomic_uint rest_ms;
    atomic_uint_fast64_t oks;
    atomic_uint_fast64_t breaks;
    atomic_uint_fast64_t refusals;
    unsigned count;
    struct load_client client[LOAD_CLIENTS_MAX];
    struct load *next;
};

/* Reachable to the end, for the leak checker. */
static struct load *loads;
static unsigned clients_so_far;

/* What a client may get while servers and ackgate die and return. */
static bool is_explained(unsigned number)
{
    static const unsigned numbers[] = {
        1053,                         /* server shutdown in progress */
        1105,                         /* ackgate: source not available */
        1152, 1158, 1159, 1160, 1161, /* network errors as the server sees them */
        1180,                         /* ackgate: outcome not known yet */
        1927,                         /* MariaDB: connection was killed */
        3100,                         /* MySQL: its semi-sync is going down, the commit is rolled back */
        2002, 2003, 2006, 2013, 2055, /* not reachable, gone, lost */
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static void note_error(struct load_client *client, const struct sql *conn, const char *doing)
{
    if (!is_explained(sql_errno(conn)) && !client->strange[0])
        (void)snprintf(client->strange, sizeof client->strange, "%s: %u %s", doing, sql_errno(conn),
                       sql_error(conn));
}

static void note_ok(struct load_client *client, uint64_t n)
{
    if (client->ok_count == client->ok_max) {
        client->ok_max = client->ok_max * 2 + 1024;
        client->oks = xrealloc(client->oks, client->ok_max * sizeof *client->oks);
    }
    client->oks[client->ok_count++] = n;
    (void)atomic_fetch_add(&client->load->oks, 1);
}

static void insert_until_broken(struct load_client *client, struct sql *conn, uint64_t *n)
{
    while (!atomic_load(&client->load->is_over)) {
        uint64_t value = (*n)++;
        if (sql_try(conn, "INSERT INTO load_test.inserted VALUES (%u, %" PRIu64 ")", client->id, value) !=
            0) {
            note_error(client, conn, "insert");
            (void)atomic_fetch_add(&client->load->breaks, 1);
            return;
        }
        note_ok(client, value);
        unsigned rest_ms = atomic_load(&client->load->rest_ms);
        if (rest_ms > 0)
            sleep_ms(rest_ms);
    }
}

static void *run_client(void *arg)
{
    struct load_client *client = arg;
    uint64_t n = 0;

    while (!atomic_load(&client->load->is_over)) {
        struct sql *conn = sql_try_open(&(struct sql_options){.port = client->load->port,
                                                              .user = "app",
                                                              .password = "app-pw",
                                                              .read_timeout_s = READ_TIMEOUT_S});
        if (sql_errno(conn) == 0) {
            insert_until_broken(client, conn, &n);
        } else {
            note_error(client, conn, "connect");
            (void)atomic_fetch_add(&client->load->refusals, 1);
            sleep_ms(RETRY_MS);
        }
        sql_close(conn);
    }
    return NULL;
}

struct load *load_start(struct gate *gate, unsigned clients)
{
    struct load *load = xcalloc(1, sizeof *load);
    struct sql *app = gate_app(gate);

    ck_assert_uint_le(clients, LOAD_CLIENTS_MAX);
    load->next = loads;
    loads = load;
    sql_exec(app,
             "CREATE DATABASE IF NOT EXISTS load_test;"
             "CREATE TABLE IF NOT EXISTS load_test.inserted (client INT, n BIGINT, PRIMARY KEY (client, n))");
    sql_close(app);
    load->port = gate->app_port;
    load->count = clients;
    for (unsigned i = 0; i < clients; i++) {
        load->client[i].load = load;
        load->client[i].id = clients_so_far++;
        ck_assert_int_eq(pthread_create(&load->client[i].thread, NULL, run_client, &load->client[i]), 0);
    }
    return load;
}

void load_rest(struct load *load, unsigned ms)
{
    atomic_store(&load->rest_ms, ms);
}

void load_stop_at(struct place where, struct load *load)
{
    atomic_store(&load->is_over, true);
    for (unsigned i = 0; i < load->count; i++)
        (void)pthread_join(load->client[i].thread, NULL);
    for (unsigned i = 0; i < load->count; i++)
        if (load->client[i].strange[0])
            fail_at(where, "client %u of the load got %s", load->client[i].id, load->client[i].strange);
}

uint64_t load_oks(struct load *load)
{
    return atomic_load(&load->oks);
}

uint64_t load_breaks(struct load *load)
{
    return atomic_load(&load->breaks);
}

uint64_t load_refusals(struct load *load)
{
    return atomic_load(&load->refusals);
}

struct load_goal {
    struct load *load;
    uint64_t oks;
};

static bool has_reached(void *arg)
{
    struct load_goal *goal = arg;

    return load_oks(goal->load) >= goal->oks;
}

void load_wait_oks_at(struct place where, struct load *load, uint64_t more)
{
    struct load_goal goal = {load, load_oks(load) + more};

    wait_until_at(where, has_reached, &goal, PROGRESS_SECONDS, "the load to go on");
}

static void assert_client_kept(struct place where, const struct load_client *client, struct server *server)
{
    const struct sql_rows *rows = sql_rows(
        server_admin(server), "SELECT n FROM load_test.inserted WHERE client = %u ORDER BY n", client->id);
    size_t row = 0;

    for (size_t i = 0; i < client->ok_count; i++) {
        while (row < rows->rows && strtoull(rows->cells[row], NULL, 10) < client->oks[i])
            row++;
        if (row == rows->rows || strtoull(rows->cells[row], NULL, 10) != client->oks[i])
            fail_at(where, "client %u got an OK for value %" PRIu64 ", and %s does not have it", client->id,
                    client->oks[i], server->name);
    }
}

void load_assert_kept_at(struct place where, struct load *load, struct server *server)
{
    for (unsigned i = 0; i < load->count; i++)
        assert_client_kept(where, &load->client[i], server);
}
