/* What an operator reads: the lines of a start, JSON in a file that is moved away, and no flood by peers. */
#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

START_TEST(a_start)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct gate *gate = t->gate;
    sql_exec(gate_app(gate), "CREATE DATABASE d");
    sql_exec(gate_admin(gate), "SET quorum_rule = 'ALL (r1)'");
    WAIT_SQL(gate_admin(gate), "SELECT count(*) FROM waiting", "0");
    const char *confirmed = place_format(
        "%s", sql_text(gate_admin(gate), "SELECT confirmed_file || ' ' || confirmed_pos FROM source"));
    gate_restart(gate);
    const char *const lines[] = {
        "info  ackgate: version ",
        place_format(", config %s\n", gate->config),
        place_format("info  app: listening on 127.0.0.1:%u\n", gate->app_port),
        place_format("info  replication port: listening on 127.0.0.1:%u\n", gate->replication_port),
        place_format("info  admin: listening on 127.0.0.1:%u\n", gate->admin_port),
        place_format("info  metrics: listening on 127.0.0.1:%u\n", gate->metrics_port),
        "warn  quorum: the rule in force was set by an operator and is not the config file's, which is ANY 1 "
        "(r1)",
        place_format("info  quorum: rule ALL (r1); confirmed up to %s, 0 transactions wait\n", confirmed),
        "info  ackgate: ackgate ready\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ck_assert_msg(gate_has_logged(gate, lines[i]), "this is missing: %s", lines[i]);
    gate_wait_logged(gate, "info  replica r1: attached from 127.0.0.1:");
    gate_wait_logged(gate, "info  source: open: ");
}
END_TEST

/* Every line of the file is an object with the four members, and one of them is this. */
static void assert_json(struct topology *t, const char *file, const char *object, const char *message)
{
    static const char script[] =
        "import json, sys\n"
        "lines = [json.loads(line) for line in open(sys.argv[1])]\n"
        "assert all(sorted(line) == ['level', 'message', 'object', 'time'] for line in lines), lines\n"
        "assert any(line['object'].startswith(sys.argv[2]) and sys.argv[3] in line['message'] for line in "
        "lines), lines\n";
    process_must_run(place_format("%s/json.log", t->gate->dir), "/usr/bin/python3", "-c", script, file,
                     object, message);
}

static bool is_there(void *file)
{
    return access(file, F_OK) == 0;
}

START_TEST(json_in_a_file_that_is_moved)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct gate *gate = t->gate;
    const char *moved = place_format("%s/ackgate.json.1", gate->dir);
    char *file = place_format("%s/ackgate.json", gate->dir);
    gate_set(gate, "ackgate", "log_file = %s", file);
    gate_set(gate, "ackgate", "log_format = json");
    gate_write_config(gate);
    sql_exec(gate_admin(gate), "RELOAD");
    struct sql *app = gate_app(gate);
    sql_exec(gate_admin(gate), "KILL %llu", (unsigned long long)sql_thread_id(app));
    assert_json(t, file, "admin 40265318", "KILL ");
    assert_json(t, file, "config", "applied ackgate.log_file, ackgate.log_format");
    ck_assert_int_eq(rename(file, moved), 0);
    ck_assert_int_eq(kill(gate->pid, SIGUSR1), 0);
    wait_until(is_there, file, WAIT_SECONDS, "the log file to be made again");
    sql_exec(gate_admin(gate), "PAUSE");
    assert_json(t, file, "app", "paused");
    assert_json(t, moved, "admin 40265318", "KILL ");
    ck_assert_int_eq(rename(file, moved), 0);
    sql_exec(gate_admin(gate), "FLUSH LOGS");
    sql_exec(gate_admin(gate), "RESUME");
    assert_json(t, file, "app", "resumed");
    assert_json(t, moved, "app", "paused");
    /* and back to where it was at the start */
    gate_set(gate, "ackgate", "log_file =");
    gate_set(gate, "ackgate", "log_format = text");
    gate_write_config(gate);
    sql_exec(gate_admin(gate), "RELOAD");
    gate_wait_logged(gate, "info  config: read ");
}
END_TEST

/* A client that talks before the greeting is told of once; a thousand of them are not told of a thousand
 * times. */
START_TEST(a_flood)
{
    enum { TIMES = 300 };
    static const char *const lines[] = {"ackgate", "threads = 1", NULL};
    const struct topology_options with = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    struct topology *t = topology_start_with(&with);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(t->gate->app_port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    sql_exec(gate_admin(t->gate), "PAUSE");
    for (int i = 0; i < TIMES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        char byte;
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
        ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
        close(fd);
    }
    char *text = place_read_file(t->gate->log, NULL);
    int count = 0;
    for (const char *at = text; (at = strstr(at, "before the server's greeting")) != NULL; at++)
        count++;
    free(text);
    ck_assert_int_ge(count, 1);
    ck_assert_int_lt(count, TIMES / 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("logs");
    e2e_add_family(suite, "start", a_start, FAMILY_MARIADB);
    e2e_add_family(suite, "json", json_in_a_file_that_is_moved, FAMILY_MARIADB);
    e2e_add_family(suite, "flood", a_flood, FAMILY_MARIADB);
    return e2e_main(suite);
}
