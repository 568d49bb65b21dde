/* The clients of pollers.h. They use the library's own results, as sql.h keeps its until the end. */
#include <check.h>
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/pollers.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { ERROR_MAX = 400, IDLE_MS = 5 };

struct poller {
    struct pollers *pollers;
    pthread_t thread;
    struct sql *sql;
    char confirmed[64]; /* what it saw last */
    char error[ERROR_MAX];
};

struct pollers {
    struct poller items[POLLERS_MAX];
    unsigned count;
    atomic_bool is_active;
    atomic_bool is_stopped;
    atomic_uint_least64_t queries;
};

static const char *const tables[] = {"status",   "variables", "source",      "replicas", "quorum",
                                     "sessions", "waiting",   "binary_logs", "journal",  "discarded"};

/* A text that grows with the position. And two tables of one moment say the same. */
static const char contradiction[] =
    "SELECT printf('%s:%020d', s.confirmed_file, s.confirmed_pos), "
    "s.confirmed_pos <= s.durable_pos OR s.confirmed_file < s.durable_file, "
    "s.durable_pos <= s.received_pos OR s.durable_file < s.received_file, "
    "q.waiting_transactions = (SELECT count(*) FROM waiting) FROM source s, quorum q";

static bool check_moment(struct poller *poller, MYSQL_ROW row)
{
    bool is_good = strcmp(row[0], poller->confirmed) >= 0 && strcmp(row[1], "1") == 0 &&
                   strcmp(row[2], "1") == 0 && strcmp(row[3], "1") == 0;
    if (!is_good)
        (void)snprintf(poller->error, sizeof poller->error, "a moment that never was: %s %s %s %s after %s",
                       row[0], row[1], row[2], row[3], poller->confirmed);
    (void)snprintf(poller->confirmed, sizeof poller->confirmed, "%s", row[0]);
    return is_good;
}

/* is_moment: the query is the one above. */
static bool ask(struct poller *poller, const char *query, bool is_moment)
{
    MYSQL *handle = sql_handle(poller->sql);
    MYSQL_RES *result = mysql_query(handle, query) == 0 ? mysql_store_result(handle) : NULL;
    bool is_good = result != NULL;
    if (!is_good)
        (void)snprintf(poller->error, sizeof poller->error, "%s: %u %s", query, mysql_errno(handle),
                       mysql_error(handle));
    else if (is_moment)
        is_good = check_moment(poller, mysql_fetch_row(result));
    mysql_free_result(result);
    atomic_fetch_add(&poller->pollers->queries, 1);
    return is_good;
}

static bool ask_all(struct poller *poller)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char query[64];
        (void)snprintf(query, sizeof query, "SELECT * FROM %s", tables[i]);
        if (atomic_load(&poller->pollers->is_stopped) || !atomic_load(&poller->pollers->is_active))
            return true;
        if (!ask(poller, query, false))
            return false;
    }
    return ask(poller, contradiction, true);
}

static void *run(void *argument)
{
    struct poller *poller = argument;
    bool is_good = true;
    while (is_good && !atomic_load(&poller->pollers->is_stopped)) {
        if (atomic_load(&poller->pollers->is_active))
            is_good = ask_all(poller);
        else
            sleep_ms(IDLE_MS);
    }
    mysql_thread_end();
    return NULL;
}

struct pollers *pollers_start(struct gate *gate, unsigned clients)
{
    struct pollers *pollers = calloc(1, sizeof *pollers);
    ck_assert_ptr_nonnull(pollers);
    ck_assert_uint_le(clients, POLLERS_MAX);
    pollers->count = clients;
    for (unsigned i = 0; i < clients; i++) {
        struct poller *poller = &pollers->items[i];
        poller->pollers = pollers;
        poller->sql = sql_open(NULL, gate->admin_port, "admin", "admin-pw");
        ck_assert_int_eq(pthread_create(&poller->thread, NULL, run, poller), 0);
    }
    return pollers;
}

void pollers_set_active(struct pollers *pollers, bool is_active)
{
    atomic_store(&pollers->is_active, is_active);
}

uint64_t pollers_queries(struct pollers *pollers)
{
    return atomic_load(&pollers->queries);
}

void pollers_stop_at(struct place where, struct pollers *pollers)
{
    atomic_store(&pollers->is_stopped, true);
    for (unsigned i = 0; i < pollers->count; i++)
        pthread_join(pollers->items[i].thread, NULL);
    for (unsigned i = 0; i < pollers->count; i++) {
        if (pollers->items[i].error[0] != '\0')
            fail_at(where, "poller %u: %s", i, pollers->items[i].error);
        sql_close(pollers->items[i].sql);
    }
    free(pollers);
}
