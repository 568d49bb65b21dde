/* Where the servers' programs are and how they are run, see server.h.
 *
 * MariaDB comes from the system. MySQL is unpacked beside it and needs newer libraries than the system has,
 * so each of its programs is run through the dynamic loader that was unpacked with it. So are the other
 * releases of MariaDB that `make test-matrix` asks for: MARIADB=10.5, and MARIADB_REPLICA=11.8 for replicas
 * that are newer. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/server.h"
#include "test/lib/server_template.h"

/* Seconds in which a replica gives up a silent connection. A connection that is made while ackgate is being
 * killed can stay open on the replica's side alone; with the default of 60 it would wait longer than a test.
 */
#define NET_TIMEOUT "6"

const char *family_name(enum family family)
{
    return family == FAMILY_MYSQL ? "mysql" : "mariadb";
}

/* $ACKGATE_BUILD, or build/ in the folder the tests are run from, as an absolute path. */
const char *server_build_dir(void)
{
    static char dir[PATH_MAX];
    const char *build = getenv("ACKGATE_BUILD");

    if (!dir[0])
        ck_assert_msg(realpath(build ? build : "build", dir) != NULL,
                      "no folder build/ here: run in the repository");
    return dir;
}

static const char *mysql_dir(void)
{
    static char *dir;

    if (!dir)
        dir = place_format("%s/servers/mysql-9.7", server_build_dir());
    ck_assert_msg(access(dir, F_OK) == 0, "%s is missing: run `make deps`", dir);
    return dir;
}

static bool is_for_replica;

void server_choose(bool is_replica)
{
    is_for_replica = is_replica;
}

const char *server_mariadb_dir(void)
{
    const char *release = getenv("MARIADB"), *newer = getenv("MARIADB_REPLICA");

    if (is_for_replica && newer && *newer)
        release = newer;
    if (!release || !*release)
        return NULL;
    char *dir = place_format("%s/servers/mariadb-%s", server_build_dir(), release);
    ck_assert_msg(access(dir, F_OK) == 0, "%s is missing: run `make test-matrix`", dir);
    return dir;
}

static const char *find_program(const char *dir, const char *name)
{
    static const char *const places[] = {"usr/sbin", "usr/bin", "usr/local/bin"};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = place_format("%s/%s/%s", dir, places[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    ck_abort_msg("%s is not in %s/usr: run `make deps`", name, dir);
}

size_t server_program(enum family family, const char *program, const char **ret_argv, size_t max)
{
    size_t count = 0;

    ck_assert_uint_ge(max, 7);
    if (family == FAMILY_MARIADB && server_mariadb_dir()) {
        const char *dir = server_mariadb_dir();
        if (strcmp(program, "mariadbd") != 0) { /* a client: its library's plugins */
            ret_argv[count++] = "/usr/bin/env";
            ret_argv[count++] =
                place_format("MARIADB_PLUGIN_DIR=%s/usr/lib/x86_64-linux-gnu/libmariadb3/plugin", dir);
        }
        ret_argv[count++] = place_format("%s/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", dir);
        ret_argv[count++] = "--library-path";
        ret_argv[count++] = place_format("%s/usr/lib/x86_64-linux-gnu:%s/lib/x86_64-linux-gnu", dir, dir);
        ret_argv[count++] = find_program(dir, program);
    } else if (family == FAMILY_MYSQL) {
        ret_argv[count++] = place_format("%s/lib64/ld-linux-x86-64.so.2", mysql_dir());
        ret_argv[count++] = "--library-path";
        ret_argv[count++] = place_format("%s/usr/lib/x86_64-linux-gnu", mysql_dir());
        ret_argv[count++] = find_program(mysql_dir(), program);
    } else {
        ret_argv[count++] = find_program("", program);
    }
    ret_argv[count] = NULL;
    return count;
}

const char *server_mariadb_share(void)
{
    char *now = place_format("%s/usr/share/mariadb", server_mariadb_dir());

    return access(now, F_OK) == 0 ? now : place_format("%s/usr/share/mysql", server_mariadb_dir());
}

static size_t mysql_arguments(const char **ret_argv)
{
    const char *dir = mysql_dir();
    size_t count = 0;

    ret_argv[count++] = "--no-defaults";
    ret_argv[count++] = place_format("--lc-messages-dir=%s/usr/share/mysql", dir);
    ret_argv[count++] = place_format("--plugin-dir=%s/usr/lib/mysql/plugin", dir);
    ret_argv[count++] = place_format("--character-sets-dir=%s/usr/share/mysql/charsets", dir);
    ret_argv[count++] = "--secure-file-priv=";
    ret_argv[count++] = "--mysqlx=OFF";
    ret_argv[count++] = "--gtid-mode=ON";
    ret_argv[count++] = "--enforce-gtid-consistency=ON";
    ret_argv[count++] = "--innodb-redo-log-capacity=16M";
    ret_argv[count++] = "--log-replica-updates=ON";
    ret_argv[count++] = "--log-error-verbosity=3";
    ret_argv[count++] = "--loose-replica-net-timeout=" NET_TIMEOUT;
    ret_argv[count++] = "--log-error-suppression-list=MY-010733";
    ret_argv[count++] = "--table-definition-cache=400";
    return count;
}

static size_t mariadb_arguments(const char **ret_argv)
{
    size_t count = 0;

    ret_argv[count++] = "--no-defaults";
    if (server_mariadb_dir()) {
        ret_argv[count++] = place_format("--lc-messages-dir=%s", server_mariadb_share());
        ret_argv[count++] = place_format("--character-sets-dir=%s/charsets", server_mariadb_share());
        ret_argv[count++] = place_format("--plugin-dir=%s/usr/lib/mysql/plugin", server_mariadb_dir());
    }
    ret_argv[count++] = "--innodb-log-file-size=16M";
    ret_argv[count++] = "--log-slave-updates=ON";
    ret_argv[count++] = "--log-warnings=2";
    ret_argv[count++] = "--slave-net-timeout=" NET_TIMEOUT;
    ret_argv[count++] = "--aria-pagecache-buffer-size=8M";
    ret_argv[count++] = "--key-buffer-size=8M";
    ret_argv[count++] = "--character-set-server=utf8mb4";
    return count;
}

size_t server_base_arguments(enum family family, const char **ret_argv, size_t max)
{
    static const char *const common[] = {
        "--skip-name-resolve",
        "--bind-address=127.0.0.1",
        "--innodb-buffer-pool-size=32M",
        "--innodb-log-buffer-size=2M",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-doublewrite=OFF",
        "--performance-schema=OFF",
        "--log-bin=binlog",
        "--relay-log=relay",
        "--binlog-format=ROW",
        "--sync-binlog=1",
        "--max-connections=300",
        "--table-open-cache=400",
    };
    const size_t common_count = sizeof common / sizeof *common;
    size_t count = server_program(family, family == FAMILY_MYSQL ? "mysqld" : "mariadbd", ret_argv, max);

    ck_assert_uint_ge(max, count + 15 + common_count);
    count += family == FAMILY_MYSQL ? mysql_arguments(ret_argv + count) : mariadb_arguments(ret_argv + count);
    for (size_t i = 0; i < common_count; i++)
        ret_argv[count++] = common[i];
    if (geteuid() == 0)
        ret_argv[count++] = "--user=root";
    ret_argv[count] = NULL;
    return count;
}

bool server_has_atomic_ddl(enum family family)
{
    unsigned major = 0, minor = 0;

    server_choose(false);
    ck_assert_int_eq(sscanf(server_version(family), "%u.%u", &major, &minor), 2);
    return family == FAMILY_MYSQL || major > 10 || minor >= 6;
}

const char *server_version(enum family family)
{
    static char versions[3][32];
    bool is_newer = family == FAMILY_MARIADB && is_for_replica && getenv("MARIADB_REPLICA");
    char *version = versions[is_newer ? 2 : family], log[] = "/tmp/ackgate-version-XXXXXX";
    const char *argv[10];

    if (version[0])
        return version;
    int fd = mkstemp(log);
    ck_assert_msg(fd >= 0, "mkstemp: %m");
    (void)close(fd);
    size_t count = server_program(family, family == FAMILY_MYSQL ? "mysqld" : "mariadbd", argv, 7);
    argv[count++] = "--no-defaults";
    argv[count++] = "--version";
    argv[count] = NULL;
    process_must_run_at(HERE, log, argv);
    char *text = place_read_file(log, NULL), *found = strstr(text, "Ver ");
    (void)unlink(log);
    ck_assert_msg(found && sscanf(found, "Ver %31[0-9.]", version) == 1, "no version in: %s", text);
    free(text);
    return version;
}
