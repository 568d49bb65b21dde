/* The visits of guests.h. */
#include "test/soak/guests.h"

#include <check.h>
#include <unistd.h>

#include "test/lib/binlog_files.h"
#include "test/lib/http.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { READ_TIMEOUT_S = 20 };

const char *guest_kind_name(enum guest_kind kind)
{
    static const char *const names[GUEST_KINDS] = {"app",   "TLS",         "compressed",
                                                   "admin", "replication", "HTTP"};

    return names[kind];
}

static struct sql *visit(struct sql_options options)
{
    options.read_timeout_s = READ_TIMEOUT_S;
    return sql_try_open(&options);
}

static void note_visit(struct guests *guests, enum guest_kind kind, const struct sql *guest)
{
    if (sql_errno(guest) == 0)
        (void)atomic_fetch_add(&guests->served[kind], 1);
}

/* An application: a few statements, then it leaves, one in three without a word. */
static void visit_app(struct guests *guests, unsigned i)
{
    static const enum guest_kind kinds[] = {GUEST_APP, GUEST_APP_TLS, GUEST_APP, GUEST_APP_COMPRESSED};
    enum guest_kind kind = kinds[i / 10 % 4];
    struct sql *app = visit((struct sql_options){.port = guests->t->gate->app_port,
                                                 .user = "app",
                                                 .password = i % 7 ? "app-pw" : "wrong",
                                                 .tls = kind == GUEST_APP_TLS,
                                                 .tls_ca = kind == GUEST_APP_TLS ? guests->ca : NULL,
                                                 .compress = kind == GUEST_APP_COMPRESSED});

    for (unsigned n = 0; n < 5 && sql_errno(app) == 0; n++)
        (void)sql_try(app, n % 2 ? "SELECT REPEAT('x', 100000)" : "REPLACE INTO soak.t VALUES (%u, NOW())",
                      i % 50);
    note_visit(guests, kind, app);
    if (i % 3 == 0 && sql_errno(app) == 0)
        sql_break(app);
    sql_close(app);
}

static void visit_admin(struct guests *guests, unsigned i)
{
    static const char *const looks[] = {"SELECT * FROM replicas", "SHOW PROCESSLIST", "SHOW STATUS",
                                        "SELECT nothing", "SELECT count(*) FROM journal"};
    struct sql *admin = visit((struct sql_options){
        .port = guests->t->gate->admin_port, .user = "admin", .password = i % 5 ? "admin-pw" : "wrong"});

    for (unsigned n = 0; n < 5 && (sql_errno(admin) == 0 || n > 0); n++)
        (void)sql_try(admin, "%s", looks[(i + n) % 5]);
    note_visit(guests, GUEST_ADMIN, admin);
    sql_close(admin);
}

/* Something that asks the replication port questions, as a client for changes does. */
static void visit_replication(struct guests *guests, unsigned i)
{
    struct sql *client = visit((struct sql_options){
        .port = guests->t->gate->replication_port, .user = "repl", .password = "repl-pw"});

    if (sql_errno(client) == 0)
        (void)sql_try(client, i % 20 < 10 ? "SHOW BINARY LOGS" : "SELECT @@GLOBAL.SERVER_ID");
    note_visit(guests, GUEST_REPLICATION, client);
    if (i % 20 < 10 && sql_errno(client) == 0)
        sql_break(client);
    sql_close(client);
}

static void *run_guest(void *arg)
{
    struct guests *guests = arg;

    while (!atomic_load(&guests->is_over)) {
        unsigned i = (unsigned)atomic_fetch_add(&guests->visits, 1);
        if (i % 10 < 7)
            visit_app(guests, i);
        else if (i % 10 < 9)
            visit_admin(guests, i);
        else
            visit_replication(guests, i);
        sleep_ms(guests->pause_ms);
    }
    return NULL;
}

static void visit_http(struct guests *guests, unsigned turn)
{
    static const char *const paths[] = {"/metrics", "/", "/status.json", "/nothing"};
    int expected = turn % 4 < 3 ? 200 : 404;

    if (http_get(guests->t->gate->metrics_port, paths[turn % 4]).status == expected)
        (void)atomic_fetch_add(&guests->served[GUEST_BROWSER], 1);
}

/* One that follows what comes for a while, and is cut. */
static void move_binlog_client(struct guests *guests)
{
    struct gate *gate = guests->t->gate;
    const char *out = place_format("%s/followed", gate->dir);
    const struct sql_rows *at =
        sql_rows(gate_admin(gate), "SELECT confirmed_file, confirmed_pos FROM source");
    const char *from = place_format("--start-position=%s", sql_cell(at, 0, "confirmed_pos"));

    if (guests->binlog_client)
        process_kill(guests->binlog_client);
    (void)unlink(out);
    guests->binlog_client = binlog_client_start(
        guests->t->family, gate->replication_port, out,
        (const char *const[]){"--stop-never", from, sql_cell(at, 0, "confirmed_file"), NULL});
}

void guests_come(struct guests *guests)
{
    atomic_store(&guests->is_over, false);
    for (int kind = 0; kind < GUEST_KINDS; kind++)
        atomic_store(&guests->served[kind], 0);
    for (unsigned i = 0; i < GUESTS; i++)
        ck_assert_int_eq(pthread_create(&guests->threads[i], NULL, run_guest, guests), 0);
}

void guests_turn(struct guests *guests, unsigned turn)
{
    visit_http(guests, turn);
    if (turn % 4 == 0)
        move_binlog_client(guests);
}

void guests_leave(struct guests *guests)
{
    atomic_store(&guests->is_over, true);
    for (unsigned i = 0; i < GUESTS; i++)
        (void)pthread_join(guests->threads[i], NULL);
}
