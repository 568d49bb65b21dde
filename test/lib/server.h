/* A real, unmodified MySQL or MariaDB server for a test: its own directory, port and error log, copied from a
 * template that is initialised once per family and version (build/templates).
 *
 * Every server starts with the same empty history: no binlog, no GTIDs, and the accounts
 *     root (no password, any host) · app/app-pw (everything) · repl/repl-pw (a replica) ·
 *     ackgate/ackgate-pw (what ackgate's [source] needs, nothing more).
 * GTIDs, binlog and log_replica_updates are on, the binlog and the redo log are synced at each commit,
 * performance schema and doublewrite are off, buffers tiny; options given come last and so win. Semi-sync is
 * installed, not on.
 *
 * Servers left running end with the test's process, however that ends (janitor.h). */
#ifndef ACKGATE_TEST_SERVER_H
#define ACKGATE_TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "test/lib/fail.h"

struct sql;

enum family {
    FAMILY_MYSQL,
    FAMILY_MARIADB,
};

enum { SERVER_OPTIONS_MAX = 48 };

/* Read freely, change through the functions. */
struct server {
    enum family family;
    char name[24];
    uint32_t server_id; /* unique in the process: 101, 102, … */
    uint16_t port;
    int netns; /* the network namespace it lives in (netns.h); 0: the test's own */
    pid_t pid; /* 0 while not running */
    char dir[108];
    char datadir[128]; /* binlogs are datadir/binlog.NNNNNN, relay logs datadir/relay.NNNNNN */
    char socket[128];
    char error_log[128];
    char program[128]; /* "": the family's own; else the path of a link to it */
    char *options[SERVER_OPTIONS_MAX];
    size_t option_count;
    struct sql *admin;
    struct server *next;
};

const char *family_name(enum family family);

/* Makes the directory, does not start. The options end with NULL: server_new(FAMILY_MYSQL, "r1",
 * "--sync-relay-log=1", NULL) */
struct server *server_new(enum family family, const char *name, ...) __attribute__((sentinel));
/* One more option for the next start. */
void server_add_option(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same: it shows "server" of the usual certificates in a directory (certificate.h) and trusts "ca". */
void server_add_certificates(struct server *server, const char *dir);

/* Starts and waits until it accepts SQL; on failure the error log's tail is printed. */
#define server_start(server) server_start_at(HERE, server)
void server_start_at(struct place where, struct server *server);
/* The two halves of it, for starting several at once. */
void server_launch(struct server *server);
/* The program and all its arguments, NULL-terminated, for starting it through something else; max is at least
 * 96. Returns how many. */
size_t server_arguments(const struct server *server, const char **ret_argv, size_t max);
#define server_wait_ready(server) server_wait_ready_at(HERE, server)
void server_wait_ready_at(struct place where, struct server *server);

/* SIGTERM and wait for the clean end; SIGKILL and reap; stop and start on the same port. */
#define server_stop(server) server_stop_at(HERE, server)
void server_stop_at(struct place where, struct server *server);
void server_kill(struct server *server);
#define server_restart(server) server_restart_at(HERE, server)
void server_restart_at(struct place where, struct server *server);
/* SIGSTOP / SIGCONT: a server that hangs. */
void server_freeze(struct server *server);
void server_thaw(struct server *server);
/* SIGTERM without waiting; server_wait_end() waits for the process and reaps it. */
void server_terminate(struct server *server);
#define server_wait_end(server) server_wait_end_at(HERE, server)
void server_wait_end_at(struct place where, struct server *server);
bool server_is_running(struct server *server);

/* root's connection, opened at first use and again after a restart; belongs to the server. */
#define server_admin(server) server_admin_at(HERE, server)
struct sql *server_admin_at(struct place where, struct server *server);
/* A connection of its own for the caller, over TCP. */
#define server_open(server, user, password) server_open_at(HERE, server, user, password)
struct sql *server_open_at(struct place where, struct server *server, const char *user, const char *password);

/* What it has executed: @@gtid_executed, or MariaDB's @@gtid_binlog_pos; without line breaks. Lives as long
 * as the server runs. */
#define server_gtids(server) server_gtids_at(HERE, server)
const char *server_gtids_at(struct place where, struct server *server);
/* SHOW GLOBAL STATUS / VARIABLES of one name, NULL if there is none. */
#define server_status(server, name) server_status_at(HERE, server, name)
const char *server_status_at(struct place where, struct server *server, const char *name);

/* The server's program with the arguments that run its version (MySQL goes through its own loader), for other
 * programs of the same family: program "mysqld" or "mysqlbinlog"/"mariadb-binlog". Returns the number of
 * arguments put. */
size_t server_program(enum family family, const char *program, const char **ret_argv, size_t max);
const char *server_version(enum family family);
/* False for MariaDB before 10.6: killed in the middle of DDL it may have tables that its binlog has not. */
bool server_has_atomic_ddl(enum family family);

#endif
