/* layer: proxy
 *
 * What an operator says to the admin port and what comes back: real queries, SHOW, SET, commands, what
 * clients say by themselves, and what is refused. The pipeline behind it is this file's own.
 */
#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/xalloc.h"
#include "proxy/admin_statement.h"
#include "proxy/admin_tables.h"
#include "proxy/recover_source.h"
#include "proxy/runtime.h"
#include "recovery/journal_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a pipeline that shows always the same, and remembers what it was told ---- */

static struct config *config;
static struct journal_ring ring;
static char told[256];

struct tls_contexts *pipeline_tls(struct pipeline *pipeline)
{
    (void)pipeline;
    static struct tls_contexts none;
    return &none;
}

const struct config *pipeline_config(const struct pipeline *pipeline)
{
    (void)pipeline;
    return config;
}

const struct store *pipeline_store(const struct pipeline *pipeline)
{
    (void)pipeline;
    return NULL;
}

const struct journal_ring *pipeline_journal(const struct pipeline *pipeline)
{
    (void)pipeline;
    return &ring;
}

void pipeline_view_source(struct pipeline *pipeline, struct view_source *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_source){
        .host = "10.0.0.1",
        .port = 3306,
        .state = "open",
        .confirmed = {"binlog.000002", UINT64_C(5000000000)},
        .confirmed_gtid = "uuid:17"
    };
}

size_t pipeline_view_replicas(struct pipeline *pipeline, struct view_replica *ret_views, size_t max)
{
    (void)pipeline;
    ck_assert_uint_ge(max, 2);
    ret_views[0] = (struct view_replica){
        .name = "r1", .is_voter = true, .state = "streaming", .ack_p50_us = 1500, .connection_id = 5};
    ret_views[1] =
        (struct view_replica){.name = "r2", .is_voter = true, .state = "detached", .lag_bytes = 77};
    return 2;
}

void pipeline_view_quorum(struct pipeline *pipeline, struct view_quorum *ret_view)
{
    (void)pipeline;
    *ret_view =
        (struct view_quorum){.rule = "ANY 1 (r1, r2)", .is_satisfied = true, .voters = 2, .attached = 1};
}

struct view_waiting_list *pipeline_view_waiting(struct pipeline *pipeline, size_t max)
{
    (void)pipeline;
    (void)max;
    struct view_waiting_list *list = xcalloc(1, sizeof(*list) + sizeof(list->items[0]));
    strcpy(list->base, "binlog");
    strcpy(list->voters[1].name, "r2");
    list->count = 1;
    list->items[0] = (struct view_waiting_item){
        .gtid = gtid_of_mariadb(0, 1, 18), .end = {2, 99},
               .missing = 2
    };
    return list;
}

size_t pipeline_view_sessions_max(struct pipeline *pipeline)
{
    (void)pipeline;
    return 500;
}

size_t pipeline_view_sessions(struct pipeline *pipeline, struct view_session *ret_views, size_t max)
{
    (void)pipeline;
    size_t count = max < 500 ? max : 500;
    for (size_t i = 0; i < count; i++)
        ret_views[i] = (struct view_session){
            .id = i + 1, .user = "app", .client = "10.0.0.9:1", .command = "Query", .state = "idle"};
    return count;
}

void pipeline_view_counters(struct pipeline *pipeline, struct view_counters *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_counters){.commits_confirmed = 42, .sessions = 500, .uptime_ms = 61000};
}

void pipeline_view_commit_wait(struct pipeline *pipeline, struct view_histogram *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_histogram){.total_us = 0};
}

enum result pipeline_set_quorum_rule(struct pipeline *pipeline, const char *rule, char *ret_error,
                                     size_t error_max)
{
    (void)pipeline;
    if (strstr(rule, "r9") != NULL) {
        snprintf(ret_error, error_max, "quorum rule: r9 is no replica");
        return RESULT_MALFORMED;
    }
    snprintf(told, sizeof(told), "rule %s", rule);
    return RESULT_OK;
}

void pipeline_reconfigure(struct pipeline *pipeline)
{
    (void)pipeline;
    snprintf(told, sizeof(told), "commit_wait %llu, hold %llu",
             (unsigned long long)config->app.commit_wait_ms, (unsigned long long)config->app.hold_ms);
}

void pipeline_set_paused(struct pipeline *pipeline, bool is_paused)
{
    (void)pipeline;
    snprintf(told, sizeof(told), "paused %d", is_paused);
}

enum result pipeline_kill(struct pipeline *pipeline, uint64_t connection_id)
{
    (void)pipeline;
    snprintf(told, sizeof(told), "kill %llu", (unsigned long long)connection_id);
    return connection_id == 5 ? RESULT_OK : RESULT_NOT_FOUND;
}

enum result pipeline_purge_to(struct pipeline *pipeline, const char *file, char *ret_error, size_t error_max)
{
    (void)pipeline;
    snprintf(told, sizeof(told), "purge %s", file);
    snprintf(ret_error, error_max, "r2 still needs it");
    return strcmp(file, "binlog.000002") == 0 ? RESULT_OK : RESULT_CONFLICT;
}

const struct journal_state *pipeline_journal_state(const struct pipeline *pipeline)
{
    static char gtids[] = "0-1-8,0-1-9";
    static char reason[] = "it never reached ackgate";
    static char kept_as[] = "/data/kept";
    static char places[] = "0-1-8 binlog.000002 100 200\n0-1-9 binlog.000002 200 300\n";
    static struct journal_discarded discards[] = {
        {1, UINT64_C(1700000000123), {2, 100}, {2, 300}, gtids, reason, kept_as, places}
    };
    static struct journal_state state = {
        .flavor = FLAVOR_MARIADB, .source_base = "binlog", .discards = discards, .discards_count = 1};
    (void)pipeline;
    return &state;
}

void pipeline_recover_status(struct pipeline *pipeline, struct recover_status *ret_status)
{
    (void)pipeline;
    *ret_status = (struct recover_status){
        .epoch = 2,
        .flavor = FLAVOR_MARIADB,
        .server_id = 1,
        .base = "binlog",
        .confirmed = {2, 100},
        .from = {2, 4  },
    };
}

/* Everything listed is discarded. */
enum result pipeline_recover_tail(struct pipeline *pipeline, const struct tail *tail, bool decides,
                                  struct recover_answer *ret_answer, char ret_error[RECOVER_ERROR_MAX])
{
    (void)pipeline;
    snprintf(told, sizeof(told), "%s of %zu", decides ? "tail" : "check", tail->txn_count);
    if (tail->txn_count == 0) {
        snprintf(ret_error, RECOVER_ERROR_MAX, "nothing listed");
        return RESULT_IO;
    }
    *ret_answer = (struct recover_answer){.kept_as = "/data/kept"};
    struct verdict *verdict = &ret_answer->verdict;
    verdict->overall = VERDICT_CUT;
    verdict->cut = tail_txn_start(&tail->txns[0]);
    snprintf(verdict->reason, sizeof(verdict->reason), "cut");
    verdict->item_count = tail->txn_count;
    verdict->items = xcalloc(tail->txn_count, sizeof(*verdict->items));
    for (size_t i = 0; i < tail->txn_count; i++)
        verdict->items[i] = (struct verdict_item){VERDICT_DISCARD, "never sent"};
    return RESULT_OK;
}

enum result pipeline_recover_engine(struct pipeline *pipeline, const struct engine_report *report,
                                    char ret_error[RECOVER_ERROR_MAX])
{
    (void)pipeline;
    snprintf(told, sizeof(told), "engine %.100s:%d", report->file, (int)report->offset);
    snprintf(ret_error, RECOVER_ERROR_MAX, "too far");
    return report->offset > 100 ? RESULT_CONFLICT : RESULT_OK;
}

enum result pipeline_resolve(struct pipeline *pipeline, const char *gtid, bool is_discard, const char *who,
                             char ret_error[RECOVER_ERROR_MAX])
{
    (void)pipeline;
    (void)ret_error;
    snprintf(told, sizeof(told), "%s %s by %s", is_discard ? "discard" : "complete", gtid, who);
    return RESULT_OK;
}

/* ---- asking ---- */

enum { ANSWER_MAX = 64 * 1024 };

static struct admin_context context;
static char answer[ANSWER_MAX];
static size_t answer_length;

static void put(struct span text, const char *after)
{
    if (answer_length + text.length + 2 < sizeof(answer))
        answer_length += (size_t)sprintf(answer + answer_length, "%.*s%s", (int)text.length,
                                         text.length > 0 ? (const char *)text.data : "", after);
}

static void put_row(struct span row, size_t columns)
{
    struct resultset_value values[64];
    ck_assert_int_eq(resultset_row_decode(row, columns, values), RESULT_OK);
    for (size_t i = 0; i < columns; i++)
        put(values[i].is_null ? span_of_text("NULL") : values[i].text, i + 1 < columns ? "|" : "\n");
}

static void put_error(struct span payload)
{
    struct response_error error;
    char code[32];
    ck_assert_int_eq(response_error_decode(payload, &error), RESULT_OK);
    snprintf(code, sizeof(code), "ERROR %u: ", error.code);
    put(span_of_text(code), "");
    put(error.message, "");
}

/* "a|b\nc|d\n", "OK" or "ERROR 1064: …" */
static const char *ask(const char *sql)
{
    static const uint64_t all_caps[] = {CAP_PROTOCOL_41, CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF};
    static unsigned asked;
    struct resultset_writer out;
    struct resultset_reader results;
    struct packet_joiner joiner;
    struct reader stream;
    struct span payload;
    uint64_t caps = all_caps[asked++ % 2];
    answer_length = 0;
    answer[0] = '\0';
    resultset_writer_init(&out, caps, 1);
    admin_statement_run(&context, span_of_text(sql), &out);
    resultset_reader_init(&results, caps);
    packet_joiner_init(&joiner, 1, 16 * 1024 * 1024);
    reader_init(&stream, out.data, out.length);
    while (packet_joiner_next(&joiner, &stream, &payload) == RESULT_OK) {
        enum resultset_step step;
        ck_assert_int_eq(resultset_reader_next(&results, payload, &step), RESULT_OK);
        if (step == RESULTSET_STEP_ROW)
            put_row(payload, (size_t)results.columns);
        else if (step == RESULTSET_STEP_ERROR)
            put_error(payload);
        else if (step == RESULTSET_STEP_OK)
            put(span_of_text("OK"), "");
    }
    ck_assert(reader_at_end(&stream));
    packet_joiner_release(&joiner);
    resultset_writer_release(&out);
    return answer;
}

#define LISTING                                                                                              \
    "ackgate-tail 1 flavor=mariadb server_uuid= server_id=1 base=binlog closed=0 partial=0 fault=none "      \
    "start=found from=2:4 end=2:300 keep_dir=/data files=2:300\n"

static const struct {
    const char *sql;
    const char *answer; /* the whole, or with a * at the end its beginning */
} rows[] = {
  /* queries */
    {"SELECT 1",                                                                                            "1\n"                                                                     },
    {"select name, state from replicas order by name desc;",                                                "r2|detached\nr1|streaming\n"                                             },
    {"SELECT name FROM ackgate.replicas WHERE STATE = 'DETACHED'",                                          "r2\n"                                                                    },
    {"SELECT r.name, w.gtid FROM replicas r JOIN waiting w ON w.missing = r.name",                          "r2|0-1-18\n"                                                             },
    {"SELECT count(*), max(id) FROM sessions WHERE user = 'app'",                                           "500|500\n"                                                               },
    {"SELECT confirmed_file, confirmed_pos, received_file FROM source",                                     "binlog.000002|5000000000|NULL\n"                                         },
    {"SELECT ack_ms_p50 FROM replicas WHERE ack_ms_p50 > 1",                                                "1.5\n"                                                                   },
    {"SELECT rule, satisfied, needed_for FROM quorum",                                                      "ANY 1 (r1, r2)|1|\n"                                                     },
    {"SELECT seq, time, type, detail FROM journal",                                                         "7|2023-11-14 22:13:20.123|attach|r1\n"                                   },
    {"SELECT * FROM discarded",
     "1|2023-11-14 22:13:20.123|0-1-8|binlog.000002|100|200|it never reached ackgate|/data/kept\n"
     "1|2023-11-14 22:13:20.123|0-1-9|binlog.000002|200|300|it never reached ackgate|/data/kept\n"                                                                                    },
    {"SELECT * FROM binary_logs",                                                                           ""                                                                        },
    {"SELECT value, source FROM variables WHERE name = 'app.hold'",                                         "3s|file\n"                                                               },
    {"SELECT value, source FROM variables WHERE name = 'app.auth_timeout'",                                 "10s|default\n"                                                           },
    {"SELECT value FROM variables WHERE name = 'source.password'",                                          "********\n"                                                              },
    {"WITH t AS (SELECT 2 AS a) SELECT a FROM t # why\n",                                                   "2\n"                                                                     },
    {"SELECT 'it''s', \"a\\\"b\", 'c\\nd' /* x */ -- y",                                                    "it's|a\"b|c\nd\n"                                                        },
 /* SHOW and the like */
    {"SHOW STATUS LIKE 'ackgate\\_commits\\_confirmed'",                                                    "Ackgate_commits_confirmed|42\n"                                          },
    {"SHOW GLOBAL STATUS WHERE Variable_name = 'Ackgate_uptime'",                                           "Ackgate_uptime|61\n"                                                     },
    {"SHOW STATUS LIKE 'Ackgate_source_state'",                                                             "Ackgate_source_state|open\n"                                             },
    {"SHOW STATUS LIKE 'Ackgate_quorum_satisfied'",                                                         "Ackgate_quorum_satisfied|ON\n"                                           },
    {"SHOW VARIABLES LIKE 'app.hold'",                                                                      "app.hold|3s\n"                                                           },
    {"SHOW TABLES LIKE 's%'",                                                                               "status\nsource\nsessions\n"                                              },
    {"SHOW FULL TABLES FROM ackgate LIKE 'quorum'",                                                         "quorum|BASE TABLE\n"                                                     },
    {"SHOW DATABASES",                                                                                      "ackgate\n"                                                               },
    {"DESC `waiting`",                                                                                      "gtid|varchar(1024)|YES||NULL|\n*"                                        },
    {"SHOW FULL COLUMNS FROM waiting FROM ackgate LIKE 'end%'",                                             "end_pos|bigint|YES||NULL|\n"                                             },
    {"SHOW CREATE TABLE dual",                                                                              "dual|CREATE TABLE `dual` (`dummy` bigint)\n"                             },
    {"SHOW MASTER STATUS",                                                                                  "binlog.000002|5000000000|||source|10.0.0.1*"                             },
    {"SHOW SOURCE STATUS",                                                                                  "source|10.0.0.1|3306*"                                                   },
    {"SHOW REPLICAS",                                                                                       "r1|voter|streaming*"                                                     },
    {"SHOW WAITING",                                                                                        "0-1-18|binlog.000002|99|0||r2|NULL\n"                                    },
    {"SHOW QUORUM",                                                                                         "ANY 1 (r1, r2)|1|2|1||0|0\n"                                             },
    {"SHOW PROCESSLIST",                                                                                    "1|app|10.0.0.9:1|NULL|Query|0|idle|NULL\n*"                              },
    {"SHOW WARNINGS",                                                                                       ""                                                                        },
    {"HELP 'PAUSE'",                                                                                        "PAUSE · RESUME|*"                                                       },
 /* what clients say by themselves */
    {"/* ping */",                                                                                          "OK"                                                                      },
    {"select @@version_comment limit 1",                                                                    "Ackgate admin port\n"                                                    },
    {"SELECT @@max_allowed_packet, @@session.tx_isolation, DATABASE()",                                     "67108864|REPEATABLE-READ|NULL\n"                                         },
    {"SELECT USER(), CONNECTION_ID()",                                                                      "admin@10.0.0.7|9\n"                                                      },
    {"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci",                                                        "OK"                                                                      },
    {"SET autocommit=0, @@session.sql_mode = CONCAT(@@sql_mode, ',STRICT'), @a := 1",                       "OK"                                                                      },
    {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",                                              "OK"                                                                      },
    {"START TRANSACTION READ ONLY",                                                                         "OK"                                                                      },
    {"COMMIT",                                                                                              "OK"                                                                      },
    {"KILL QUERY 9",                                                                                        "OK"                                                                      },
    {"USE nowhere",                                                                                         "ERROR 1049: *"                                                           },
 /* what is wrong */
    {"SELEC 1",                                                                                             "ERROR 1064: You have an error in your SQL at position 1 near 'SELEC'*"   },
    {"SELECT 1 FROM quorum  WHERE AND",                                                                     "ERROR 1064: You have an error in your SQL at position 29: *"             },
    {"SHOW",                                                                                                "ERROR 1064: *"                                                           },
    {"SHOW STATUS LIKE",                                                                                    "ERROR 1064: *"                                                           },
    {"SHOW STATUS LIKE 'a' 'b'",                                                                            "ERROR 1064: *"                                                           },
    {"SELECT 1; SELECT 2",                                                                                  "ERROR 1064: *"                                                           },
    {"SELECT 'open",                                                                                        "ERROR 1064: You have an error in your SQL: what is opened at position 8*"},
    {"SELECT 1 /* open",                                                                                    "ERROR 1064: *"                                                           },
    {"SELECT * FROM nix",                                                                                   "ERROR 1146: Table 'nix'*"                                                },
    {"DESCRIBE nix",                                                                                        "ERROR 1146: *"                                                           },
    {"SELECT nix FROM quorum",                                                                              "ERROR 1054: Unknown column 'nix'*"                                       },
    {"SELECT @@nix",                                                                                        "ERROR 1193: *"                                                           },
    {"SET nix = 1",                                                                                         "ERROR 1193: *"                                                           },
    {"SET",                                                                                                 "ERROR 1064: *"                                                           },
    {"SET commit_wait",                                                                                     "ERROR 1064: *"                                                           },
    {"SET commit_wait =",                                                                                   "ERROR 1064: *"                                                           },
    {"SET commit_wait = 1 2",                                                                               "ERROR 1064: *"                                                           },
    {"SET commit_wait = 'soon'",                                                                            "ERROR 1231: *"                                                           },
    {"SET log_level = 'loud'",                                                                              "ERROR 1231: *"                                                           },
    {"SET data_dir = '/tmp'",                                                                               "ERROR 1238: *"                                                           },
    {"SET quorum_rule = 'ANY 1 (r9)'",                                                                      "ERROR 1231: quorum rule: r9*"                                            },
    {"KILL 6",                                                                                              "ERROR 1094: *"                                                           },
    {"KILL 99999999999999999999",                                                                           "ERROR 1094: *"                                                           },
    {"PURGE BINARY LOGS TO 'binlog.000001'",                                                                "ERROR 1105: *"                                                           },
    {"PURGE BINARY LOGS BEFORE '2026-01-01'",                                                               "ERROR 1235: *"                                                           },
    {"RECOVER SOURCE x",                                                                                    "ERROR 1064: *"                                                           },
    {"RECOVER SOURCE TAIL 'x'",
     "ERROR 1105: ackgate: the listing of the source's tail is not understood, line 1*"                                                                                               },
    {"RECOVER SOURCE TAIL '" LISTING "'",                                                                   "ERROR 1105: ackgate: nothing listed"                                     },
    {"RECOVER SOURCE ENGINE 'x'",                                                                           "ERROR 1105: *"                                                           },
    {"RECOVER SOURCE ENGINE 'ackgate-engine 1 flavor=mariadb file=binlog.000002 pos=101'",
     "ERROR 1105: ackgate: too far"                                                                                                                                                   },
    {"RESOLVE 'uuid:1'",                                                                                    "ERROR 1064: *"                                                           },
    {"RECOVER SOURCE STATUS",
     "epoch|2\nflavor|mariadb\nserver_uuid|\nserver_id|1\nbase|binlog\nconfirmed_file|binlog.000002\n"
     "confirmed_pos|100\nfrom_file|binlog.000002\nfrom_pos|4\n"                                                                                                                       },
    {"RECOVER SOURCE CHECK '" LISTING "0-1-8 2 100 200 rows 1 00000000\n0-1-9 2 200 300 ddl 0 00000000\n'",
     "|binlog.000002|100|0|cut|cut|/data/kept\n0-1-8|binlog.000002|100|200|discard|never sent|\n"
     "0-1-9|binlog.000002|200|300|discard|never sent|\n"                                                                                                                              },
    {"FLUSH BINARY LOGS x",                                                                                 "ERROR 1064: *"                                                           },
    {"FLUSH BINARY LOGS",                                                                                   "ERROR 1105: *"                                                           },
    {"INSERT INTO quorum VALUES (1)",                                                                       "ERROR 1290: *"                                                           },
    {"WITH x AS (SELECT 1) DELETE FROM quorum",                                                             "ERROR *"                                                                 },
    {"PRAGMA user_version",                                                                                 "ERROR 1064: *"                                                           },
    {"ATTACH DATABASE '/tmp/x' AS x",                                                                       "ERROR 1064: *"                                                           },
    {"SELECT * FROM sqlite_master",                                                                         "ERROR 1290: *"                                                           },
    {"SELECT load_extension('/tmp/x.so')",                                                                  "ERROR *"                                                                 },
    {"SELECT * FROM pragma_database_list",                                                                  "ERROR *"                                                                 },
 /* too much */
    {"SELECT count(*) FROM sessions a, sessions b, sessions c",                                             "ERROR 1317: *"                                                           },
    {"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
     "ERROR 1317: *"                                                                                                                                                                  },
    {"SELECT printf('%.*c', 1000000, 'x') FROM sessions",                                                   "ERROR 1105: *"                                                           },
    {"SELECT zeroblob(100000000)",                                                                          "ERROR 1105: *"                                                           },
};

START_TEST(test_statements)
{
    const char *expected = rows[_i].answer;
    const char *got = ask(rows[_i].sql);
    size_t length = strlen(expected);
    if (length > 0 && expected[length - 1] == '*')
        ck_assert_msg(strncmp(got, expected, length - 1) == 0, "%s\ngave %s", rows[_i].sql, got);
    else
        ck_assert_msg(strcmp(got, expected) == 0, "%s\ngave %s", rows[_i].sql, got);
}
END_TEST

START_TEST(test_commands_reach_the_pipeline)
{
    static const char *const commands[][2] = {
        {"SET quorum_rule = 'ALL (r1, r2)'",                                                   "rule ALL (r1, r2)"                     },
        {"SET GLOBAL commit_wait = '250ms'",                                                   "commit_wait 250, hold 3000"            },
        {"SET app.commit_wait = 2",                                                            "commit_wait 2000, hold 3000"           },
        {"PAUSE",                                                                              "paused 1"                              },
        {"resume ;",                                                                           "paused 0"                              },
        {"KILL CONNECTION 5",                                                                  "kill 5"                                },
        {"RESOLVE '0-1-8' DISCARD",                                                            "discard 0-1-8 by admin@10.0.0.7:40000" },
        {"resolve '0-1-8' complete",                                                           "complete 0-1-8 by admin@10.0.0.7:40000"},
        {"RECOVER SOURCE ENGINE 'ackgate-engine 1 flavor=mariadb file=binlog.000002 pos=100'",
         "engine binlog.000002:100"                                                                                                    },
        {"PURGE MASTER LOGS TO 'binlog.000002'",                                               "purge binlog.000002"                   },
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        told[0] = '\0';
        ck_assert_str_eq(ask(commands[i][0]), "OK");
        ck_assert_str_eq(told, commands[i][1]);
    }
    ck_assert_str_eq(ask("SELECT value, source FROM variables WHERE name = 'app.commit_wait'"),
                     "2|runtime\n");
    ck_assert_str_eq(ask("USE ackgate"), "OK");
    ck_assert_str_eq(ask("SELECT DATABASE()"), "ackgate\n");
    ck_assert_str_eq(ask("RELOAD"), "OK");
    ck_assert_str_eq(told, "commit_wait 0, hold 3000");
    ck_assert_str_eq(ask("SELECT value, source FROM variables WHERE name = 'app.commit_wait'"),
                     "0|default\n");
}
END_TEST

/* Who may only look is told so before anything is read, tried or begun. */
START_TEST(test_who_may_only_look)
{
    static const char *const changes[] = {
        "SET quorum_rule = 'ALL (r1, r2)'",
        "SET commit_wait = 1",
        "PAUSE",
        "RESUME",
        "RELOAD",
        "SHUTDOWN",
        "FLUSH LOGS",
        "FLUSH BINARY LOGS",
        "KILL 5",
        "KILL CONNECTION 5",
        "PURGE BINARY LOGS TO 'binlog.000002'",
        "RECOVER SOURCE STATUS",
        "RECOVER SOURCE CHECK 'x'",
        "RECOVER SOURCE TAIL 'x'",
        "RECOVER SOURCE ENGINE 'x'",
        "RESOLVE '0-1-8' COMPLETE",
        "RESOLVE '0-1-8' DISCARD",
    };
    static const char *const looks[] = {"SET NAMES utf8mb4", "SET autocommit = 1", "BEGIN", "COMMIT",
                                        "USE ackgate",       "KILL QUERY 5"};
    context.is_read_only = true;
    told[0] = '\0';
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        ck_assert_msg(strncmp(ask(changes[i]), "ERROR 1227: ", 12) == 0, "%s gave %s", changes[i], answer);
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
        ck_assert_msg(strcmp(ask(looks[i]), "OK") == 0, "%s gave %s", looks[i], answer);
    ck_assert_str_eq(ask("SELECT rule FROM quorum"), "ANY 1 (r1, r2)\n");
    ck_assert_str_eq(told, "");
    context.is_read_only = false;
}
END_TEST

/* Every prefix of every statement is answered by one whole response, and never taken for another one. */
/* However long a table is, the replication loop makes few rows of it: of the long ones it takes a copy. */
START_TEST(test_long_tables_are_made_elsewhere)
{
    enum { ROWS_MAX = 300 };
    static const char *const long_ones[] = {"sessions", "waiting", "discarded"};
    for (size_t i = 0; i < admin_table_count(); i++) {
        struct admin_rows filled;
        const struct admin_table *table = &admin_tables[i];
        bool is_long = false;
        for (size_t j = 0; j < sizeof(long_ones) / sizeof(long_ones[0]); j++)
            is_long = is_long || strcmp(table->name, long_ones[j]) == 0;
        admin_rows_init(&filled, admin_table_columns(table));
        table->fill(NULL, &filled);
        ck_assert_msg((filled.make != NULL) == is_long, "%s", table->name);
        ck_assert_uint_le(filled.count / filled.columns, is_long ? 0 : ROWS_MAX);
        admin_rows_make(&filled);
        if (is_long)
            ck_assert_uint_gt(admin_rows_count(&filled), 0);
        admin_rows_release(&filled);
    }
}
END_TEST

START_TEST(test_a_statement_of_very_many_words)
{
    char *sql = xcalloc(1, 3 * ADMIN_TOKENS_MAX);
    strcpy(sql, "SELECT 1");
    for (size_t i = 0; i < ADMIN_TOKENS_MAX; i++)
        strcpy(sql + 8 + i, "+");
    ck_assert_str_eq(ask(sql), "ERROR 1064: A statement has at most 16384 words and signs here");
    free(sql);
}
END_TEST

START_TEST(test_prefixes)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *sql = xstrdup(rows[i].sql);
        for (size_t length = strlen(sql); length > 0; length--) {
            sql[length - 1] = '\0';
            if (strstr(rows[i].answer, "1317") == NULL && strstr(rows[i].answer, "1105") == NULL)
                (void)ask(sql);
        }
        free(sql);
    }
}
END_TEST

static const char config_text[] =
    "[ackgate]\nlog_file = /dev/null\nlog_level = error\n"
    "[source]\nhost = h\nuser = u\npassword = p\n[app]\nhold = 3s\n"
    "[replication]\nuser = r\npassword = p\n[admin]\nuser = admin\npassword = p\n"
    "[replica r1]\nserver_id = 1\n[replica r2]\nserver_id = 2\n"
    "[quorum]\nrule = ANY 1 (r1, r2)\n";

static bool load_config(char *path)
{
    char *problems = NULL;
    int fd = mkstemp(path); /* mode 600 */
    if (fd < 0 || write(fd, config_text, strlen(config_text)) < 0)
        return false;
    close(fd);
    if (config_load(path, &config, &problems) == RESULT_OK)
        return true;
    fputs(problems, stderr);
    return false;
}

int main(void)
{
    char path[] = "/tmp/ackgate-admin-XXXXXX";
    if (!load_config(path) || log_open("/dev/null", LOG_LEVEL_ERROR, false) != RESULT_OK)
        return EXIT_FAILURE;
    ring.lines[0] = (struct journal_line){.sequence = 7,
                                          .epoch = 1,
                                          .time_ms = UINT64_C(1700000000123),
                                          .type = "attach",
                                          .detail = xstrdup("r1")};
    ring.next = ring.count = 1;
    runtime_start(config);
    context = (struct admin_context){
        .connection_id = 9, .user = "admin", .label = "admin", .peer = "10.0.0.7:40000"};
    context.sql = admin_sql_new(NULL);
    Suite *suite = suite_create("admin_sql");
    TCase *tcase = tcase_create("statements");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_statements, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, test_commands_reach_the_pipeline);
    tcase_add_test(tcase, test_who_may_only_look);
    tcase_add_test(tcase, test_prefixes);
    tcase_add_test(tcase, test_long_tables_are_made_elsewhere);
    tcase_add_test(tcase, test_a_statement_of_very_many_words);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    admin_sql_free(&context.sql);
    journal_ring_release(&ring);
    config_free(&config);
    unlink(path);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
