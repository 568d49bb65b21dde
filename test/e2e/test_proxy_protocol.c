/* PROXY headers: taken from load balancers in front of the app port, HAProxy itself among them, and sent to a
 * MariaDB source, so that grants by host hold for whoever is behind. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { ERROR_DENIED = 1045, ERROR_HOST = 1130, ERROR_SOURCE = 1105, ERROR_DISORDER = 1156 };

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct row {
    const char *header; /* NULL: none */
    size_t header_bytes;
    const char *user;
    const char *address; /* that the source sees, and ackgate shows; NULL: refused by the source */
};

#define ROW(header, user, address)                                                                           \
    {                                                                                                        \
        (header), sizeof(header) - 1, (user), (address)                                                      \
    }
#define ROW_WITHOUT(user, address)                                                                           \
    {                                                                                                        \
        NULL, 0, (user), (address)                                                                           \
    }

/* clang-format off */
static const struct row rows[] = {
    ROW("PROXY TCP4 192.0.2.7 127.0.0.1 50000 3316\r\n", "there", "192.0.2.7"),
    ROW("PROXY TCP6 2001:db8::7 ::1 50000 3316\r\n", "there", "2001:db8::7"),
    ROW(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\xc3\x50\x0c\xea", "there", "192.0.2.7"),
    ROW(SIGNATURE "\x21\x11\0\x13\xc0\0\2\7\x7f\0\0\1\xc3\x50\x0c\xea\2\0\4name", "there", "192.0.2.7"),
    ROW("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 50000 3316\r\n", "there", "192.0.2.7"),
    ROW("PROXY TCP4 198.51.100.1 127.0.0.1 50000 3316\r\n", "there", NULL),
    ROW("PROXY TCP4 192.0.2.7 127.0.0.1 50000 3316\r\n", "here", NULL),
    ROW("PROXY UNKNOWN\r\n", "here", "127.0.0.1"),
    ROW(SIGNATURE "\x20\0\0\0", "here", "127.0.0.1"),
    ROW_WITHOUT("here", "127.0.0.1"),
    ROW_WITHOUT("there", NULL),
};
/* clang-format on */
enum { ROWS = sizeof rows / sizeof *rows, FIRST = 0, BINARY = 2, WITHOUT = 9 };

static struct topology *start(enum family family, const char *source_option, const char *const *lines)
{
    const char *options[] = {source_option, NULL};
    return topology_start_with(&(struct topology_options){.family = family,
                                                          .rule = "ANY 1 (r1)",
                                                          .replicas = 1,
                                                          .source_options = options,
                                                          .gate_lines = lines});
}

static struct sql_options options_of(const struct topology *t, const struct row *row, bool tls)
{
    return (struct sql_options){.port = t->gate->app_port,
                                .user = row->user,
                                .password = "secret",
                                .tls = tls,
                                .before = row->header,
                                .before_bytes = row->header_bytes};
}

static const char *shown_client(struct topology *t, struct sql *conn)
{
    return sql_value(gate_admin(t->gate), "SELECT client FROM sessions WHERE id = %llu",
                     (unsigned long long)sql_thread_id(conn));
}

/* "192.0.2.7:50000" or "[2001:db8::7]:50000" */
static void assert_is_at(const char *peer, const char *address)
{
    const char *start = peer[0] == '[' ? peer + 1 : peer;
    ck_assert_msg(strncmp(start, address, strlen(address)) == 0 &&
                      strchr("]:", start[strlen(address)]) != NULL,
                  "%s instead of %s", peer, address);
}

static void log_in(struct topology *t, const struct row *row, bool tls)
{
    struct sql_options options = options_of(t, row, tls);
    struct sql *conn = sql_try_open(&options);
    const char *what = row->header ? row->header : "no header";

    if (!row->address) {
        ck_assert_msg(sql_errno(conn) == ERROR_DENIED, "%s: %u %s", what, sql_errno(conn), sql_error(conn));
        sql_close(conn);
        return;
    }
    ck_assert_msg(sql_errno(conn) == 0, "%s: %u %s", what, sql_errno(conn), sql_error(conn));
    ck_assert_str_eq(sql_value(conn, "SELECT SUBSTRING_INDEX(USER(), '@', -1)"), row->address);
    assert_is_at(shown_client(t, conn), row->address);
    ck_assert_int_eq(mysql_change_user(sql_handle(conn), "app", "app-pw", NULL), 0);
    ck_assert_str_eq(sql_value(conn, "SELECT USER()"), place_format("app@%s", row->address));
    sql_close(conn);
}

static void log_in_by_socket(struct topology *t, const char *socket)
{
    struct sql *conn =
        sql_open_with(&(struct sql_options){.socket = socket, .user = "here", .password = "secret"});
    ck_assert_str_eq(sql_value(conn, "SELECT USER()"), "here@127.0.0.1");
    ck_assert_str_eq(shown_client(t, conn), "local");
    sql_close(conn);
}

static void make_accounts(struct server *source)
{
    static const char *const hosts[] = {"192.0.2.7", "2001:db8::7"};
    struct sql *admin = server_admin(source);

    sql_exec(admin, "SET sql_log_bin = 0; CREATE USER here@127.0.0.1 IDENTIFIED BY 'secret'");
    for (size_t i = 0; i < 2; i++)
        sql_exec(admin, "CREATE USER there@'%s' IDENTIFIED BY 'secret'", hosts[i]);
}

/* HAProxy in front, with either version: both of its ports lead to ackgate's. */
static void start_haproxy(const struct topology *t, const uint16_t port[2])
{
    const char *config = place_format("%s/haproxy.cfg", t->gate->dir);
    const char *text =
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n";
    for (int i = 0; i < 2; i++)
        text = place_format("%slisten v%d\n  bind 127.0.0.1:%u\n  server ackgate 127.0.0.1:%u send-proxy%s\n",
                            text, i + 1, port[i], t->gate->app_port, i == 0 ? "" : "-v2");
    place_write_file(config, text, 0644);
    process_start((const char *const[]){"haproxy", "-db", "-f", config, NULL},
                  place_format("%s/haproxy.log", t->gate->dir));
}

struct attempt {
    struct sql_options options;
    struct sql *conn;
};

static bool is_open(void *argument)
{
    struct attempt *attempt = argument;
    sql_close(attempt->conn);
    attempt->conn = sql_try_open(&attempt->options);
    return sql_errno(attempt->conn) == 0;
}

/* ackgate sees the address from which the client has come to HAProxy, and so does the source. */
static void log_in_through_haproxy(struct topology *t)
{
    const uint16_t port[2] = {place_free_port(), place_free_port()};

    start_haproxy(t, port);
    for (int i = 0; i < 2; i++) {
        struct attempt attempt = {
            {.port = port[i], .user = "app", .password = "app-pw"},
            NULL
        };
        wait_until(is_open, &attempt, WAIT_SECONDS, "a login through HAProxy");
        const char *host =
            sql_value(attempt.conn, "SELECT host FROM information_schema.processlist WHERE id = "
                                    "CONNECTION_ID()");
        ck_assert_str_eq(host, shown_client(t, attempt.conn));
        ck_assert_int_eq(
            sql_number(gate_admin(t->gate), "SELECT COUNT(*) FROM sessions WHERE client = '%s'", host), 1);
        sql_close(attempt.conn);
    }
}

START_TEST(grants_by_host)
{
    static const char *const lines[] = {"source", "proxy_protocol = on", "app",
                                        "proxy_protocol_from = 192.0.2.0/24, 127.0.0.0/8", NULL};
    struct topology *t = start(TEST_FAMILY, "--proxy-protocol-networks=127.0.0.1", lines);
    const char *socket = place_format("%s/app.sock", t->gate->dir);

    make_accounts(t->source);
    for (size_t i = 0; i < (size_t)ROWS; i++)
        log_in(t, &rows[i], false);
    log_in_through_haproxy(t);
    certificate_make_usual(t->gate->dir);
    server_add_certificates(t->source, t->gate->dir);
    gate_set(t->gate, "source", "tls = required");
    gate_set_tls(t->gate, "app", "preferred", t->gate->dir, "server");
    gate_set(t->gate, "app", "listen = 127.0.0.1:%u, unix:%s", t->gate->app_port, socket);
    gate_stop(t->gate);
    server_restart(t->source);
    gate_start(t->gate);
    topology_wait_open(t);
    for (size_t i = 0; i < (size_t)ROWS; i++)
        log_in(t, &rows[i], true);
    log_in_by_socket(t, socket);
}
END_TEST

static unsigned try_app(struct topology *t, const struct row *row, const char **ret_error)
{
    struct row app = *row;
    app.user = "app";
    struct sql_options options = options_of(t, &app, false);
    options.password = "app-pw";
    struct sql *conn = sql_try_open(&options);
    unsigned number = sql_errno(conn);

    *ret_error = sql_error(conn);
    if (number == 0)
        assert_is_at(shown_client(t, conn), row->address);
    return number;
}

static void send_torn(struct topology *t, const struct row *row)
{
    struct raw_client client;

    raw_open(&client, t->gate->app_port);
    ck_assert(raw_send_slowly(&client, row->header, row->header_bytes));
    raw_login(&client, "app", "app-pw", 0, 0);
    ck_assert_uint_eq(raw_query(&client, "DO 1"), 0);
    assert_is_at(
        sql_value(gate_admin(t->gate), "SELECT client FROM sessions WHERE id = %u", client.thread_id),
        row->address);
    raw_close(&client);
}

/* A header that is none, which may come before the greeting; then what is no login behind a good one. */
static void assert_refused(struct topology *t)
{
    static const char broken[] = "PROXY TCP4 1.2.3.4\r\n";
    struct raw_client client;
    unsigned number = 0;

    raw_open(&client, t->gate->app_port);
    (void)raw_send(&client, broken, sizeof broken - 1);
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    if (!raw_is_error(&client, &number))
        ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert(raw_is_error(&client, &number));
    ck_assert_uint_eq(number, ERROR_HOST);
    raw_assert_closed(&client);
    raw_close(&client);
    raw_open(&client, t->gate->app_port);
    ck_assert(raw_send(&client, rows[FIRST].header, rows[FIRST].header_bytes));
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert(raw_send(&client, "\x01\0\0\0\x0e", 5));
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert(raw_is_error(&client, &number));
    ck_assert_uint_eq(number, ERROR_DISORDER);
    raw_close(&client);
    gate_wait_logged(t->gate, "192.0.2.7:50000: closed: Got packets out of order");
}

START_TEST(who_may_send_one)
{
    struct topology *t = start(TEST_FAMILY, NULL, NULL);
    const char *error;

    ck_assert_uint_eq(try_app(t, &rows[FIRST], &error), ERROR_HOST);
    gate_wait_logged(t->gate, "it is not in app.proxy_protocol_from");
    gate_set(t->gate, "app", "proxy_protocol_from = 10.0.0.0/8, ::1");
    gate_reload(t->gate);
    gate_wait_logged(t->gate, "app.proxy_protocol_from");
    ck_assert_uint_eq(try_app(t, &rows[BINARY], &error), ERROR_HOST);
    ck_assert_uint_eq(try_app(t, &rows[WITHOUT], &error), 0);
    gate_set(t->gate, "app", "proxy_protocol_from = 127.0.0.1");
    ck_assert_uint_eq((gate_write_config(t->gate), sql_try(gate_admin(t->gate), "RELOAD")), 0);
    for (size_t i = 0; i < (size_t)ROWS; i++) {
        if (!rows[i].address)
            continue;
        ck_assert_uint_eq(try_app(t, &rows[i], &error), 0);
        if (rows[i].header)
            send_torn(t, &rows[i]);
    }
    assert_refused(t);
    gate_set(t->gate, "app", "proxy_protocol_from = 127.0.0.1/8");
    ck_assert_int_eq(gate_run(t->gate, "--check"), 1);
    ck_assert(place_file_has(t->gate->log, 0, "\"127.0.0.1/8\" has bits set behind its length"));
}
END_TEST

START_TEST(sources_that_take_none)
{
    static const char *const lines[] = {"app", "hold = 500ms", NULL};
    struct topology *t = start(TEST_FAMILY, NULL, lines);
    const char *error;

    gate_set(t->gate, "source", "proxy_protocol = on");
    gate_restart(t->gate);
    gate_wait_logged(t->gate, "takes no PROXY headers");
    ck_assert_uint_eq(try_app(t, &rows[WITHOUT], &error), ERROR_SOURCE);
    ck_assert_msg(strstr(error, "takes no PROXY headers") != NULL, "%s", error);
    if (TEST_FAMILY == FAMILY_MARIADB) {
        sql_exec(server_admin(t->source), "SET GLOBAL proxy_protocol_networks = '127.0.0.1'");
        topology_wait_open(t);
        ck_assert_uint_eq(try_app(t, &rows[WITHOUT], &error), 0);
    } else {
        gate_set(t->gate, "source", "flavor = mysql");
        ck_assert_int_eq(gate_run(t->gate, "--check"), 1);
        ck_assert(place_file_has(t->gate->log, 0, "needs a MariaDB source"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proxy_protocol");

    e2e_add_family(suite, "grants_by_host", grants_by_host, FAMILY_MARIADB);
    e2e_add(suite, "who_may_send_one", who_may_send_one);
    e2e_add(suite, "sources_that_take_none", sources_that_take_none);
    return e2e_main(suite);
}
