/* Making and copying the template data directories, see server_template.h. */
#include "test/lib/server_template.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/janitor.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

/* Raised whenever what follows changes, so that older templates are left alone. */
#define TEMPLATE_FORMAT 4

static const char *const mysql_setup[] = {
    "SET sql_log_bin = 0",
    "CREATE USER 'root'@'%'",
    "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION",
    "CREATE USER 'app'@'%' IDENTIFIED BY 'app-pw'",
    "GRANT ALL ON *.* TO 'app'@'%' WITH GRANT OPTION",
    "CREATE USER 'repl'@'%' IDENTIFIED BY 'repl-pw'",
    "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'repl'@'%'",
    "CREATE USER 'ackgate'@'%' IDENTIFIED BY 'ackgate-pw'",
    "GRANT REPLICATION SLAVE, REPLICATION CLIENT, SYSTEM_VARIABLES_ADMIN, PROCESS ON *.* TO 'ackgate'@'%'",
    "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
    "INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'",
    "RESET BINARY LOGS AND GTIDS",
    NULL,
};

static const char *const mariadb_setup[] = {
    "SET sql_log_bin = 0",
    "CREATE USER 'root'@'%'",
    "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION",
    "CREATE USER 'app'@'%' IDENTIFIED BY 'app-pw'",
    "GRANT ALL ON *.* TO 'app'@'%' WITH GRANT OPTION",
    "CREATE USER 'repl'@'%' IDENTIFIED BY 'repl-pw'",
    "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'repl'@'%'",
    "CREATE USER 'ackgate'@'%' IDENTIFIED BY 'ackgate-pw'",
    "GRANT REPLICATION SLAVE, BINLOG MONITOR, BINLOG ADMIN, REPLICATION MASTER ADMIN, PROCESS, SUPER ON *.* "
    "TO 'ackgate'@'%'",
    "RESET MASTER",
    NULL,
};

/* mariadb-install-db finds only what is installed: this is what it does. The server's command line follows.
 */
static const char bootstrap[] =
    "share=$0 datadir=$1; shift; mkdir -p $datadir/mysql && { "
    "printf '%s\\n' 'CREATE DATABASE IF NOT EXISTS mysql;' 'USE mysql;' 'SET @auth_root_socket=NULL;' "
    "'SET @skip_auth_anonymous=1;' \"SET @current_hostname='localhost';\"; cd $share; "
    "cat m*_system_tables.sql m*_performance_tables.sql m*_system_tables_data.sql "
    "maria_add_gis_sp_bootstrap.sql; "
    "if [ -e mariadb_sys_schema.sql ]; then cat mariadb_sys_schema.sql; fi; } | "
    "\"$@\" --bootstrap --datadir=$datadir --skip-log-bin";

static void initialise_unpacked(const char *datadir, const char *log)
{
    const char *argv[64] = {"sh", "-c", bootstrap, server_mariadb_share(), datadir};

    (void)server_base_arguments(FAMILY_MARIADB, argv + 5, 50);
    process_must_run_at(HERE, log, argv);
}

static void initialise(enum family family, const char *datadir, const char *log)
{
    const char *argv[48];
    size_t count;

    if (family == FAMILY_MARIADB && server_mariadb_dir()) {
        initialise_unpacked(datadir, log);
        return;
    }
    if (family == FAMILY_MYSQL) {
        count = server_base_arguments(family, argv, 44);
        argv[count++] = "--initialize-insecure";
    } else {
        count = server_program(family, "mariadb-install-db", argv, 44);
        argv[count++] = "--no-defaults";
        argv[count++] = "--auth-root-authentication-method=normal";
        argv[count++] = "--skip-test-db";
        argv[count++] = "--skip-name-resolve";
        argv[count++] = "--force"; /* also where the machine does not know its own name */
        argv[count++] = "--innodb-log-file-size=16M";
        if (geteuid() == 0)
            argv[count++] = "--user=root";
    }
    argv[count++] = place_format("--datadir=%s", datadir);
    argv[count] = NULL;
    process_must_run_at(HERE, log, argv);
}

static bool has_socket(void *arg)
{
    struct sql *conn = sql_try_open(&(struct sql_options){.socket = arg});
    bool works = sql_errno(conn) == 0;

    sql_close(conn);
    return works;
}

static void set_up_accounts(enum family family, const char *datadir, const char *dir, const char *log)
{
    const char *const *statements = family == FAMILY_MYSQL ? mysql_setup : mariadb_setup;
    char *socket = place_format("%s/s", dir);
    const char *argv[48];

    size_t count = server_base_arguments(family, argv, 44);
    argv[count++] = place_format("--datadir=%s", datadir);
    argv[count++] = place_format("--socket=%s", socket);
    argv[count++] = "--skip-networking";
    argv[count++] = "--server-id=1";
    argv[count] = NULL;
    pid_t pid = process_start(argv, log);
    wait_until(has_socket, socket, 60, "the template's server");
    struct sql *conn = sql_open_with(&(struct sql_options){.socket = socket});
    for (size_t i = 0; statements[i]; i++)
        sql_exec(conn, "%s", statements[i]);
    (void)sql_try(conn, "SHUTDOWN");
    sql_close(conn);
    int code = -1;
    ck_assert_msg(process_wait(pid, 60, &code) && code == 0, "the template's server ended with %d, see %s",
                  code, log);
}

/* What each copy has to make for itself: its UUID, its binlog; and what only costs time to copy. */
static const char clean[] = "cd \"$0\" && rm -f auto.cnf binlog.* ibtmp1 tc.log *.pid ib_buffer_pool "
                            "ddl_recovery*.log multi-master.info && rm -rf '#innodb_temp'/*";

static void make_template(enum family family, const char *path)
{
    char dir[108];

    place_make_dir("template", dir, sizeof dir);
    char *log = place_format("%s/log", dir);
    char *made = place_format("%s.new", path);
    janitor_show_log("template", log);
    process_must_run(log, "rm", "-rf", "--", made);
    initialise(family, made, log);
    set_up_accounts(family, made, dir, log);
    process_must_run(log, "sh", "-c", clean, made);
    ck_assert_msg(rename(made, path) == 0, "rename %s: %m", made);
}

static const char *template_path(enum family family)
{
    const char *templates = place_format("%s/templates", server_build_dir());
    char *path =
        place_format("%s/%s-%s-%d", templates, family_name(family), server_version(family), TEMPLATE_FORMAT);

    (void)mkdir(templates, 0755);
    if (access(path, F_OK) == 0)
        return path;
    int fd = open(place_format("%s.lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_msg(fd >= 0 && flock(fd, LOCK_EX) == 0, "lock of %s: %m", path);
    if (access(path, F_OK) != 0)
        make_template(family, path);
    (void)close(fd);
    return path;
}

void server_template_copy(enum family family, const char *datadir, const char *log)
{
    process_must_run(log, "cp", "-r", "--reflink=auto", "--sparse=always", "--", template_path(family),
                     datadir);
}
