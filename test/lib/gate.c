/* Starting, ending and asking the ackgate under test, see gate.h. */
#include "test/lib/gate.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/xalloc.h"
#include "test/lib/janitor.h"
#include "test/lib/netns.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { START_SECONDS = 20, END_SECONDS = 20 };

/* Reachable to the end, so that what a test leaves is no leak. */
static struct gate *gates;

static const char *program(void)
{
    const char *path = getenv("ACKGATE");

    return path && *path ? path : "build/ackgate";
}

void gate_launch(struct gate *gate)
{
    struct stat status;

    ck_assert_msg(gate->pid == 0, "ackgate is running already");
    gate_write_config(gate);
    gate->log_from = stat(gate->log, &status) == 0 ? (long)status.st_size : 0;
    netns_enter(gate->netns);
    gate->pid = process_start_with_socket((const char *const[]){program(), "--config", gate->config, NULL},
                                          gate->log, gate->app_socket > 0 ? gate->app_socket : -1);
    netns_leave();
}

int gate_run(struct gate *gate, const char *argument)
{
    struct stat status;

    gate_write_config(gate);
    gate->log_from = stat(gate->log, &status) == 0 ? (long)status.st_size : 0;
    return process_run((const char *const[]){program(), "--config", gate->config, argument, NULL}, gate->log);
}

static void forget_run(struct gate *gate)
{
    gate->pid = 0;
    sql_close(gate->admin);
    gate->admin = NULL;
}

bool gate_is_running(struct gate *gate)
{
    if (gate->pid && process_has_ended(gate->pid, NULL))
        forget_run(gate);
    return gate->pid != 0;
}

bool gate_has_logged(struct gate *gate, const char *text)
{
    return place_file_has(gate->log, gate->log_from, text);
}

static bool is_ready(void *arg)
{
    return gate_has_logged(arg, "ackgate ready") || !gate_is_running(arg);
}

void gate_wait_ready_at(struct place where, struct gate *gate)
{
    if (!wait_for(is_ready, gate, START_SECONDS))
        fail_at(where, "ackgate does not say that it is ready");
    if (!gate_is_running(gate))
        fail_at(where, "ackgate ended at its start");
}

void gate_start_at(struct place where, struct gate *gate)
{
    gate_launch(gate);
    gate_wait_ready_at(where, gate);
}

void gate_stop_at(struct place where, struct gate *gate)
{
    int code = 0;

    if (!gate_is_running(gate))
        fail_at(where, "ackgate is not running");
    (void)kill(gate->pid, SIGTERM);
    if (!process_wait(gate->pid, END_SECONDS, &code))
        fail_at(where, "ackgate does not end after SIGTERM");
    forget_run(gate);
    if (code != 0)
        fail_at(where, "ackgate ended with %d after SIGTERM", code);
}

void gate_kill(struct gate *gate)
{
    if (!gate_is_running(gate))
        return;
    process_kill(gate->pid);
    forget_run(gate);
}

bool gate_has_sanitizer(struct gate *gate)
{
    const char *maps = place_format("/proc/%d/maps", (int)gate->pid);

    return place_file_has(maps, 0, "/libasan.so") || place_file_has(maps, 0, "/libtsan.so");
}

void gate_reload(struct gate *gate)
{
    gate_write_config(gate);
    (void)kill(gate->pid, SIGHUP);
}

void gate_restart_at(struct place where, struct gate *gate)
{
    gate_stop_at(where, gate);
    gate_start_at(where, gate);
}

static struct sql *open_port(struct place where, struct gate *gate, uint16_t port, const char *user,
                             const char *password)
{
    netns_enter(gate->netns);
    struct sql *conn =
        sql_open_at(where, &(struct sql_options){.port = port, .user = user, .password = password});
    netns_leave();
    return conn;
}

struct sql *gate_admin_at(struct place where, struct gate *gate)
{
    if (!gate->admin)
        gate->admin = open_port(where, gate, gate->admin_port, "admin", "admin-pw");
    return gate->admin;
}

struct sql *gate_app_as_at(struct place where, struct gate *gate, const char *user, const char *password)
{
    return open_port(where, gate, gate->app_port, user, password);
}

const char *gate_status_at(struct place where, struct gate *gate, const char *name)
{
    const struct sql_rows *rows =
        sql_rows_at(where, gate_admin_at(where, gate), "SHOW STATUS LIKE '%s'", name);

    for (size_t i = 0; i < rows->rows; i++)
        if (strcasecmp(rows->cells[i * rows->columns], name) == 0)
            return rows->cells[i * rows->columns + 1];
    return NULL;
}

static void wait_status(struct place where, struct gate *gate, const char *name, const char *expected)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%s\t%s", name, expected);
    wait_sql_at(where, gate_admin_at(where, gate), place_format("SHOW STATUS LIKE '%s'", name), text,
                WAIT_SECONDS);
}

void gate_wait_open_at(struct place where, struct gate *gate)
{
    wait_status(where, gate, "Ackgate_source_state", "open");
}

void gate_wait_attached_at(struct place where, struct gate *gate, unsigned count)
{
    wait_status(where, gate, "Ackgate_replicas_attached", place_format("%u", count));
}

uint64_t gate_rss_peak_bytes(struct gate *gate)
{
    char path[64];
    unsigned long long kib = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)gate->pid);
    char *text = place_read_file(path, NULL);
    const char *line = text ? strstr(text, "VmHWM:") : NULL;
    ck_assert_msg(line && sscanf(line, "VmHWM: %llu kB", &kib) == 1, "no VmHWM in %s", path);
    free(text);
    return kib * 1024;
}

struct log_wait {
    struct gate *gate;
    const char *text;
};

static bool has_logged(void *arg)
{
    struct log_wait *wait = arg;

    return gate_has_logged(wait->gate, wait->text);
}

void gate_wait_logged_at(struct place where, struct gate *gate, const char *text)
{
    struct log_wait wait = {gate, text};

    wait_until_at(where, has_logged, &wait, WAIT_SECONDS, text);
}

struct gate *gate_new(struct server *source, const char *rule)
{
    struct gate *gate = xcalloc(1, sizeof *gate);

    gate->next = gates;
    gates = gate;
    gate->host = "127.0.0.1";
    gate->source_host = "127.0.0.1";
    gate->source_port = source->port;
    gate->app_port = place_free_port();
    gate->replication_port = place_free_port();
    gate->admin_port = place_free_port();
    gate->metrics_port = place_free_port();
    place_make_dir("gate", gate->dir, sizeof gate->dir);
    (void)snprintf(gate->data_dir, sizeof gate->data_dir, "%s/data", gate->dir);
    (void)snprintf(gate->config, sizeof gate->config, "%s/ackgate.cnf", gate->dir);
    (void)snprintf(gate->log, sizeof gate->log, "%s/ackgate.log", gate->dir);
    (void)snprintf(gate->rule, sizeof gate->rule, "%s", rule ? rule : "");
    janitor_show_log("ackgate", gate->log);
    return gate;
}
