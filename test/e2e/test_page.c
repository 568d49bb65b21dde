/* The status page: its figures are those of the servers and of the admin port, in JSON that the servers' own
 * parsers take; and it shows them in a browser, on a desk and on a phone, in good times and bad.
 *
 * What needs Chromium or promtool is left out where they are not installed, unless REQUIRE_BROWSER=1 (`make
 * test-page`, which installs both). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/http.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { DESK = 1280, PHONE = 360 };

static char *to_hex(const char *text)
{
    size_t length = strlen(text);
    char *hex = place_format("%*s", (int)(2 * length), "");

    for (size_t i = 0; i < length; i++)
        (void)sprintf(hex + 2 * i, "%02x", (unsigned char)text[i]);
    return hex;
}

/* The value at a path of status.json, read by one of the servers. */
static const char *json_at(struct topology *t, const char *path)
{
    struct http_answer answer = http_get(t->gate->metrics_port, "/status.json");

    ck_assert_int_eq(answer.status, 200);
    ck_assert_ptr_nonnull(strstr(answer.head, "Content-Type: application/json\r\n"));
    return sql_value(
        server_admin(t->replica[0]),
        "SELECT COALESCE(JSON_UNQUOTE(JSON_EXTRACT(CONVERT(X'%s' USING utf8mb4), '%s')), 'none')",
        to_hex(answer.body), path);
}

static void assert_json(struct topology *t, const char *path, const char *expected)
{
    const char *value = json_at(t, path);

    ck_assert_msg(strcmp(value, expected) == 0, "%s is %s, not %s", path, value, expected);
}

static bool has_history(void *arg)
{
    return strcmp(json_at(arg, "$.history.samples[0][0]"), "none") != 0;
}

static void assert_same_as_admin_port(struct topology *t)
{
    static const char *const rows[][2] = {
        {"$.source.confirmed.file", "SELECT confirmed_file FROM source"                                },
        {"$.source.confirmed.pos",  "SELECT confirmed_pos FROM source"                                 },
        {"$.source.confirmed_gtid", "SELECT confirmed_gtid FROM source"                                },
        {"$.source.version",        "SELECT version FROM source"                                       },
        {"$.quorum.rule",           "SELECT rule FROM quorum"                                          },
        {"$.commits_confirmed",     "SELECT value FROM status WHERE name = 'Ackgate_commits_confirmed'"},
        {"$.store_bytes",           "SELECT value FROM status WHERE name = 'Ackgate_store_bytes'"      },
        {"$.replicas[0].name",      "SELECT name FROM replicas ORDER BY name LIMIT 1"                  },
        {"$.replicas[0].host",      "SELECT host FROM replicas WHERE name = 'r1'"                      },
        {"$.replicas[1].acked.pos", "SELECT acked_pos FROM replicas WHERE name = 'r2'"                 },
        {"$.journal[0].type",       "SELECT type FROM journal WHERE type NOT IN ('acks', 'confirm', 'checkpoint') "
                              "ORDER BY seq DESC LIMIT 1"                 },
        {"$.journal[0].detail",
         "SELECT detail FROM journal WHERE type NOT IN ('acks', 'confirm', 'checkpoint') "
         "ORDER BY seq DESC LIMIT 1"                                                                   },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_json(t, rows[i][0], sql_value(gate_admin(t->gate), "%s", rows[i][1]));
}

START_TEST(figures)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d");
    sql_exec(app, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    topology_assert_same_data(t);
    wait_until(has_history, t, WAIT_SECONDS, "a sample");
    assert_json(t, "$.ready", "true");
    assert_json(t, "$.source.state", "open");
    assert_json(t, "$.source.port", place_format("%u", t->source->port));
    assert_json(t, "$.replicas[1].server_id", place_format("%u", t->replica[1]->server_id));
    assert_json(t, "$.sessions.idle", "1");
    assert_json(t, "$.history.voters[1]", "r2");
    assert_json(t, "$.waiting[0]", "none");
    assert_same_as_admin_port(t);

    replica_stop_receiver(t->replica[0]);
    replica_stop_receiver(t->replica[1]);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM waiting", "1");
    assert_json(t, "$.ready", "false");
    assert_json(t, "$.quorum.waiting_transactions", "1");
    assert_json(t, "$.waiting[0].gtid", sql_value(gate_admin(t->gate), "SELECT gtid FROM waiting"));
    assert_json(t, "$.waiting[0].missing", "r1, r2");
    assert_json(t, "$.replicas[0].state", "detached");
    ck_assert_int_gt(atoi(json_at(t, "$.replicas[0].lag_bytes")), 0);
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
    assert_json(t, "$.waiting[0]", "none");
}
END_TEST

START_TEST(files)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    static const char *const rows[][2] = {
        {"/",         "text/html"      },
        {"/page.css", "text/css"       },
        {"/page.js",  "text/javascript"},
        {"/icon.svg", "image/svg+xml"  },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_answer answer = http_get(t->gate->metrics_port, rows[i][0]);
        ck_assert_int_eq(answer.status, 200);
        ck_assert_ptr_nonnull(strstr(answer.head, place_format("Content-Type: %s", rows[i][1])));
        ck_assert_ptr_nonnull(strstr(answer.head, "Content-Security-Policy: default-src 'none'; "));
        ck_assert_ptr_nonnull(strstr(answer.head, place_format("Content-Length: %zu\r\n", answer.length)));
    }
}
END_TEST

/* ---- with programs that may be missing ---- */

static bool is_installed(const char *program)
{
    int code = process_run((const char *const[]){"sh", "-c", place_format("command -v %s", program), NULL},
                           "/dev/null");

    if (code != 0 && getenv("REQUIRE_BROWSER"))
        ck_abort_msg("%s is not installed", program);
    if (code != 0)
        (void)fprintf(stderr, "left out: %s is not installed (make test-page installs it)\n", program);
    return code == 0;
}

/* Fails with what the page reads unless the expression becomes true in a window of that width. */
static void assert_shown(struct topology *t, int width, const char *expression)
{
    static char dir[108];
    if (!*dir)
        place_make_dir("page", dir, sizeof dir);
    const char *log = place_format("%s/log", dir);
    int code = process_run((const char *const[]){"python3", "test/page/browse.py",
                                                 place_format("http://127.0.0.1:%u/", t->gate->metrics_port),
                                                 place_format("%d", width), expression, NULL},
                           log);

    ck_assert_msg(code == 0, "%s", place_read_file(log, NULL));
}

/* This in the page's headline, this somewhere in it, and nothing that is wider than the window. */
static void assert_page(struct topology *t, int width, const char *headline, const char *text)
{
    assert_shown(t, width,
                 place_format("document.getElementById('headline-title').textContent.includes('%s') && "
                              "document.body.innerText.includes('%s') && "
                              "document.documentElement.scrollWidth <= window.innerWidth",
                              headline, text));
}

START_TEST(in_a_browser)
{
    if (!is_installed("chromium"))
        return;
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d");
    sql_exec(app, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    assert_page(t, DESK, "Commits are confirmed", "streaming");
    assert_page(t, PHONE, "Commits are confirmed", gate_status(t->gate, "Ackgate_confirmed_gtid"));
    /* it moves by itself, and draws a line through the acks */
    struct load *load = load_start(t->gate, 1);
    assert_shown(t, DESK,
                 "(window.first = window.first || document.body.dataset.shown) && "
                 "window.first !== document.body.dataset.shown && "
                 "document.querySelector('#latency path.s0').getAttribute('d').includes('L')");
    load_stop(load);

    replica_stop_receiver(t->replica[0]);
    assert_page(t, PHONE, "r1 is missing", "detached");
    replica_stop_receiver(t->replica[1]);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM waiting", "1");
    assert_page(t, DESK, "Commits wait", sql_value(gate_admin(t->gate), "SELECT gtid FROM waiting"));
    assert_page(t, PHONE, "Commits wait", "r1 and r2 are missing");
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
    replica_start_receiver(t->replica[1]);
    topology_wait_open(t);
    sql_exec(gate_admin(t->gate), "PAUSE");
    assert_page(t, DESK, "Paused", "RESUME");
    server_kill(t->source);
    assert_page(t, PHONE, "Applications are not admitted", "not admitted");
}
END_TEST

START_TEST(by_promtool)
{
    if (!is_installed("promtool"))
        return;
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    char dir[108];

    place_make_dir("promtool", dir, sizeof dir);
    const char *metrics = place_format("%s/metrics", dir), *log = place_format("%s/log", dir);
    place_write_file(metrics, http_get(t->gate->metrics_port, "/metrics").body, 0644);
    process_must_run(log, "sh", "-c", place_format("promtool check metrics <%s", metrics));
    process_must_run(log, "promtool", "check", "rules", "conf/prometheus-alerts.yml");
    process_must_run(log, "promtool", "test", "rules", "test/page/alerts_test.yml");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");

    e2e_add(suite, "figures", figures);
    e2e_add_family(suite, "files", files, FAMILY_MARIADB);
    e2e_add_family(suite, "in_a_browser", in_a_browser, FAMILY_MYSQL);
    e2e_add_family(suite, "by_promtool", by_promtool, FAMILY_MARIADB);
    return e2e_main(suite);
}
