/* `make test-clients`: what people use, through the app port, in the clear and with TLS (README.md). Each
 * program does its work and checks what it gets; at the end source and replicas are equal. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/certificate.h"
#include "test/lib/client_program.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/server_template.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum { MEGABYTES = 1024, SECONDS_MAX = 900 };

struct scene {
    struct topology *t;
    struct client_login login;
};

static const char *const mysql_options[] = {"--local-infile=1", "--max-allowed-packet=64M",
                                            "--innodb-redo-log-capacity=1G", "--innodb-buffer-pool-size=256M",
                                            NULL};
static const char *const mariadb_options[] = {"--local-infile=1", "--max-allowed-packet=64M",
                                              "--innodb-log-file-size=1G", "--innodb-buffer-pool-size=256M",
                                              NULL};

/* With TLS: towards the source too. */
static struct scene start(enum family family, bool with_tls)
{
    static char dir[108];
    const char *const *options = family == FAMILY_MYSQL ? mysql_options : mariadb_options;

    place_make_dir("certificates", dir, sizeof dir);
    certificate_make_usual(dir);
    const char *lines[] = {with_tls ? "source" : NULL, "tls = verify_identity", "source",
                           place_format("tls_ca = %s/ca.pem", dir), NULL};
    struct topology *t =
        topology_start_with(&(struct topology_options){.family = family,
                                                       .rule = "ANY 1 (r1, r2)",
                                                       .replicas = 2,
                                                       .source_options = options,
                                                       .replica_options = options,
                                                       .gate_lines = lines,
                                                       .certificates = dir,
                                                       .app_tls = with_tls ? "required" : NULL});
    return (struct scene){
        t,
        {.port = t->gate->app_port,
          .user = "app",
          .password = "app-pw",
          .tls_ca = with_tls ? place_format("%s/ca.pem", dir) : NULL}
    };
}

static void end(struct scene *scene)
{
    for (size_t i = 0; i < scene->t->replica_count; i++)
        replica_wait_caught_up_within(scene->t->replica[i], scene->t->source, SECONDS_MAX);
    topology_assert_same_data(scene->t);
}

/* A connection of the same kind, to look at what a program has done. */
static struct sql *look(struct scene *scene)
{
    return sql_open_with(&(struct sql_options){.port = scene->login.port,
                                               .user = scene->login.user,
                                               .password = scene->login.password,
                                               .tls = scene->login.tls_ca != NULL,
                                               .tls_ca = scene->login.tls_ca});
}

/* ---- the servers' own programs ---- */

/* MariaDB's client logs in to both families; MySQL's has no plugin for MariaDB's accounts. */
static void command_lines(struct scene *scene)
{
    const enum family families[] = {scene->t->family, FAMILY_MARIADB};

    for (int i = 0; i < 2; i++) {
        const char *text = CLIENT_RUN(
            families[i], "", &scene->login, "--batch", "--default-character-set=utf8mb4", "-e",
            "DROP DATABASE IF EXISTS l; CREATE DATABASE l; USE l; "
            "CREATE TABLE t (s MEDIUMTEXT CHARACTER SET utf8mb4); BEGIN; "
            "INSERT INTO t VALUES ('ä 😀'), (REPEAT('y', 10000000)); COMMIT; SELECT HEX(LEFT(s, 3)) FROM t; "
            "SHOW STATUS LIKE 'Ssl_cipher'; SELECT s FROM t");
        ck_assert_ptr_nonnull(strstr(text, "C3A420F09F9880"));
        ck_assert_int_eq(strstr(text, "Ssl_cipher\t\n") == NULL, scene->login.tls_ca != NULL);
        ck_assert_uint_gt(strlen(text), 10000000);
        text = client_program_run(HERE, families[i], "", &scene->login, 1,
                                  (const char *const[]){"-e", "SELECT 1; SELEKT", NULL});
        ck_assert_ptr_nonnull(strstr(text, "ERROR 1064 (42000)"));
    }
}

static void slap(struct scene *scene)
{
    (void)CLIENT_RUN(scene->t->family, "slap", &scene->login, "--auto-generate-sql",
                     "--auto-generate-sql-load-type=mixed", "--auto-generate-sql-add-autoincrement",
                     "--auto-generate-sql-write-number=500", "--concurrency=16", "--number-of-queries=2000",
                     "--no-drop");
    ck_assert_int_gt(sql_number(look(scene), "SELECT COUNT(*) FROM mysqlslap.t1"), 500);
}

/* ---- a gigabyte, there and back ---- */

static const char *const tables[] = {"narrow", "wide", "child"};
enum { TABLES = sizeof tables / sizeof *tables };

static long megabytes(void)
{
    const char *text = getenv("SIZE");

    return text && *text ? strtol(text, NULL, 10) : MEGABYTES;
}

/* Half of it in rows of a KiB, half in rows of a MiB; and one of everything that a dump has. (No generated
 * column: MariaDB's CHECKSUM TABLE is another one each time with those.) */
static void fill(struct sql *app, long size)
{
    sql_exec(
        app,
        "CREATE DATABASE d CHARACTER SET utf8mb4; USE d; "
        "CREATE TABLE narrow (id INT PRIMARY KEY AUTO_INCREMENT, n INT, s VARCHAR(2000), KEY (n)); "
        "CREATE TABLE wide (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB, j JSON); "
        "CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES narrow (id)); "
        "CREATE TABLE k (n INT PRIMARY KEY); "
        "CREATE VIEW v AS SELECT COUNT(*) AS n FROM narrow; "
        "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; "
        "INSERT INTO k WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 512) "
        "SELECT n FROM c");
    /* alone: among others, MySQL would keep the semicolon in the trigger's text, and its dump not be read */
    sql_exec(app, "CREATE TRIGGER tr BEFORE INSERT ON child FOR EACH ROW SET NEW.id = NEW.id + 0");
    for (long i = 0; i < size; i++) {
        sql_exec(app,
                 "INSERT INTO narrow (n, s) SELECT n, CONCAT('ä😀', REPEAT(SHA2(n + %ld, 256), 15)) FROM k",
                 i);
        if (i % 2 == 0)
            sql_exec(
                app,
                "INSERT INTO wide (b, j) SELECT REPEAT(UNHEX(SHA2(%ld, 256)), 32768), JSON_OBJECT('i', %ld)",
                i, i);
    }
    sql_exec(app, "INSERT INTO child SELECT n, id FROM narrow ORDER BY id LIMIT 400");
}

static void dump_and_restore(struct scene *scene)
{
    struct sql *app = look(scene);
    const char *path = place_format("%s/dump.sql", scene->t->gate->dir);
    enum family family = scene->t->family;

    fill(app, megabytes());
    (void)CLIENT_RUN(family, "dump", &scene->login, "--single-transaction", "--routines", "--triggers",
                     "--hex-blob", place_format("--result-file=%s", path), "d");
    sql_exec(app, "CREATE DATABASE e CHARACTER SET utf8mb4");
    (void)CLIENT_RUN(family, "", &scene->login, client_commands(family), "--batch", "-e",
                     place_format("source %s", path), "e");
    for (int i = 0; i < TABLES; i++)
        ck_assert_str_eq(sql_cell(sql_rows(app, "CHECKSUM TABLE e.%s", tables[i]), 0, "Checksum"),
                         sql_cell(sql_rows(app, "CHECKSUM TABLE d.%s", tables[i]), 0, "Checksum"));
    ck_assert_str_eq(sql_text(app, "SELECT n FROM e.v; CALL e.p()"),
                     sql_text(app, "SELECT n FROM d.v; CALL d.p()"));
}

/* ---- sysbench ---- */

/* It takes the authority and a certificate from files of these names, where it is run. */
static const char *sysbench_dir(struct scene *scene)
{
    const char *dir = scene->t->gate->dir;

    certificate_make_usual(dir);
    ck_assert_int_eq(symlink(scene->login.tls_ca, place_format("%s/cacert.pem", dir)), 0);
    ck_assert_int_eq(symlink("client.pem", place_format("%s/client-cert.pem", dir)), 0);
    return dir;
}

static void sysbench(struct scene *scene, const char *dir, const char *mode, const char *command)
{
    const char *text = CLIENT_RUN_OTHER(
        "env", place_format("--chdir=%s", dir), "sysbench", "oltp_read_write", "--db-driver=mysql",
        "--mysql-host=127.0.0.1", place_format("--mysql-port=%u", scene->login.port), "--mysql-user=app",
        "--mysql-password=app-pw", "--mysql-db=sb", "--mysql-ignore-errors=none",
        scene->login.tls_ca ? "--mysql-ssl=on" : "--mysql-ssl=off", "--tables=4", "--table-size=5000",
        "--rand-type=uniform", "--threads=8", "--time=20", place_format("--db-ps-mode=%s", mode), command);

    if (strcmp(command, "run") == 0)
        ck_assert_ptr_nonnull(strstr(text, "ignored errors:                      0 "));
}

static void sysbench_both_ways(struct scene *scene)
{
    const char *dir = scene->login.tls_ca ? sysbench_dir(scene) : "/";

    sql_exec(look(scene), "CREATE DATABASE sb");
    sysbench(scene, dir, "auto", "prepare");
    sysbench(scene, dir, "auto", "run");
    sysbench(scene, dir, "disable", "run");
}

/* ---- what programs are written with: each gets the port and the authority, "" without TLS ---- */

#define RUN_SCRIPT(scene, ...)                                                                               \
    (void)CLIENT_RUN_OTHER(__VA_ARGS__, place_format("%u", (scene)->login.port),                             \
                           (scene)->login.tls_ca ? (scene)->login.tls_ca : "")

static void python(struct scene *scene)
{
    RUN_SCRIPT(scene, "/usr/bin/python3", "test/clients/app.py");
    RUN_SCRIPT(scene, "/usr/bin/python3", "test/clients/orm.py");
}

static void node(struct scene *scene)
{
    const char *modules = place_format("NODE_PATH=%s/npm/node_modules", server_build_dir());

    RUN_SCRIPT(scene, "env", modules, "node", "test/clients/app.js");
    RUN_SCRIPT(scene, "env", modules, "node", "test/clients/builder.js");
}

static void php(struct scene *scene)
{
    RUN_SCRIPT(scene, "php", "-d", "memory_limit=512M", "test/clients/app.php");
}

static void go(struct scene *scene)
{
    RUN_SCRIPT(scene, place_format("%s/clients/app", server_build_dir()));
}

static void java(struct scene *scene)
{
    RUN_SCRIPT(scene, "java", "-cp",
               place_format("%s/clients:/usr/share/java/mariadb-java-client.jar", server_build_dir()), "App");
}

#define BOTH_WAYS(name)                                                                                      \
    START_TEST(name##_in_the_clear)                                                                          \
    {                                                                                                        \
        struct scene scene = start(TEST_FAMILY, false);                                                      \
        name(&scene);                                                                                        \
        end(&scene);                                                                                         \
    }                                                                                                        \
    END_TEST                                                                                                 \
    START_TEST(name##_with_tls)                                                                              \
    {                                                                                                        \
        struct scene scene = start(TEST_FAMILY, true);                                                       \
        name(&scene);                                                                                        \
        end(&scene);                                                                                         \
    }                                                                                                        \
    END_TEST

BOTH_WAYS(command_lines)
BOTH_WAYS(slap)
BOTH_WAYS(dump_and_restore)
BOTH_WAYS(sysbench_both_ways)
BOTH_WAYS(python)
BOTH_WAYS(node)
BOTH_WAYS(php)
BOTH_WAYS(go)
BOTH_WAYS(java)

#define ADD(case_name, name)                                                                                 \
    do {                                                                                                     \
        e2e_add_within(suite, case_name, name##_in_the_clear, SECONDS_MAX);                                  \
        e2e_add_within(suite, case_name "_tls", name##_with_tls, SECONDS_MAX);                               \
    } while (0)

int main(void)
{
    Suite *suite = suite_create("client programs");

    ADD("lines", command_lines);
    ADD("slap", slap);
    ADD("dump", dump_and_restore);
    ADD("sysbench", sysbench_both_ways);
    ADD("python", python);
    ADD("node", node);
    ADD("php", php);
    ADD("go", go);
    ADD("java", java);
    return e2e_main(suite);
}
