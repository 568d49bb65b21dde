/* Applications' sessions over TLS, to ackgate and on to the source: both versions of TLS, compression inside
 * of it, connections to the source that resume, certificates that are exchanged while sessions go on, and
 * what is said about handshakes that do not come about. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/login.h"
#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { ERROR_TLS_OF_CLIENT = 2026, ERROR_INSECURE = 3159, ERROR_ACKGATE = 1105 };

struct scene_tls {
    struct topology *t;
    const char *dir; /* of the certificates */
};

static const char *pem(const struct scene_tls *scene, const char *name)
{
    return place_format("%s/%s.pem", scene->dir, name);
}

/* TLS on both sides; the source has the certificate "server", ackgate "gate". */
static struct scene_tls start(enum family family)
{
    static char dir[108];
    struct scene_tls scene = {.dir = dir};

    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    certificate_make(&(struct certificate_order){dir, "gate", "gate", "IP:127.0.0.1", "ca"});
    const char *lines[] = {"source", "tls = verify_identity",
                           "source", place_format("tls_ca = %s/ca.pem", dir),
                           "app",    "tls = required",
                           "app",    place_format("tls_cert = %s/gate.pem", dir),
                           "app",    place_format("tls_key = %s/gate-key.pem", dir),
                           NULL};
    scene.t = topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .certificates = dir, .gate_lines = lines});
    return scene;
}

static struct sql_options app_options(const struct scene_tls *scene, const char *ca)
{
    return (struct sql_options){.port = scene->t->gate->app_port,
                                .user = "app",
                                .password = "app-pw",
                                .tls = true,
                                .tls_ca = pem(scene, ca)};
}

static unsigned try_app(const struct scene_tls *scene, const char *ca, const char *version)
{
    struct sql_options options = app_options(scene, ca);
    options.tls_version = version;
    struct sql *conn = sql_try_open(&options);
    unsigned number = sql_errno(conn);

    sql_close(conn);
    return number;
}

static const char *source_status(struct sql *conn, const char *name)
{
    return sql_cell(sql_rows(conn, "SHOW SESSION STATUS LIKE '%s'", name), 0, "Value");
}

/* ---- versions ---- */

static void assert_version(const struct scene_tls *scene, const char *version, const char *of_source)
{
    struct sql_options options = app_options(scene, "ca");
    const char *of_client = "";
    options.tls_version = version;
    struct sql *conn = sql_open_with(&options);

    ck_assert_int_eq(mariadb_get_infov(sql_handle(conn), MARIADB_CONNECTION_TLS_VERSION, &of_client), 0);
    ck_assert_str_eq(of_client, version);
    ck_assert_str_eq(source_status(conn, "Ssl_version"), of_source);
    sql_close(conn);
}

/* The third session at the latest: what the first has left is there by then, however the threads run.
 * MariaDB's own Ssl_sessions_reused is 0 whatever it does. */
static void assert_resumed(const struct scene_tls *scene, const char *version)
{
    const char *resumed = "0";

    for (int i = 0; i < 3; i++) {
        struct sql_options options = app_options(scene, "ca");
        struct sql *conn = sql_open_with(&options);
        resumed = place_format("%s", source_status(conn, "Ssl_sessions_reused"));
        sql_close(conn);
    }
    gate_wait_logged(scene->t->gate, place_format("TLS with the source: %s, resumed", version));
    if (scene->t->family == FAMILY_MYSQL)
        ck_assert_str_eq(resumed, "1");
}

/* ---- compression ---- */

static void assert_compressed_by_library(const struct scene_tls *scene)
{
    struct sql_options options = app_options(scene, "ca");
    options.compress = true;
    struct sql *conn = sql_open_with(&options);

    sql_exec(conn, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v LONGTEXT)");
    sql_exec(conn, "INSERT INTO d.t VALUES (1, CONCAT('%s', REPEAT('x', 3000000))), (2, 'y')",
             place_format("%0*d", 300000, 7));
    ck_assert_uint_eq(strlen(sql_value(conn, "SELECT v FROM d.t WHERE id = 1")), 3300000);
    ck_assert_int_ne(sql_tls_cipher(conn)[0], '\0');
    sql_close(conn);
}

static const char *run_program(const struct scene_tls *scene, const char *method, const char *statement)
{
    const char *argv[24], *log = place_format("%s/client.log", scene->dir);
    size_t count = server_program(FAMILY_MYSQL, "mysql", argv, 8);
    const char *options[] = {"--no-defaults",
                             "--user=app",
                             "--password=app-pw",
                             "--host=127.0.0.1",
                             "--ssl-mode=VERIFY_CA",
                             place_format("--ssl-ca=%s", pem(scene, "ca")),
                             "--silent",
                             "--commands",
                             place_format("--port=%u", scene->t->gate->app_port),
                             place_format("--compression-algorithms=%s", method),
                             place_format("--execute=%s", statement)};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        argv[count++] = options[i];
    argv[count] = NULL;
    (void)unlink(log);
    int code = process_run(argv, log);
    ck_assert_msg(code == 0, "%s", place_read_file(log, NULL));
    return log;
}

/* zstd is MySQL's, and so is the client that has it. */
static void assert_compressed_by_program(const struct scene_tls *scene, const char *method)
{
    const char *log = run_program(scene, method, "SELECT CONCAT('I have ', LENGTH(v)) FROM d.t");

    ck_assert(place_file_has(log, 0, "I have 3300000"));
    log = run_program(scene, method, "status");
    ck_assert(place_file_has(log, 0, "Compressed"));
    ck_assert(place_file_has(log, 0, "Cipher in use"));
}

static void assert_compressed(const struct scene_tls *scene)
{
    assert_compressed_by_library(scene);
    if (scene->t->family == FAMILY_MYSQL) {
        assert_compressed_by_program(scene, "zlib");
        assert_compressed_by_program(scene, "zstd");
    }
    topology_assert_same_data(scene->t);
}

START_TEST(versions_and_compression)
{
    struct scene_tls scene = start(TEST_FAMILY);

    assert_version(&scene, "TLSv1.2", "TLSv1.3");
    assert_version(&scene, "TLSv1.3", "TLSv1.3");
    assert_resumed(&scene, "TLSv1.3");
    assert_compressed(&scene);
    gate_set(scene.t->gate, "app", "tls_min_version = 1.3");
    gate_stop(scene.t->gate);
    server_add_option(scene.t->source, "--tls-version=TLSv1.2");
    server_restart(scene.t->source);
    gate_start(scene.t->gate);
    gate_wait_open(scene.t->gate);
    assert_version(&scene, "TLSv1.3", "TLSv1.2");
    assert_resumed(&scene, "TLSv1.2");
    ck_assert_uint_eq(try_app(&scene, "ca", "TLSv1.2"), ERROR_TLS_OF_CLIENT);
    gate_wait_logged(scene.t->gate, "failed: unsupported protocol");
}
END_TEST

/* ---- exchanged while in use ---- */

static void reload(struct scene_tls *scene)
{
    gate_write_config(scene->t->gate);
    sql_exec(gate_admin(scene->t->gate), "RELOAD");
}

START_TEST(certificates_are_exchanged_under_sessions)
{
    struct scene_tls scene = start(TEST_FAMILY);
    struct gate *gate = scene.t->gate;
    struct sql_options options = app_options(&scene, "ca");
    struct sql *before = sql_open_with(&options);

    sql_exec(before,
             "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); BEGIN; INSERT INTO d.t VALUES (1)");
    certificate_make(&(struct certificate_order){scene.dir, "gate", "gate", "IP:127.0.0.1", "other-ca"});
    gate_reload(gate);
    gate_wait_logged(gate, "certificates read again");
    ck_assert_uint_eq(try_app(&scene, "ca", NULL), ERROR_TLS_OF_CLIENT);
    ck_assert_uint_eq(try_app(&scene, "other-ca", NULL), 0);
    sql_exec(before, "COMMIT");

    /* the source's authority is another one from now on: for sessions that begin */
    certificate_make(&(struct certificate_order){scene.dir, "ca", "another CA", NULL, NULL});
    reload(&scene);
    options = app_options(&scene, "other-ca");
    struct sql *refused = sql_try_open(&options);
    ck_assert_uint_eq(sql_errno(refused), ERROR_ACKGATE);
    ck_assert_msg(strstr(sql_error(refused), "TLS with the source failed") != NULL, "%s", sql_error(refused));
    gate_wait_logged(gate, "TLS handshake with the source failed: the peer's certificate");
    sql_exec(before, "INSERT INTO d.t VALUES (2)");
    topology_assert_same_data(scene.t);

    /* names, modes and versions are not read again, and the answer lists them */
    gate_set_tls(gate, "app", "preferred", scene.dir, "server");
    gate_set(gate, "source", "tls_min_version = 1.3");
    reload(&scene);
    gate_wait_logged(gate, "source.tls_min_version, app.tls, app.tls_cert, app.tls_key");
    ck_assert_uint_eq(try_app(&scene, "other-ca", NULL), ERROR_ACKGATE);
}
END_TEST

/* ---- what does not come about ---- */

static void send_instead_of_handshake(const struct scene_tls *scene, const void *bytes, size_t size)
{
    static const uint8_t request[36] = {SSL_REQUEST_BYTES, 0, 0, 1, 0x05, 0xaa, 0x08, 0, 0, 0, 0, 1, 45};
    struct raw_client client;

    raw_open(&client, scene->t->gate->app_port);
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert(raw_send(&client, request, sizeof request));
    ck_assert(raw_send(&client, bytes, size));
    raw_assert_closed(&client);
    raw_close(&client);
}

START_TEST(what_the_log_says)
{
    struct scene_tls scene = start(TEST_FAMILY);
    struct gate *gate = scene.t->gate;
    struct sql_options options = app_options(&scene, "ca");
    const char *socket = place_format("%s/app.sock", gate->dir);

    send_instead_of_handshake(&scene, "GET / HTTP/1.0\r\n\r\n", 18);
    gate_wait_logged(gate, "failed: http request");
    gate_set(gate, "app", "auth_timeout = 1s");
    gate_reload(gate);
    gate_wait_logged(gate, "app.auth_timeout");
    send_instead_of_handshake(&scene, "\x16\3\1\2\0\1\0\1\xfc\3\3", 11);
    gate_wait_logged(gate, "failed: it was not finished within app.auth_timeout");
    ck_assert_uint_eq(try_app(&scene, "other-ca", NULL), ERROR_TLS_OF_CLIENT);
    gate_wait_logged(gate, "unknown ca");
    options.tls = false;
    options.tls_ca = NULL;
    struct sql *plain = sql_try_open(&options);
    ck_assert_uint_eq(sql_errno(plain), ERROR_INSECURE);
    gate_wait_logged(gate, "it came without TLS, and tls = required");

    gate_set(gate, "app", "listen = 127.0.0.1:%u, unix:%s", gate->app_port, socket);
    gate_restart(gate);
    topology_wait_open(scene.t);
    options.socket = socket;
    ck_assert_str_eq(sql_value(sql_open_with(&options), "SELECT 1"), "1");

    /* a source that cannot be trusted is not used, and says why */
    gate_set(gate, "source", "tls_ca = %s", pem(&scene, "other-ca"));
    gate_restart(gate);
    gate_wait_logged(gate, "certificate");
    ck_assert_msg(strstr(sql_text(gate_admin(gate), "SELECT reason FROM source"), "certificate") != NULL,
                  "%s", sql_text(gate_admin(gate), "SELECT reason FROM source"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_sessions");

    e2e_add(suite, "versions_and_compression", versions_and_compression);
    e2e_add_family(suite, "exchanged", certificates_are_exchanged_under_sessions, FAMILY_MYSQL);
    e2e_add_family(suite, "logged", what_the_log_says, FAMILY_MARIADB);
    return e2e_main(suite);
}
