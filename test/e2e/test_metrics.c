/* The metrics port: figures that are what ackgate and the servers say elsewhere, in a form that Prometheus
 * takes; readiness that follows source, quorum and operator; and an HTTP server that nobody wears down. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test/lib/exposition.h"
#include "test/lib/http.h"
#include "test/lib/place.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static bool has_only_acked(void *arg)
{
    struct topology *t = arg;

    return http_metric(t->gate->metrics_port, "ackgate_replica_lag_bytes{replica=\"r1\"}") == 0 &&
           http_metric(t->gate->metrics_port, "ackgate_replica_lag_bytes{replica=\"r2\"}") == 0;
}

/* Every figure of SHOW STATUS that is a number. */
static void assert_same_as_status(struct gate *gate)
{
    static const struct {
        const char *status, *metric;
    } figures[] = {
        {"Ackgate_confirmed_pos",          "ackgate_confirmed_position_bytes"    },
        {"Ackgate_durable_pos",            "ackgate_durable_position_bytes"      },
        {"Ackgate_received_pos",           "ackgate_received_position_bytes"     },
        {"Ackgate_waiting_transactions",   "ackgate_waiting_transactions"        },
        {"Ackgate_commits_confirmed",      "ackgate_commits_confirmed_total"     },
        {"Ackgate_commits_held",           "ackgate_commits_held_total"          },
        {"Ackgate_commits_unknown",        "ackgate_commits_unknown_total"       },
        {"Ackgate_sessions",               "ackgate_sessions"                    },
        {"Ackgate_replicas_attached",      "ackgate_replicas_attached"           },
        {"Ackgate_store_bytes",            "ackgate_store_bytes"                 },
        {"Ackgate_discarded_transactions", "ackgate_discarded_transactions_total"},
        {"Ackgate_epoch",                  "ackgate_epoch"                       },
    };

    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        double status = strtod(gate_status(gate, figures[i].status), NULL);
        double metric = http_metric(gate->metrics_port, figures[i].metric);
        ck_assert_msg(status == metric, "%s is %f, %s is %f", figures[i].status, status, figures[i].metric,
                      metric);
    }
}

START_TEST(figures)
{
    enum { COMMITS = 5 };
    struct topology *t = topology_start(TEST_FAMILY, "ALL (r1, r2)", 2);
    uint16_t port = t->gate->metrics_port;
    struct sql *app = gate_app(t->gate);

    double before = http_metric(port, "ackgate_commits_confirmed_total");
    sql_exec(app, "CREATE DATABASE d");
    sql_exec(app, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    for (int i = 2; i < COMMITS; i++)
        sql_exec(app, "INSERT INTO d.t VALUES (%d)", i);
    wait_until(has_only_acked, t, WAIT_SECONDS, "all voters to have everything");

    struct http_answer answer = http_get(port, "/metrics");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Type: text/plain; version=0.0.4"));
    exposition_assert_valid(answer.body);
    exposition_assert_has_names_of(answer.body, "conf/prometheus-alerts.yml");
    exposition_assert_has_names_of(answer.body, "conf/grafana-dashboard.json");
    assert_same_as_status(t->gate);

    const struct sql_rows *end = sql_rows(
        server_admin(t->source), t->family == FAMILY_MYSQL ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    ck_assert(http_metric(port, "ackgate_confirmed_position_bytes") == atof(sql_cell(end, 0, "Position")));
    ck_assert(http_metric(port, "ackgate_confirmed_file_number") ==
              atof(strrchr(sql_cell(end, 0, "File"), '.') + 1));
    ck_assert(http_metric(port, "ackgate_commits_confirmed_total") == before + COMMITS);
    ck_assert(http_metric(port, "ackgate_commit_wait_seconds_count") == before + COMMITS);
    ck_assert(http_metric(port, "ackgate_commit_wait_seconds_sum") > 0);
    ck_assert(http_metric(port, "ackgate_replica_ack_latency_seconds_count{replica=\"r2\"}") >= COMMITS);
    ck_assert(http_metric(port, "ackgate_fdatasync_seconds_count") >= 1);
    ck_assert(http_metric(port, "ackgate_sessions_in_state{state=\"idle\"}") == 1);
    ck_assert(http_metric(port, "ackgate_replica_state{replica=\"r1\",state=\"streaming\"}") == 1);
    ck_assert(http_metric(port, "ackgate_source_state{state=\"open\"}") == 1);
    ck_assert(http_metric(port, "ackgate_voters") == 2);
}
END_TEST

static const char *expected_reason;

static bool is_not_ready(void *arg)
{
    struct gate *gate = arg;
    struct http_answer answer = http_get(gate->metrics_port, "/readyz");

    return answer.status == 503 && strncmp(answer.body, expected_reason, strlen(expected_reason)) == 0;
}

static bool is_ready(void *arg)
{
    struct gate *gate = arg;

    return http_get(gate->metrics_port, "/readyz").status == 200;
}

static void wait_not_ready(struct gate *gate, const char *reason)
{
    expected_reason = reason;
    wait_until(is_not_ready, gate, WAIT_SECONDS, reason);
    ck_assert(http_metric(gate->metrics_port, "ackgate_ready") == 0);
    ck_assert_int_eq(http_get(gate->metrics_port, "/healthz").status, 200);
}

START_TEST(readiness)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct gate *gate = t->gate;

    ck_assert_str_eq(http_get(gate->metrics_port, "/readyz").body, "ready\n");
    ck_assert(http_metric(gate->metrics_port, "ackgate_ready") == 1);
    sql_exec(gate_admin(gate), "PAUSE");
    wait_not_ready(gate, "paused");
    ck_assert(http_metric(gate->metrics_port, "ackgate_paused") == 1);
    sql_exec(gate_admin(gate), "RESUME");
    ck_assert_int_eq(http_get(gate->metrics_port, "/readyz").status, 200);
    replica_stop_receiver(t->replica[0]);
    wait_not_ready(gate, "the quorum rule is not satisfied: ANY 1 (r1), 0 of 1 voters attached\n");
    replica_start_receiver(t->replica[0]);
    wait_until(is_ready, gate, WAIT_SECONDS, "the replica to be back");
    server_kill(t->source);
    wait_not_ready(gate, "the source is ");
    server_start(t->source);
    wait_until(is_ready, gate, WAIT_SECONDS, "the source to be back");
}
END_TEST

static struct gate *gate_without_a_source(void)
{
    struct gate *gate = gate_new(server_new(FAMILY_MARIADB, "never", NULL), "ANY 1 (r1)");

    gate_add_voter(gate, "r1", 11);
    gate_start(gate);
    return gate;
}

START_TEST(requests)
{
    struct gate *gate = gate_without_a_source();
    uint16_t port = gate->metrics_port;
    static char long_request[20000];

    struct http_answer answer = http_get(port, "/healthz");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, "ok\n");
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Length: 3\r\n"));
    ck_assert_ptr_nonnull(strstr(answer.head, "Connection: close\r\n"));
    ck_assert_int_eq(http_get(port, "/readyz").status, 503);
    exposition_assert_valid(http_get(port, "/metrics").body);

    answer = http_ask(port, "HEAD /healthz HTTP/1.1\r\n\r\n");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Length: 3\r\n"));
    ck_assert_uint_eq(answer.length, 0);
    ck_assert_int_eq(http_get(port, "/metrics/").status, 404);
    answer = http_ask(port, "POST /metrics HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    ck_assert_int_eq(answer.status, 405);
    ck_assert_ptr_nonnull(strstr(answer.head, "Allow: GET, HEAD\r\n"));
    ck_assert_int_eq(http_ask(port, "\x16\x03\x01\n\n").status, 400);
    ck_assert_int_eq(http_ask(port, "GET /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n").status,
                     200);
    memset(long_request, 'a', sizeof long_request - 1);
    memcpy(long_request, "GET /", 5);
    ck_assert_int_eq(http_ask(port, long_request).status, 431);
}
END_TEST

/* More clients that never ask than there are places: whoever asks is answered, and they are cut off. */
START_TEST(clients_that_do_not_ask)
{
    enum { CLIENTS = 60 };
    struct gate *gate = gate_without_a_source();
    struct raw_client clients[CLIENTS];

    for (size_t i = 0; i < CLIENTS; i++) {
        raw_open(&clients[i], gate->metrics_port);
        ck_assert(raw_send(&clients[i], "GET /met", 8));
    }
    ck_assert_int_eq(http_get(gate->metrics_port, "/healthz").status, 200);
    for (size_t i = 0; i < CLIENTS; i++) {
        raw_assert_closed(&clients[i]);
        raw_close(&clients[i]);
    }
}
END_TEST

START_TEST(many_requests)
{
    struct gate *gate = gate_without_a_source();
    static const char name[] = "process_resident_memory_bytes";

    for (int i = 0; i < 50; i++)
        (void)http_get(gate->metrics_port, "/metrics");
    double before = http_metric(gate->metrics_port, name);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(http_get(gate->metrics_port, i % 2 ? "/metrics" : "/healthz").status, 200);
    double after = http_metric(gate->metrics_port, name);
    if (!gate_has_sanitizer(gate))
        ck_assert_msg(after < before + 2e6, "resident memory grew from %.0f to %.0f bytes", before, after);
    gate_stop(gate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");

    e2e_add(suite, "figures", figures);
    e2e_add(suite, "readiness", readiness);
    e2e_add_family(suite, "requests", requests, FAMILY_MARIADB);
    e2e_add_family(suite, "clients_that_do_not_ask", clients_that_do_not_ask, FAMILY_MARIADB);
    e2e_add_family(suite, "many_requests", many_requests, FAMILY_MARIADB);
    return e2e_main(suite);
}
