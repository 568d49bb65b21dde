/* Starting, ending and asking real servers, see server.h. */
#include "test/lib/server.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/xalloc.h"
#include "test/lib/janitor.h"
#include "test/lib/netns.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/server_template.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { PROGRAM_MYSQL = 3, PROGRAM_MARIADB = 0 }; /* where the arguments have the program: server_program() */
/* MySQL waits 60 s at its shutdown for the rest of a transaction whose receiver was stopped in the middle. */
enum { START_SECONDS = 60, END_SECONDS = 100, ARGUMENTS_MAX = 40 + SERVER_OPTIONS_MAX };

/* Reachable to the end, so that what a test leaves is no leak. */
static struct server *servers;

struct server *server_new(enum family family, const char *name, ...)
{
    struct server *server = xcalloc(1, sizeof *server);
    va_list args;

    server->family = family;
    server->server_id = servers ? servers->server_id + 1 : 101;
    server->next = servers;
    servers = server;
    (void)snprintf(server->name, sizeof server->name, "%s", name);
    place_make_dir(server->name, server->dir, sizeof server->dir);
    (void)snprintf(server->datadir, sizeof server->datadir, "%s/data", server->dir);
    (void)snprintf(server->socket, sizeof server->socket, "%s/s", server->dir);
    (void)snprintf(server->error_log, sizeof server->error_log, "%s/error.log", server->dir);
    janitor_show_log(place_format("%s %s", family_name(family), name), server->error_log);
    server_choose(*server->name == 'r');
    server_template_copy(family, server->datadir, server->error_log);
    server->port = place_free_port();
    va_start(args, name);
    for (const char *option; (option = va_arg(args, const char *));)
        server_add_option(server, "%s", option);
    va_end(args);
    return server;
}

void server_add_option(struct server *server, const char *format, ...)
{
    va_list args;
    char *option = NULL;

    va_start(args, format);
    if (vasprintf(&option, format, args) < 0)
        abort();
    va_end(args);
    ck_assert_uint_lt(server->option_count, SERVER_OPTIONS_MAX);
    server->options[server->option_count++] = option;
}

void server_add_certificates(struct server *server, const char *dir)
{
    server_add_option(server, "--ssl-ca=%s/ca.pem", dir);
    server_add_option(server, "--ssl-cert=%s/server.pem", dir);
    server_add_option(server, "--ssl-key=%s/server-key.pem", dir);
}

size_t server_arguments(const struct server *server, const char **argv, size_t max)
{
    ck_assert_uint_le(ARGUMENTS_MAX, max);
    server_choose(*server->name == 'r');
    size_t count = server_base_arguments(server->family, argv, max - SERVER_OPTIONS_MAX);
    if (server->program[0])
        argv[server->family == FAMILY_MYSQL ? PROGRAM_MYSQL : PROGRAM_MARIADB] = server->program;
    argv[count++] = place_format("--datadir=%s", server->datadir);
    argv[count++] = place_format("--socket=%s", server->socket);
    argv[count++] = place_format("--pid-file=%s/pid", server->dir);
    argv[count++] = place_format("--tmpdir=%s", server->dir);
    argv[count++] = place_format("--port=%u", server->port);
    argv[count++] = place_format("--server-id=%u", server->server_id);
    for (size_t i = 0; i < server->option_count; i++)
        argv[count++] = server->options[i];
    argv[count] = NULL;
    return count;
}

void server_launch(struct server *server)
{
    const char *argv[ARGUMENTS_MAX];

    ck_assert_msg(server->pid == 0, "%s is running already", server->name);
    (void)server_arguments(server, argv, ARGUMENTS_MAX);
    netns_enter(server->netns);
    server->pid = process_start(argv, server->error_log);
    netns_leave();
}

/* Ready, or ended. */
static bool has_come_up(void *arg)
{
    struct server *server = arg;

    if (!server_is_running(server))
        return true;
    netns_enter(server->netns);
    struct sql *conn = sql_try_open(&(struct sql_options){.port = server->port});
    netns_leave();
    if (sql_errno(conn)) {
        sql_close(conn);
        return false;
    }
    server->admin = conn;
    return true;
}

void server_wait_ready_at(struct place where, struct server *server)
{
    bool is_up = wait_for(has_come_up, server, START_SECONDS);

    if (!is_up || server->pid == 0)
        fail_at(where, "%s %s: see the end of its error log", server->name,
                is_up ? "did not start" : "hangs at start");
}

void server_start_at(struct place where, struct server *server)
{
    server_launch(server);
    server_wait_ready_at(where, server);
}

static void close_admin(struct server *server)
{
    sql_close(server->admin);
    server->admin = NULL;
}

static void forget_run(struct server *server)
{
    server->pid = 0;
    close_admin(server);
}

bool server_is_running(struct server *server)
{
    if (server->pid && process_has_ended(server->pid, NULL))
        forget_run(server);
    return server->pid != 0;
}

void server_terminate(struct server *server)
{
    ck_assert_msg(server_is_running(server), "%s is not running", server->name);
    /* MySQL gives each session that is still open two seconds */
    close_admin(server);
    (void)kill(server->pid, SIGTERM);
}

void server_wait_end_at(struct place where, struct server *server)
{
    int code = 0;

    if (server->pid == 0)
        return;
    if (!process_wait(server->pid, END_SECONDS, &code))
        fail_at(where, "%s does not end after SIGTERM", server->name);
    forget_run(server);
    if (code != 0)
        fail_at(where, "%s ended with %d", server->name, code);
}

void server_stop_at(struct place where, struct server *server)
{
    server_terminate(server);
    server_wait_end_at(where, server);
}

void server_kill(struct server *server)
{
    if (!server_is_running(server))
        return;
    process_kill(server->pid);
    forget_run(server);
}

void server_restart_at(struct place where, struct server *server)
{
    server_stop_at(where, server);
    server_start_at(where, server);
}

void server_freeze(struct server *server)
{
    (void)kill(server->pid, SIGSTOP);
}

void server_thaw(struct server *server)
{
    (void)kill(server->pid, SIGCONT);
}

struct sql *server_admin_at(struct place where, struct server *server)
{
    if (!server->admin)
        server->admin = server_open_at(where, server, "root", NULL);
    return server->admin;
}

struct sql *server_open_at(struct place where, struct server *server, const char *user, const char *password)
{
    netns_enter(server->netns);
    struct sql *conn =
        sql_open_at(where, &(struct sql_options){.port = server->port, .user = user, .password = password});
    netns_leave();
    return conn;
}

static void remove_newlines(char *text)
{
    char *to = text;

    for (; *text; text++)
        if (*text != '\n')
            *to++ = *text;
    *to = '\0';
}

const char *server_gtids_at(struct place where, struct server *server)
{
    const char *value = sql_value_at(where, server_admin_at(where, server), "SELECT @@GLOBAL.%s",
                                     server->family == FAMILY_MYSQL ? "gtid_executed" : "gtid_binlog_pos");
    char *gtids = place_format("%s", value ? value : "");

    remove_newlines(gtids);
    return gtids;
}

const char *server_status_at(struct place where, struct server *server, const char *name)
{
    static const char *const kinds[] = {"STATUS", "VARIABLES"};
    struct sql *admin = server_admin_at(where, server);

    for (size_t i = 0; i < 2; i++) {
        const struct sql_rows *rows = sql_rows_at(where, admin, "SHOW GLOBAL %s LIKE '%s'", kinds[i], name);
        if (rows->rows > 0)
            return sql_cell(rows, 0, "Value");
    }
    return NULL;
}
