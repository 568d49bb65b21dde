/* The ackgate daemon under test: its config file, data directory, ports and log in a directory of its own.
 *
 * Made with the fixture's accounts (server.h): app clients use the source's accounts, replicas repl/repl-pw,
 * the admin port admin/admin-pw. The program is $ACKGATE, or build/ackgate. Ends with the test's process. */
#ifndef ACKGATE_TEST_GATE_H
#define ACKGATE_TEST_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "test/lib/fail.h"
#include "test/lib/server.h"

struct sql;

enum { GATE_LINES_MAX = 64 };

struct gate_line {
    char section[40];
    char text[280];
};

/* Read freely, change through the functions. */
struct gate {
    int netns;        /* the network namespace it lives in (netns.h); 0: the test's own */
    const char *host; /* where others reach it */
    const char *source_host;
    uint16_t source_port;
    uint16_t app_port;
    uint16_t replication_port;
    uint16_t admin_port;
    uint16_t metrics_port;
    pid_t pid;      /* 0 while not running */
    int app_socket; /* handed over at each start; 0: it opens its own */
    char rule[240];
    char dir[108];
    char data_dir[128]; /* does not exist before the first start; holds store and journal */
    char config[128];
    char log[128]; /* stderr of all its runs, one after the other */
    long log_from; /* where in the log the current run begins */
    struct gate_line line[GATE_LINES_MAX];
    size_t line_count;
    struct sql *admin;
    struct gate *next;
};

/* Does not start. rule NULL: no [quorum] section. */
struct gate *gate_new(struct server *source, const char *rule);
/* Adds [replica NAME] with server_id. */
void gate_add_voter(struct gate *gate, const char *name, uint32_t server_id);
void gate_remove_voter(struct gate *gate, const char *name);
/* Adds "key = value" to a section; a later line of the same key replaces an earlier one, a fixture's own too.
 */
void gate_set(struct gate *gate, const char *section, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* tls of a port, with the certificate `name` of a directory (certificate.h). */
void gate_set_tls(struct gate *gate, const char *section, const char *mode, const char *dir,
                  const char *name);

/* Takes it out again; a fixture's own comes back with its default. */
void gate_unset(struct gate *gate, const char *section, const char *key);

/* Writes the config, starts, waits for the log line `ackgate ready`. The halves are for starting several at
 * once. */
#define gate_start(gate) gate_start_at(HERE, gate)
void gate_start_at(struct place where, struct gate *gate);
void gate_launch(struct gate *gate);
#define gate_wait_ready(gate) gate_wait_ready_at(HERE, gate)
void gate_wait_ready_at(struct place where, struct gate *gate);
/* Writes the config and runs to the end, for starts that must fail; returns the exit code. `argument` may be
 * NULL. */
int gate_run(struct gate *gate, const char *argument);
void gate_write_config(struct gate *gate);

/* SIGTERM, waits, asserts exit code 0; SIGKILL; SIGHUP after writing the config again. */
#define gate_stop(gate) gate_stop_at(HERE, gate)
void gate_stop_at(struct place where, struct gate *gate);
void gate_kill(struct gate *gate);
/* The running one keeps what was freed and shadows what it has: nothing can be said about its memory. */
bool gate_has_sanitizer(struct gate *gate);
void gate_reload(struct gate *gate);
#define gate_restart(gate) gate_restart_at(HERE, gate)
void gate_restart_at(struct place where, struct gate *gate);
bool gate_is_running(struct gate *gate);

/* Waits until the source is admitted (Ackgate_source_state = open). */
#define gate_wait_open(gate) gate_wait_open_at(HERE, gate)
void gate_wait_open_at(struct place where, struct gate *gate);
/* Waits until this many replicas are attached. */
#define gate_wait_attached(gate, count) gate_wait_attached_at(HERE, gate, count)
void gate_wait_attached_at(struct place where, struct gate *gate, unsigned count);

/* The admin connection, opened at first use and again after a restart; belongs to the gate. */
#define gate_admin(gate) gate_admin_at(HERE, gate)
struct sql *gate_admin_at(struct place where, struct gate *gate);
/* A new connection to the app port as app/app-pw (gate_app), or as anybody. */
#define gate_app(gate)                    gate_app_as_at(HERE, gate, "app", "app-pw")
#define gate_app_as(gate, user, password) gate_app_as_at(HERE, gate, user, password)
struct sql *gate_app_as_at(struct place where, struct gate *gate, const char *user, const char *password);
/* One value of SHOW STATUS by its full name, NULL if there is none. */
#define gate_status(gate, name) gate_status_at(HERE, gate, name)
const char *gate_status_at(struct place where, struct gate *gate, const char *name);

/* Peak of resident memory so far (VmHWM), in bytes. */
uint64_t gate_rss_peak_bytes(struct gate *gate);
/* True if the current run has logged the text. */
bool gate_has_logged(struct gate *gate, const char *text);
#define gate_wait_logged(gate, text) gate_wait_logged_at(HERE, gate, text)
void gate_wait_logged_at(struct place where, struct gate *gate, const char *text);

#endif
