/* TLS on ackgate's own ports: what each mode lets in, what the log says about those it does not, certificates
 * that are exchanged while sessions go on, and ackgate-recover over it. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/certificate.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/scene.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { ERROR_INSECURE = 3159, ERROR_TLS_OF_CLIENT = 2026 };

/* An ackgate whose source is down, for what needs none. */
struct scene_tls {
    struct server *source;
    struct gate *gate;
    const char *dir; /* of the certificates */
};

static const char *pem(const struct scene_tls *scene, const char *name)
{
    return place_format("%s/%s.pem", scene->dir, name);
}

static struct scene_tls new_scene(enum family family)
{
    static char dir[108];
    struct scene_tls scene = {.source = server_new(family, "source", NULL), .dir = dir};

    scene.gate = gate_new(scene.source, "ANY 1 (r1)");
    gate_add_voter(scene.gate, "r1", 4711);
    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    return scene;
}

static struct sql_options admin_options(const struct scene_tls *scene, bool tls, const char *ca)
{
    return (struct sql_options){.port = scene->gate->admin_port,
                                .user = "admin",
                                .password = "admin-pw",
                                .tls = tls,
                                .tls_ca = ca ? pem(scene, ca) : NULL};
}

static unsigned try_admin(const struct scene_tls *scene, bool tls, const char *ca)
{
    struct sql_options options = admin_options(scene, tls, ca);
    struct sql *admin = sql_try_open(&options);
    unsigned number = sql_errno(admin);

    if (number == 0)
        ck_assert_int_eq(sql_number(admin, "SELECT count(*) FROM quorum"), 1);
    if (number == 0)
        ck_assert_int_eq(sql_tls_cipher(admin)[0] != '\0', tls);
    sql_close(admin);
    return number;
}

START_TEST(admin_port_in_each_mode)
{
    struct scene_tls scene = new_scene(TEST_FAMILY);

    gate_start(scene.gate);
    ck_assert_uint_eq(try_admin(&scene, false, NULL), 0);
    ck_assert_uint_eq(try_admin(&scene, true, "ca"), ERROR_TLS_OF_CLIENT);
    gate_stop(scene.gate);

    gate_set_tls(scene.gate, "admin", "preferred", scene.dir, "server");
    gate_start(scene.gate);
    ck_assert_uint_eq(try_admin(&scene, false, NULL), 0);
    ck_assert_uint_eq(try_admin(&scene, true, "ca"), 0);
    ck_assert_uint_eq(try_admin(&scene, true, "other-ca"), ERROR_TLS_OF_CLIENT);
    gate_wait_logged(scene.gate, "TLS handshake with 127.0.0.1:");
    gate_stop(scene.gate);

    gate_set_tls(scene.gate, "admin", "required", scene.dir, "server");
    gate_start(scene.gate);
    ck_assert_uint_eq(try_admin(&scene, false, NULL), ERROR_INSECURE);
    gate_wait_logged(scene.gate, "it came without TLS, and tls = required");
    ck_assert_uint_eq(try_admin(&scene, true, "ca"), 0);
}
END_TEST

START_TEST(certificates_are_exchanged_under_sessions)
{
    struct scene_tls scene = new_scene(TEST_FAMILY);
    const struct certificate_order another = {scene.dir, "server", "server", "IP:127.0.0.1", "other-ca"};
    const char *garbage = pem(&scene, "server");

    gate_set_tls(scene.gate, "admin", "required", scene.dir, "server");
    gate_start(scene.gate);
    struct sql_options options = admin_options(&scene, true, "ca");
    struct sql *before = sql_open_with(&options);
    certificate_make(&another);
    gate_reload(scene.gate);
    gate_wait_logged(scene.gate, "certificates read again");
    ck_assert_uint_eq(try_admin(&scene, true, "ca"), ERROR_TLS_OF_CLIENT);
    ck_assert_uint_eq(try_admin(&scene, true, "other-ca"), 0);
    /* what cannot be used changes nothing */
    place_write_file(garbage, "not a certificate\n", 0600);
    ck_assert_ptr_nonnull(strstr(sql_try(before, "RELOAD") == 0 ? "" : sql_error(before), "server.pem"));
    ck_assert_uint_eq(try_admin(&scene, true, "other-ca"), 0);
    ck_assert_int_eq(sql_number(before, "SELECT count(*) FROM quorum"), 1);
}
END_TEST

/* The problems of --check, each of which a start would have too. */
START_TEST(check_names_the_file)
{
    struct scene_tls scene = new_scene(TEST_FAMILY);

    gate_set(scene.gate, "admin", "tls = preferred");
    ck_assert_int_eq(gate_run(scene.gate, "--check"), 1);
    ck_assert(
        place_file_has(scene.gate->log, 0, "[admin] tls is on, so this port needs tls_cert and tls_key"));
    gate_set_tls(scene.gate, "admin", "preferred", scene.dir, "server");
    gate_set(scene.gate, "admin", "tls_key = %s", pem(&scene, "client-key"));
    ck_assert_int_eq(gate_run(scene.gate, "--check"), 1);
    ck_assert(place_file_has(scene.gate->log, 0, "client-key.pem is not the key of tls_cert"));
    gate_set(scene.gate, "admin", "tls_key = %s", pem(&scene, "server-key"));
    ck_assert_int_eq(gate_run(scene.gate, "--check"), 0);
}
END_TEST

static int recover(struct scene_tls *scene, const char *mode, const char *ca, const char *host)
{
    return recover_run(scene->gate, scene->source, "check",
                       place_format("--proxy=%s:%u", host, scene->gate->admin_port), "--timeout=3s", "--tls",
                       mode, ca ? "--tls-ca" : NULL, ca ? pem(scene, ca) : NULL, NULL);
}

START_TEST(recover_over_tls)
{
    struct scene_tls scene = new_scene(TEST_FAMILY);
    const char *config = place_format("%s/recover.cnf", scene.dir);

    server_start(scene.source);
    sql_exec(server_admin(scene.source), "CREATE DATABASE d");
    server_kill(scene.source);
    gate_set_tls(scene.gate, "admin", "required", scene.dir, "server");
    gate_set(scene.gate, "admin", "tls_ca = %s", pem(&scene, "ca"));
    gate_start(scene.gate);
    ck_assert_int_eq(recover(&scene, "disabled", NULL, "127.0.0.1"), 3);
    ck_assert_msg(strstr(recover_output(), "insecure transport") != NULL, "%s", recover_output());
    ck_assert_int_eq(recover(&scene, "preferred", NULL, "127.0.0.1"), 0);
    ck_assert_int_eq(recover(&scene, "required", NULL, "127.0.0.1"), 0);
    ck_assert_int_eq(recover(&scene, "verify_ca", "ca", "127.0.0.1"), 0);
    ck_assert_int_eq(recover(&scene, "verify_ca", "other-ca", "127.0.0.1"), 3);
    ck_assert_int_eq(recover(&scene, "verify_identity", "ca", "127.0.0.1"), 0);
    ck_assert_int_eq(recover(&scene, "verify_identity", NULL, "127.0.0.1"), 1);
    place_write_file(
        config,
        place_format("[recover]\ntls = verify_identity\ntls_ca = %s\ntls_cert = %s\ntls_key = %s\n",
                     pem(&scene, "ca"), pem(&scene, "client"), pem(&scene, "client-key")),
        0600);
    ck_assert_int_eq(recover_run(scene.gate, scene.source, "check", "--config", config, NULL), 0);
    /* a certificate for another host */
    certificate_make(
        &(struct certificate_order){scene.dir, "server", "server", "DNS:elsewhere.example", "ca"});
    gate_reload(scene.gate);
    gate_wait_logged(scene.gate, "certificates read again");
    ck_assert_int_eq(recover(&scene, "verify_ca", "ca", "127.0.0.1"), 0);
    ck_assert_int_eq(recover(&scene, "verify_identity", "ca", "127.0.0.1"), 3);
}
END_TEST

/* ---- the replication port ---- */

/* name NULL: without TLS */
static void attach_with(struct scene_tls *scene, struct server *replica, const char *name)
{
    bool is_mysql = replica->family == FAMILY_MYSQL;
    const char *p = is_mysql ? "SOURCE" : "MASTER";
    struct sql *admin = server_admin(replica);

    sql_exec(admin, is_mysql ? "STOP REPLICA" : "STOP SLAVE");
    if (name)
        sql_exec(admin,
                 "CHANGE %s TO %s_SSL=1, %s_SSL_CA='%s', %s_SSL_CERT='%s', %s_SSL_KEY='%s', "
                 "%s_SSL_VERIFY_SERVER_CERT=1",
                 is_mysql ? "REPLICATION SOURCE" : "MASTER", p, p, pem(scene, "ca"), p, pem(scene, name), p,
                 pem(scene, place_format("%s-key", name)), p);
    sql_exec(admin, is_mysql ? "START REPLICA" : "START SLAVE");
}

/* A voter has to come with TLS and with its own certificate. */
START_TEST(replicas_with_certificates)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct scene_tls scene = {t->source, t->gate, t->gate->dir};

    certificate_make_usual(scene.dir);
    certificate_make(&(struct certificate_order){scene.dir, "r1", "r1", NULL, "ca"});
    gate_set_tls(scene.gate, "replication", "required", scene.dir, "server");
    gate_set(scene.gate, "replication", "tls_ca = %s", pem(&scene, "ca"));
    gate_set(scene.gate, "replica r1", "tls_subject = CN=r1,O=ackgate test");
    gate_restart(scene.gate);
    gate_wait_logged(scene.gate, "it came without TLS, and tls = required");
    attach_with(&scene, t->replica[0], "client");
    gate_wait_logged(scene.gate, "does not show the certificate that [replica r1] tls_subject asks for");
    attach_with(&scene, t->replica[0], "r1");
    topology_wait_open(t);
    sql_exec(gate_app(scene.gate), "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v LONGTEXT); "
                                   "INSERT INTO d.t VALUES (1, REPEAT('x', 500000)), (2, 'y')");
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls");

    e2e_add_family(suite, "admin_port_in_each_mode", admin_port_in_each_mode, FAMILY_MARIADB);
    e2e_add_family(suite, "certificates_are_exchanged_under_sessions",
                   certificates_are_exchanged_under_sessions, FAMILY_MARIADB);
    e2e_add_family(suite, "check_names_the_file", check_names_the_file, FAMILY_MARIADB);
    e2e_add(suite, "recover_over_tls", recover_over_tls);
    e2e_add(suite, "replicas_with_certificates", replicas_with_certificates);
    return e2e_main(suite);
}
