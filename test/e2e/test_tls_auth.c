/* Logging in across levels of security: clients in the clear, with TLS and over a Unix socket, to a source
 * that ackgate reaches in the clear, with TLS, with a certificate of its own, and over a Unix socket, with
 * every authentication plugin that the server has, and with what accounts may REQUIRE; and COM_CHANGE_USER
 * through all of them.
 *
 * mysql_native_password is MariaDB's here: MySQL 9 has none. What this program's client library lacks, logins
 * of several factors and parsec, is left to the servers' own client programs, and COM_CHANGE_USER to such
 * accounts to a client by hand. */
#include <check.h>
#include <mysql.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/constants.h"
#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/server_template.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { ERROR_DENIED = 1045 };

enum channel { PLAIN, TLS, SOCKET, CHANNELS };
static const char *const channel_names[] = {"plain", "tls", "socket"};

/* How ackgate reaches the source. */
enum way { WAY_PLAIN, WAY_TLS, WAY_CERTIFICATE, WAY_SOCKET, WAYS };
static const char *const way_names[] = {"plain", "tls", "tls with a certificate", "socket"};

enum need { NOTHING, ANY_TLS, OUR_CERTIFICATE, ANOTHER_CERTIFICATE };

struct account {
    enum family family;
    const char *user;
    const char *password;
    const char *how;    /* IDENTIFIED … */
    const char *plugin; /* the client's first choice; NULL: its own */
    enum need need;     /* what the source asks of ackgate's connection, whatever the client's is */
};

/* clang-format off */
static const struct account accounts[] = {
    {FAMILY_MYSQL,   "sha2",       "secret", "WITH caching_sha2_password BY 'secret'", NULL, NOTHING},
    {FAMILY_MYSQL,   "sha2_none",  "",       "WITH caching_sha2_password BY ''", NULL, NOTHING},
    {FAMILY_MYSQL,   "sha256",     "secret", "WITH sha256_password BY 'secret'", NULL, NOTHING},
    {FAMILY_MYSQL,   "sha256_own", "secret", "WITH sha256_password BY 'secret'", "sha256_password", NOTHING},
    {FAMILY_MYSQL,   "ssl",        "secret", "WITH caching_sha2_password BY 'secret' REQUIRE SSL", NULL, ANY_TLS},
    {FAMILY_MYSQL,   "x509",       "secret", "WITH caching_sha2_password BY 'secret' REQUIRE X509", NULL, OUR_CERTIFICATE},
    {FAMILY_MYSQL,   "subject",    "secret", "WITH caching_sha2_password BY 'secret' REQUIRE SUBJECT '/O=ackgate test/CN=client'", NULL, OUR_CERTIFICATE},
    {FAMILY_MYSQL,   "another",    "secret", "WITH caching_sha2_password BY 'secret' REQUIRE SUBJECT '/O=ackgate test/CN=stranger'", NULL, ANOTHER_CERTIFICATE},
    {FAMILY_MARIADB, "native",     "secret", "VIA mysql_native_password USING PASSWORD('secret')", NULL, NOTHING},
    {FAMILY_MARIADB, "none",       "",       "VIA mysql_native_password USING ''", NULL, NOTHING},
    {FAMILY_MARIADB, "ed",         "secret", "VIA ed25519 USING PASSWORD('secret')", NULL, NOTHING},
    {FAMILY_MARIADB, "either",     "secret", "VIA ed25519 USING PASSWORD('other') OR mysql_native_password USING PASSWORD('secret')", NULL, NOTHING},
    {FAMILY_MARIADB, "ssl",        "secret", "VIA ed25519 USING PASSWORD('secret') REQUIRE SSL", NULL, ANY_TLS},
    {FAMILY_MARIADB, "x509",       "secret", "VIA mysql_native_password USING PASSWORD('secret') REQUIRE X509", NULL, OUR_CERTIFICATE},
    {FAMILY_MARIADB, "subject",    "secret", "VIA ed25519 USING PASSWORD('secret') REQUIRE SUBJECT '/O=ackgate test/CN=client'", NULL, OUR_CERTIFICATE},
    {FAMILY_MARIADB, "another",    "secret", "VIA ed25519 USING PASSWORD('secret') REQUIRE SUBJECT '/O=ackgate test/CN=stranger'", NULL, ANOTHER_CERTIFICATE},
};
/* clang-format on */
enum { ACCOUNTS = sizeof(accounts) / sizeof(accounts[0]) };

struct matrix {
    struct topology *t;
    const char *dir; /* of the certificates */
    const char *socket;
    enum way way;
    enum channel channel;
    int64_t refused; /* logins since the source was asked last */
    bool has_parsec;
};

static bool is_for(const struct account *account, enum family family)
{
    return account->family == family;
}

static bool is_source_tls(const struct matrix *matrix)
{
    return matrix->way == WAY_TLS || matrix->way == WAY_CERTIFICATE;
}

static bool is_let_in(const struct matrix *matrix, const struct account *account)
{
    switch (account->need) {
    case NOTHING:
        return true;
    case ANY_TLS:
        return is_source_tls(matrix);
    case OUR_CERTIFICATE:
        return matrix->way == WAY_CERTIFICATE;
    default:
        return false;
    }
}

static const char *own_name(void)
{
    const struct passwd *entry = getpwuid(geteuid());

    ck_assert_ptr_nonnull(entry);
    return entry->pw_name;
}

/* Not written to the binlog: the accounts are the source's alone. */
static void make_accounts(struct matrix *matrix)
{
    struct server *source = matrix->t->source;
    struct sql *admin = server_admin(source);

    sql_exec(admin, "SET sql_log_bin = 0");
    if (source->family == FAMILY_MARIADB) {
        sql_exec(admin, "INSTALL SONAME 'auth_ed25519'");
        (void)sql_try(admin, "INSTALL SONAME 'auth_parsec'");
        matrix->has_parsec =
            sql_number(admin,
                       "SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_name = 'parsec'") > 0;
        ck_assert_int_eq(matrix->has_parsec, strcmp(server_version(FAMILY_MARIADB), "11.6") > 0);
    } else {
        sql_exec(admin, "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'");
        sql_exec(admin,
                 "CREATE USER two_factors@'%%' IDENTIFIED WITH caching_sha2_password BY 'secret' "
                 "AND IDENTIFIED WITH auth_socket AS '%s'",
                 own_name());
    }
    if (matrix->has_parsec)
        sql_exec(admin, "CREATE USER parsec@'%%' IDENTIFIED VIA parsec USING PASSWORD('secret')");
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (is_for(&accounts[i], source->family))
            sql_exec(admin, "CREATE USER '%s'@'%%' IDENTIFIED %s", accounts[i].user, accounts[i].how);
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
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .certificates = dir, .app_tls = "preferred"});
    struct matrix matrix = {.t = t, .dir = dir, .socket = place_format("%s/app.sock", t->gate->dir)};
    make_accounts(&matrix);
    gate_set(t->gate, "app", "listen = 127.0.0.1:%u, unix:%s", t->gate->app_port, matrix.socket);
    return matrix;
}

static void restart_with(struct matrix *matrix, enum way way)
{
    struct gate *gate = matrix->t->gate;

    matrix->way = way;
    gate_set(gate, "source", "tls = %s", is_source_tls(matrix) ? "verify_identity" : "disabled");
    if (way == WAY_TLS)
        gate_set(gate, "source", "tls_ca = %s/ca.pem", matrix->dir);
    if (way == WAY_CERTIFICATE) {
        gate_set(gate, "source", "tls_cert = %s/client.pem", matrix->dir);
        gate_set(gate, "source", "tls_key = %s/client-key.pem", matrix->dir);
    }
    if (way == WAY_SOCKET) {
        gate->source_host = matrix->t->source->socket;
        gate_unset(gate, "source", "host");
        gate_unset(gate, "source", "port");
    }
    gate_restart(gate);
    topology_wait_open(matrix->t);
}

static const char *describe(const struct matrix *matrix, const char *user)
{
    return place_format("%s, client %s, source %s", user, channel_names[matrix->channel],
                        way_names[matrix->way]);
}

static struct sql_options options_of(const struct matrix *matrix, const struct account *account)
{
    struct sql_options options = {
        .user = account->user, .password = account->password, .plugin = account->plugin};

    options.tls = matrix->channel == TLS;
    options.tls_ca = options.tls ? place_format("%s/ca.pem", matrix->dir) : NULL; /* the system's take time */
    if (matrix->channel == SOCKET)
        options.socket = matrix->socket;
    else
        options.port = matrix->t->gate->app_port;
    return options;
}

static void assert_logged_in(const struct matrix *matrix, struct sql *conn, const char *user)
{
    const char *what = describe(matrix, user);

    ck_assert_msg(sql_errno(conn) == 0, "%s: %u %s", what, sql_errno(conn), sql_error(conn));
    ck_assert_str_eq(sql_value(conn, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), user);
    ck_assert_msg((sql_tls_cipher(conn)[0] != '\0') == (matrix->channel == TLS), "%s", what);
    const struct sql_rows *rows = sql_rows(conn, "SHOW STATUS LIKE 'Ssl_cipher'");
    ck_assert_msg((sql_cell(rows, 0, "Value")[0] != '\0') == is_source_tls(matrix), "%s", what);
}

static void assert_shown(struct matrix *matrix, struct sql *conn)
{
    ck_assert_int_eq(sql_number(gate_admin(matrix->t->gate), "SELECT tls FROM sessions WHERE id = %llu",
                                (unsigned long long)sql_thread_id(conn)),
                     matrix->channel == TLS);
}

/* The source's own error, as without ackgate. */
static void assert_wrong_password_refused(struct matrix *matrix, const struct account *account)
{
    struct account wrong = *account;
    wrong.password = "wrong";
    struct sql_options options = options_of(matrix, &wrong);
    struct sql *through = sql_try_open(&options);
    if (matrix->way == WAY_SOCKET)
        options.socket = matrix->t->source->socket;
    else
        options.socket = NULL;
    options.port = matrix->t->source->port;
    struct sql *direct = sql_try_open(&options);

    ck_assert_uint_eq(sql_errno(direct), ERROR_DENIED);
    ck_assert_str_eq(sql_error(through), sql_error(direct));
    matrix->refused += 2;
    sql_close(through);
    sql_close(direct);
}

static void assert_need_refused(struct matrix *matrix, const struct account *account)
{
    struct sql_options options = options_of(matrix, account);
    struct sql *conn = sql_try_open(&options);

    ck_assert_msg(sql_errno(conn) == ERROR_DENIED, "%s: %u %s", describe(matrix, account->user),
                  sql_errno(conn), sql_error(conn));
    matrix->refused++;
    sql_close(conn);
}

static void log_in(struct matrix *matrix, const struct account *account)
{
    struct sql_options options = options_of(matrix, account);

    forget_passwords(matrix);
    if (!is_let_in(matrix, account)) {
        assert_need_refused(matrix, account);
        return;
    }
    assert_wrong_password_refused(matrix, account);
    for (int round = 0; round < 2; round++) { /* not cached, cached */
        struct sql *conn = sql_try_open(&options);
        assert_logged_in(matrix, conn, account->user);
        if (round == 0)
            assert_shown(matrix, conn);
        sql_close(conn);
    }
}

/* Each refusal is one for the source, too: none is doubled on its way. */
static void log_in_to_all(struct matrix *matrix)
{
    struct server *source = matrix->t->source;

    /* those of before have been counted when they are gone */
    WAIT_SQL(server_admin(source),
             "SELECT COUNT(*) FROM information_schema.processlist "
             "WHERE user NOT IN ('root', 'ackgate', 'event_scheduler', 'system user')",
             "0");
    int64_t before = strtoll(server_status(source, "Aborted_connects"), NULL, 10);
    matrix->refused = 0;
    for (size_t i = 0; i < ACCOUNTS; i++)
        if (is_for(&accounts[i], source->family))
            log_in(matrix, &accounts[i]);
    WAIT_SQL(server_admin(source), "SHOW GLOBAL STATUS LIKE 'Aborted_connects'",
             place_format("Aborted_connects\t%lld", (long long)(before + matrix->refused)));
}

/* One connection through all accounts, each time with nothing cached, and a wrong password at the end. */
static void change_users(struct matrix *matrix)
{
    const struct account app = {matrix->t->family, "app", "app-pw", NULL, NULL, NOTHING};
    struct sql_options options = options_of(matrix, &app);
    struct sql *conn = sql_open_with(&options);

    for (size_t i = 0; i < ACCOUNTS; i++) {
        const struct account *account = &accounts[i];
        if (!is_for(account, matrix->t->family) || !is_let_in(matrix, account))
            continue;
        forget_passwords(matrix);
        int failed = mysql_change_user(sql_handle(conn), account->user, account->password, NULL);
        ck_assert_msg(failed == 0, "change to %s: %s", describe(matrix, account->user),
                      mysql_error(sql_handle(conn)));
        assert_logged_in(matrix, conn, account->user);
    }
    if (matrix->channel == matrix->way % CHANNELS) { /* MariaDB lets it wait for a second */
        ck_assert_int_ne(mysql_change_user(sql_handle(conn), "app", "wrong", NULL), 0);
        ck_assert_uint_eq(mysql_errno(sql_handle(conn)), ERROR_DENIED);
    }
    sql_close(conn);
}

/* ---- what the library lacks: by the servers' own clients, and by hand ---- */

static const char *tls_option(const struct matrix *matrix)
{
    if (matrix->t->family == FAMILY_MYSQL)
        return matrix->channel == TLS ? "--ssl-mode=REQUIRED" : "--ssl-mode=DISABLED";
    return matrix->channel == TLS ? "--ssl" : "--skip-ssl";
}

static const char *own_option(const struct matrix *matrix)
{
    if (matrix->t->family == FAMILY_MYSQL)
        return "--get-server-public-key";
    return place_format("--plugin-dir=%s/usr/lib/x86_64-linux-gnu/libmariadb3/plugin", server_mariadb_dir());
}

static void assert_program_logs_in(struct matrix *matrix, const char *user, const char *password,
                                   bool is_expected)
{
    const char *argv[24], *log = place_format("%s/client.log", matrix->dir);
    enum family family = matrix->t->family;
    size_t count = server_program(family, family == FAMILY_MYSQL ? "mysql" : "mariadb", argv, 8);
    const char *options[] = {
        "--no-defaults",
        own_option(matrix),
        tls_option(matrix),
        family == FAMILY_MYSQL ? "--silent" : "--disable-ssl-verify-server-cert",
        place_format("--user=%s", user),
        place_format(family == FAMILY_MYSQL ? "--password1=%s" : "--password=%s", password),
        matrix->channel == SOCKET ? place_format("--socket=%s", matrix->socket) : "--protocol=TCP",
        place_format("--port=%u", matrix->t->gate->app_port),
        matrix->channel == SOCKET ? "--protocol=SOCKET" : "--host=127.0.0.1",
        "--execute=SELECT CONCAT('I am ', CURRENT_USER())",
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        argv[count++] = options[i];
    argv[count] = NULL;
    (void)unlink(log);
    int code = process_run(argv, log);
    ck_assert_msg((code == 0) == is_expected, "%s: %d, %s", describe(matrix, user), code,
                  place_read_file(log, NULL));
    const char *text = is_expected ? place_format("I am %s@", user) : "Access denied for user";
    ck_assert_msg(place_file_has(log, 0, text), "%s: %s", describe(matrix, user), place_read_file(log, NULL));
}

static void change_by_hand(struct matrix *matrix, const char *user, bool is_expected)
{
    struct raw_client client;

    raw_open(&client, matrix->t->gate->app_port);
    raw_login(&client, "app", "app-pw", CAP_MULTI_FACTOR, 0);
    bool is_in = raw_change_user(&client, user, "secret", "");
    ck_assert_msg(is_in == is_expected, "change to %s: %.*s", describe(matrix, user),
                  (int)client.payload_bytes, (const char *)client.payload);
    if (is_in)
        ck_assert_str_eq(sql_value(server_admin(matrix->t->source),
                                   "SELECT user FROM information_schema.processlist WHERE id = %u",
                                   client.thread_id),
                         user);
    raw_close(&client);
}

/* A second factor that asks for no password: the server looks at who is at the other end of its socket. */
static void log_in_with_the_rest(struct matrix *matrix)
{
    bool is_mysql = matrix->t->family == FAMILY_MYSQL;
    bool is_expected = !is_mysql || matrix->way == WAY_SOCKET;

    if (!is_mysql && !matrix->has_parsec)
        return;
    const char *user = is_mysql ? "two_factors" : "parsec";
    forget_passwords(matrix);
    assert_program_logs_in(matrix, user, "wrong", false);
    for (int round = 0; round < 2; round++)
        assert_program_logs_in(matrix, user, "secret", is_expected);
    if (matrix->channel != PLAIN)
        return;
    forget_passwords(matrix);
    for (int round = 0; round < 2; round++)
        change_by_hand(matrix, user, is_expected);
}

START_TEST(every_way_in)
{
    char dir[108];

    place_make_dir("certificates", dir, sizeof dir);
    struct matrix matrix = start(TEST_FAMILY, dir);
    for (enum way way = WAY_PLAIN; way < WAYS; way++) {
        restart_with(&matrix, way);
        for (matrix.channel = PLAIN; matrix.channel < CHANNELS; matrix.channel++) {
            log_in_to_all(&matrix);
            change_users(&matrix);
            log_in_with_the_rest(&matrix);
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
