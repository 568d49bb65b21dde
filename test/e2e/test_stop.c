/* Planned stops: what SIGTERM lets finish and what it does not; clients that find a pause, not an error,
 * while ackgate is restarted; and an older version that leaves a newer one's files alone. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/xalloc.h"
#include "test/lib/http.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { CLIENTS = 4, OKS_BETWEEN = 40 };

static struct topology *start_with(enum family family, const char *const *gate_lines)
{
    return topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1, r2)", .replicas = 2, .gate_lines = gate_lines});
}

static bool is_gone(unsigned number)
{
    return number == 2006 || number == 2013;
}

static bool is_stopping(void *arg)
{
    struct gate *gate = arg;

    return strncmp(http_get(gate->metrics_port, "/readyz").body, "stopping", 8) == 0;
}

static void begin_stop(struct gate *gate)
{
    ck_assert_int_eq(kill(gate->pid, SIGTERM), 0);
    wait_until(is_stopping, gate, WAIT_SECONDS, "ackgate to be stopping");
}

static bool has_ended(void *arg)
{
    return !gate_is_running(arg);
}

/* ---- SIGTERM ---- */

START_TEST(what_runs_may_finish)
{
    static const char *const lines[] = {"ackgate", "shutdown_timeout = 60s", NULL};
    struct topology *t = start_with(TEST_FAMILY, lines);
    struct sql *idle = gate_app(t->gate), *running = gate_app(t->gate), *waiting = gate_app(t->gate),
               *open = gate_app(t->gate);

    sql_exec(idle, "CREATE DATABASE d");
    sql_exec(idle, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    sql_exec(open, "BEGIN");
    sql_exec(open, "INSERT INTO d.t VALUES (1)");
    for (size_t i = 0; i < 2; i++) {
        replica_wait_caught_up(t->replica[i], t->source);
        replica_stop_receiver(t->replica[i]);
    }
    sql_start(waiting, "INSERT INTO d.t VALUES (2)");
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM waiting", "1");
    sql_start(running, "SELECT SLEEP(2), 'done'");
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM sessions WHERE state = 'running'", "2");

    begin_stop(t->gate);
    struct sql *late =
        sql_try_open(&(struct sql_options){.port = t->gate->app_port, .user = "app", .password = "app-pw"});
    ck_assert_uint_ne(sql_errno(late), 0);
    ck_assert(is_gone(sql_try(idle, "SELECT 1")));

    sql_finish(running);
    ck_assert_str_eq(sql_finished_text(running), "0\tdone");
    ck_assert(is_gone(sql_try(running, "SELECT 1")));
    ck_assert_int_eq(sql_number(open, "SELECT COUNT(*) FROM d.t WHERE id = 1"), 1);
    sql_exec(open, "INSERT INTO d.t VALUES (3)");
    ck_assert(!sql_is_done(waiting));
    replica_start_receiver(t->replica[0]);
    replica_start_receiver(t->replica[1]);
    sql_finish(waiting);
    sql_exec(open, "COMMIT");
    wait_until(has_ended, t->gate, WAIT_SECONDS, "ackgate to end, with nothing left to do");
    ck_assert(is_gone(sql_try(open, "SELECT 1")));

    gate_start(t->gate);
    topology_wait_open(t);
    topology_assert_same_data(t);
    ck_assert_int_eq(sql_number(server_admin(t->source), "SELECT COUNT(*) FROM d.t"), 3);
}
END_TEST

START_TEST(what_does_not_finish_is_cut)
{
    static const char *const lines[] = {"ackgate", "shutdown_timeout = 500ms", NULL};
    struct topology *t = start_with(TEST_FAMILY, lines);
    struct sql *open = gate_app(t->gate);

    sql_exec(open, "CREATE DATABASE d");
    sql_exec(open, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    sql_exec(open, "BEGIN");
    sql_exec(open, "INSERT INTO d.t VALUES (1)");
    gate_stop(t->gate);
    ck_assert(is_gone(sql_try(open, "COMMIT")));
    WAIT_SQL(server_admin(t->source), "SELECT COUNT(*) FROM information_schema.innodb_trx", "0");
    gate_start(t->gate);
    topology_wait_open(t);
    ck_assert_int_eq(sql_number(server_admin(t->source), "SELECT COUNT(*) FROM d.t"), 0);
}
END_TEST

/* ---- clients that find a pause ---- */

struct newcomer {
    pthread_t thread;
    uint16_t port;
    struct sql *conn;
    atomic_bool is_in;
};

static void *run_newcomer(void *arg)
{
    struct newcomer *newcomer = arg;

    newcomer->conn = sql_try_open(&(struct sql_options){
        .port = newcomer->port, .user = "app", .password = "app-pw", .read_timeout_s = 60});
    atomic_store(&newcomer->is_in, true);
    return NULL;
}

static struct newcomer *newcomer_start(uint16_t port)
{
    static struct newcomer newcomers[8];
    static size_t count;

    ck_assert_uint_lt(count, sizeof newcomers / sizeof *newcomers);
    struct newcomer *newcomer = &newcomers[count++];
    newcomer->port = port;
    ck_assert_int_eq(pthread_create(&newcomer->thread, NULL, run_newcomer, newcomer), 0);
    return newcomer;
}

static bool is_in(void *arg)
{
    struct newcomer *newcomer = arg;

    return atomic_load(&newcomer->is_in);
}

static struct sql *newcomer_finish(struct newcomer *newcomer)
{
    wait_until(is_in, newcomer, WAIT_SECONDS, "the new client to get in");
    (void)pthread_join(newcomer->thread, NULL);
    ck_assert_msg(sql_errno(newcomer->conn) == 0, "the new client got %u %s", sql_errno(newcomer->conn),
                  sql_error(newcomer->conn));
    return newcomer->conn;
}

START_TEST(paused)
{
    static const char *const lines[] = {"app", "hold = 200ms", NULL};
    struct topology *t = start_with(TEST_FAMILY, lines);
    struct sql *before = gate_app(t->gate);

    sql_exec(before, "CREATE DATABASE d");
    sql_exec(before, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    sql_exec(gate_admin(t->gate), "PAUSE");
    struct newcomer *newcomer = newcomer_start(t->gate->app_port);
    assert_stays_false(is_in, newcomer, 500, "a new client gets in during a pause");
    sql_exec(before, "INSERT INTO d.t VALUES (1)");
    ck_assert(http_metric(t->gate->metrics_port, "ackgate_sessions_in_state{state=\"held\"}") == 1);
    sql_exec(gate_admin(t->gate), "RESUME");
    sql_exec(newcomer_finish(newcomer), "INSERT INTO d.t VALUES (2)");
}
END_TEST

/* Restarts under load: everybody whose connection ends gets in again at the first attempt, and so does who
 * comes while nothing runs. `port` is where clients connect. */
static void restart_under_load(struct topology *t, uint16_t port)
{
    uint16_t own_port = t->gate->app_port;

    t->gate->app_port = port;
    struct load *load = load_start(t->gate, CLIENTS);
    t->gate->app_port = own_port;
    for (int i = 0; i < 2; i++) {
        load_wait_oks(load, OKS_BETWEEN);
        uint64_t breaks = load_breaks(load);
        gate_stop(t->gate);
        ck_assert_uint_ge(load_breaks(load) - breaks, 1);
        struct newcomer *newcomer = newcomer_start(port);
        assert_stays_false(is_in, newcomer, 200, "a client gets in without ackgate");
        gate_start(t->gate);
        sql_close(newcomer_finish(newcomer));
        load_wait_oks(load, OKS_BETWEEN);
    }
    ck_assert_uint_eq(load_refusals(load), 0);
    load_stop(load);
    topology_wait_open(t);
    topology_assert_same_data(t);
    load_assert_kept(load, t->replica[0]);
}

static bool is_listening(void *arg)
{
    uint16_t *port = arg;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    (void)close(fd);
    return listens;
}

/* The lines of docs/operations.md. */
START_TEST(behind_haproxy)
{
    struct topology *t = start_with(TEST_FAMILY, NULL);
    uint16_t port = place_free_port();
    char dir[108];

    place_make_dir("haproxy", dir, sizeof dir);
    const char *config = place_format("%s/haproxy.cfg", dir), *log = place_format("%s/log", dir);
    place_write_file(config,
                     place_format("defaults\n"
                                  "    mode tcp\n"
                                  "    timeout connect 5s\n"
                                  "    timeout client 1h\n"
                                  "    timeout server 1h\n"
                                  "    retries 30\n"
                                  "listen ackgate\n"
                                  "    bind 127.0.0.1:%u\n"
                                  "    server ackgate 127.0.0.1:%u\n",
                                  port, t->gate->app_port),
                     0644);
    pid_t haproxy = process_start((const char *const[]){"haproxy", "-db", "-f", config, NULL}, log);
    wait_until(is_listening, &port, WAIT_SECONDS, "haproxy to listen");
    restart_under_load(t, port);
    process_kill(haproxy);
}
END_TEST

static int listening_socket(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 100), 0);
    return fd;
}

/* The test keeps the app port's socket, as systemd does with ackgate.socket. */
START_TEST(with_a_socket_that_stays)
{
    struct topology *t = start_with(TEST_FAMILY, NULL);

    gate_stop(t->gate);
    t->gate->app_socket = listening_socket(t->gate->app_port);
    gate_start(t->gate);
    ck_assert(gate_has_logged(t->gate, place_format("127.0.0.1:%u was handed over", t->gate->app_port)));
    topology_wait_open(t);
    restart_under_load(t, t->gate->app_port);

    /* one that nobody listens on is closed */
    gate_stop(t->gate);
    (void)close(t->gate->app_socket);
    t->gate->app_socket = listening_socket(place_free_port());
    gate_start(t->gate);
    ck_assert(gate_has_logged(t->gate, "no `listen` names that address: closed"));
}
END_TEST

/* ---- upgrades ---- */

struct kept_file {
    const char *path;
    char *bytes; /* to be put back */
    size_t size;
};

static void put_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, size, out), size);
    (void)fclose(out);
}

static void assert_refused(struct gate *gate, const struct kept_file *file, const char *newer,
                           size_t newer_size)
{
    size_t size;

    put_bytes(file->path, newer, newer_size);
    ck_assert_int_eq(gate_run(gate, NULL), 2);
    ck_assert(gate_has_logged(gate, "a newer version of ackgate wrote"));
    char *after = place_read_file(file->path, &size);
    ck_assert_uint_eq(size, newer_size);
    ck_assert_mem_eq(after, newer, newer_size);
    free(after);
    put_bytes(file->path, file->bytes, file->size);
}

/* The reflected CRC-32 with this polynomial. */
static uint32_t crc_of(const char *bytes, size_t size, uint32_t polynomial)
{
    uint32_t crc = ~0U;

    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
    }
    return ~crc;
}

/* The newest segment's header, with the format version after ours. */
static void refuse_journal(struct gate *gate)
{
    struct kept_file file = {.path = NULL};
    const char *path = place_format("%s/journal/journal.000001", gate->data_dir);

    for (int number = 2; number < 20; number++) {
        if (access(path, F_OK) == 0)
            file.path = path;
        path = place_format("%s/journal/journal.%06d", gate->data_dir, number);
    }
    ck_assert_ptr_nonnull(file.path);
    file.bytes = place_read_file(file.path, &file.size);
    char *newer = xmalloc(file.size);
    memcpy(newer, file.bytes, file.size);
    newer[8]++;
    uint32_t crc = crc_of(newer, 28, 0x82F63B78U);
    for (int i = 0; i < 4; i++)
        newer[28 + i] = (char)(crc >> 8 * i);
    assert_refused(gate, &file, newer, file.size);
    free(newer);
    free(file.bytes);
}

/* The index's first line, with the format version after ours. */
static void refuse_store(struct gate *gate)
{
    struct kept_file file = {.path = place_format("%s/store/ackgate-store.index", gate->data_dir)};
    const char rest[] = "ackgate-store 2 mysql";

    file.bytes = place_read_file(file.path, &file.size);
    ck_assert_ptr_nonnull(file.bytes);
    const char *newer = place_format("%08x %s\n", crc_of(rest, sizeof rest - 1, 0xEDB88320U), rest);
    assert_refused(gate, &file, newer, strlen(newer));
    free(file.bytes);
}

START_TEST(files_of_a_newer_version)
{
    struct topology *t = start_with(TEST_FAMILY, NULL);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d");
    const char *confirmed = place_format("%s", gate_status(t->gate, "Ackgate_confirmed_gtid"));
    sql_close(app);
    gate_stop(t->gate);
    refuse_journal(t->gate);
    refuse_store(t->gate);
    gate_start(t->gate);
    topology_wait_open(t);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_confirmed_gtid"), confirmed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stop");

    e2e_add(suite, "what_runs_may_finish", what_runs_may_finish);
    e2e_add_family(suite, "what_does_not_finish_is_cut", what_does_not_finish_is_cut, FAMILY_MYSQL);
    e2e_add_family(suite, "paused", paused, FAMILY_MARIADB);
    e2e_add_family(suite, "behind_haproxy", behind_haproxy, FAMILY_MARIADB);
    e2e_add_family(suite, "with_a_socket_that_stays", with_a_socket_that_stays, FAMILY_MYSQL);
    e2e_add_family(suite, "files_of_a_newer_version", files_of_a_newer_version, FAMILY_MARIADB);
    return e2e_main(suite);
}
