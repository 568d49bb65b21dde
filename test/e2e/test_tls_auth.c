/* Logging in across levels of security: clients in the clear, with TLS and over a Unix socket, to a source
 * that ackgate reaches in the clear and with TLS, with every authentication plugin that both families have;
 * and COM_CHANGE_USER through all of them. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { ERROR_DENIED = 1045 };

enum channel { PLAIN, TLS, SOCKET, CHANNELS };

struct account {
    enum family family;
    const char *user;
    const char *password;
    const char *how;    /* IDENTIFIED … */
    const char *plugin; /* the client's first choice; NULL: its own */
};

static const struct account accounts[] = {
    {FAMILY_MYSQL,   "sha2",       "secret", "WITH caching_sha2_password BY 'secret'",             NULL             },
    {FAMILY_MYSQL,   "sha2_none",  "",       "WITH caching_sha2_password BY ''",                   NULL             },
    {FAMILY_MYSQL,   "sha256",     "secret", "WITH sha256_password BY 'secret'",                   NULL             },
    {FAMILY_MYSQL,   "sha256_own", "secret", "WITH sha256_password BY 'secret'",                   "sha256_password"},
    {FAMILY_MARIADB, "native",     "secret", "VIA mysql_native_password USING PASSWORD('secret')", NULL             },
    {FAMILY_MARIADB, "none",       "",       "VIA mysql_native_password USING ''",                 NULL             },
    {FAMILY_MARIADB, "ed",         "secret", "VIA ed25519 USING PASSWORD('secret')",               NULL             },
};
enum { ACCOUNTS = sizeof(accounts) / sizeof(accounts[0]) };

struct matrix {
    struct topology *t;
    const char *socket;
};

static bool is_for(const struct account *account, enum family family)
{
    return account->family == family;
}

/* Not written to the binlog: the accounts are the source's alone. */
static void make_accounts(struct server *source)
{
    struct sql *admin = server_admin(source);

    sql_exec(admin, "SET sql_log_bin = 0");
    if (source->family == FAMILY_MARIADB)
        sql_exec(admin, "INSTALL SONAME 'auth_ed25519'");
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (is_for(&accounts[i], source->family))
            sql_exec(admin, "CREATE USER %s@'%%' IDENTIFIED %s", accounts[i].user, accounts[i].how);
    }
}

/* caching_sha2_password forgets what it has cached. */
static void forget_passwords(struct matrix *matrix)
{
    sql_exec(server_admin(matrix->t->source), "FLUSH LOCAL PRIVILEGES");
}

static struct matrix start(enum family family, const char *dir)
{
    certificate_make_usual(dir);
    const char *options[] = {place_format("--ssl-ca=%s/ca.pem", dir),
                             place_format("--ssl-cert=%s/server.pem", dir),
                             place_format("--ssl-key=%s/server-key.pem", dir), NULL};
    const char *lines[] = {"app", "tls = preferred",
                           "app", place_format("tls_cert = %s/server.pem", dir),
                           "app", place_format("tls_key = %s/server-key.pem", dir),
                           NULL};
    struct topology *t = topology_start_with(&(struct topology_options){.family = family,
                                                                        .rule = "ANY 1 (r1)",
                                                                        .replicas = 1,
                                                                        .source_options = options,
                                                                        .gate_lines = lines});
    make_accounts(t->source);
    struct matrix matrix = {t, place_format("%s/app.sock", t->gate->dir)};
    gate_set(t->gate, "app", "listen = 127.0.0.1:%u, unix:%s", t->gate->app_port, matrix.socket);
    return matrix;
}

static void restart_with(struct matrix *matrix, const char *dir, bool is_source_tls)
{
    gate_set(matrix->t->gate, "source", "tls = %s", is_source_tls ? "verify_identity" : "disabled");
    if (is_source_tls)
        gate_set(matrix->t->gate, "source", "tls_ca = %s/ca.pem", dir);
    gate_restart(matrix->t->gate);
    topology_wait_open(matrix->t);
}

static struct sql_options options_of(const struct matrix *matrix, enum channel channel,
                                     const struct account *account)
{
    struct sql_options options = {
        .user = account->user, .password = account->password, .plugin = account->plugin};

    options.tls = channel == TLS;
    if (channel == SOCKET)
        options.socket = matrix->socket;
    else
        options.port = matrix->t->gate->app_port;
    return options;
}

static void assert_logged_in(struct sql *conn, const char *user, enum channel channel, bool is_source_tls)
{
    const char *what = place_format("%s, client %s, source %s", user,
                                    channel == PLAIN ? "plain"
                                    : channel == TLS ? "tls"
                                                     : "socket",
                                    is_source_tls ? "tls" : "plain");

    ck_assert_msg(sql_errno(conn) == 0, "%s: %u %s", what, sql_errno(conn), sql_error(conn));
    ck_assert_str_eq(sql_value(conn, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), user);
    ck_assert_msg((sql_tls_cipher(conn)[0] != '\0') == (channel == TLS), "%s", what);
    const struct sql_rows *rows = sql_rows(conn, "SHOW STATUS LIKE 'Ssl_cipher'");
    ck_assert_msg((sql_cell(rows, 0, "Value")[0] != '\0') == is_source_tls, "%s", what);
}

static void assert_shown(struct matrix *matrix, struct sql *conn, enum channel channel)
{
    ck_assert_int_eq(sql_number(gate_admin(matrix->t->gate), "SELECT tls FROM sessions WHERE id = %llu",
                                (unsigned long long)sql_thread_id(conn)),
                     channel == TLS);
}

/* The source's own error, as without ackgate. */
static void assert_refused(struct matrix *matrix, enum channel channel, const struct account *account)
{
    struct account wrong = *account;
    wrong.password = "wrong";
    struct sql_options options = options_of(matrix, channel, &wrong);
    struct sql *through = sql_try_open(&options);
    options.socket = NULL;
    options.port = matrix->t->source->port;
    struct sql *direct = sql_try_open(&options);

    ck_assert_uint_eq(sql_errno(direct), ERROR_DENIED);
    ck_assert_str_eq(sql_error(through), sql_error(direct));
    sql_close(through);
    sql_close(direct);
}

static void log_in(struct matrix *matrix, enum channel channel, const struct account *account,
                   bool is_source_tls)
{
    struct sql_options options = options_of(matrix, channel, account);

    forget_passwords(matrix);
    assert_refused(matrix, channel, account);
    for (int round = 0; round < 2; round++) { /* not cached, cached */
        struct sql *conn = sql_try_open(&options);
        assert_logged_in(conn, account->user, channel, is_source_tls);
        if (round == 0)
            assert_shown(matrix, conn, channel);
        sql_close(conn);
    }
}

/* One connection through all accounts, each time with nothing cached, and a wrong password at the end. */
static void change_users(struct matrix *matrix, enum channel channel, bool is_source_tls)
{
    const struct account app = {matrix->t->family, "app", "app-pw", NULL, NULL};
    struct sql_options options = options_of(matrix, channel, &app);
    struct sql *conn = sql_open_with(&options);

    for (size_t i = 0; i < ACCOUNTS; i++) {
        const struct account *account = &accounts[i];
        if (!is_for(account, matrix->t->family))
            continue;
        forget_passwords(matrix);
        int failed = mysql_change_user(sql_handle(conn), account->user, account->password, NULL);
        ck_assert_msg(failed == 0, "change to %s: %s", account->user, mysql_error(sql_handle(conn)));
        assert_logged_in(conn, account->user, channel, is_source_tls);
    }
    ck_assert_int_ne(mysql_change_user(sql_handle(conn), "app", "wrong", NULL), 0);
    ck_assert_uint_eq(mysql_errno(sql_handle(conn)), ERROR_DENIED);
    sql_close(conn);
}

START_TEST(every_way_in)
{
    char dir[108];

    place_make_dir("certificates", dir, sizeof dir);
    struct matrix matrix = start(TEST_FAMILY, dir);
    for (int is_source_tls = 0; is_source_tls < 2; is_source_tls++) {
        restart_with(&matrix, dir, is_source_tls);
        for (enum channel channel = PLAIN; channel < CHANNELS; channel++) {
            for (size_t i = 0; i < ACCOUNTS; i++)
                if (is_for(&accounts[i], TEST_FAMILY))
                    log_in(&matrix, channel, &accounts[i], is_source_tls);
            change_users(&matrix, channel, is_source_tls);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_auth");

    e2e_add(suite, "every_way_in", every_way_in);
    return e2e_main(suite);
}
