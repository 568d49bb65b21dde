/* layer: proxy */
/* What replicas and binlog clients ask before they dump is answered as their source would answer it. */
#include "test/unit/store_fixture.h"

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "proxy/replica_queries.h"

static uint64_t killed;

static bool on_kill(void *argument, uint64_t connection_id)
{
    (void)argument;
    killed = connection_id;
    return connection_id == 17;
}

struct port {
    struct fixture fixture;
    struct fanout_identity identity;
    struct replica_server server;
    struct replica_session session;
};

static void port_start(struct port *port, const char *version)
{
    fixture_start(&port->fixture);
    port->identity = (struct fanout_identity){4242, "0000aaaa-0000-0000-0000-000000000001", version};
    port->server = (struct replica_server){port->fixture.store, &port->identity, 5, on_kill, NULL};
    port->session = (struct replica_session){.caps = CAP_PROTOCOL_41};
}

static void port_stop(struct port *port)
{
    replica_session_release(&port->session);
    fixture_release(&port->fixture);
}

static void append(char *text, size_t max, const char *more, size_t length)
{
    size_t at = strlen(text);
    ck_assert_uint_lt(at + length, max);
    memcpy(text + at, more, length);
    text[at + length] = '\0';
}

static void append_row(char *text, size_t max, struct span row, size_t columns)
{
    struct resultset_value values[8];
    ck_assert_uint_le(columns, 8);
    ck_assert_int_eq(resultset_row_decode(row, columns, values), RESULT_OK);
    append(text, max, text[0] == '\0' ? "" : "|", text[0] == '\0' ? 0 : 1);
    for (size_t i = 0; i < columns; i++) {
        if (i > 0)
            append(text, max, ",", 1);
        if (values[i].is_null)
            append(text, max, "NULL", 4);
        else
            append(text, max, (const char *)values[i].text.data, values[i].text.length);
    }
}

/* Asks, and returns the rows as "a,b|c,d", "OK" or "1064". */
static const char *ask(struct port *port, const char *sql)
{
    static char text[4096];
    struct resultset_writer writer;
    struct resultset_reader reader;
    struct packet_joiner joiner;
    struct reader stream;
    struct span payload;
    enum resultset_step step = RESULTSET_STEP_MORE;
    text[0] = '\0';
    resultset_writer_init(&writer, port->session.caps, 1);
    replica_query_answer(&port->server, &port->session, span_of_text(sql), &writer);
    reader_init(&stream, writer.data, writer.length);
    packet_joiner_init(&joiner, 1, 1 << 20);
    resultset_reader_init(&reader, port->session.caps);
    while (packet_joiner_next(&joiner, &stream, &payload) == RESULT_OK) {
        size_t columns = (size_t)reader.columns;
        ck_assert_int_eq(resultset_reader_next(&reader, payload, &step), RESULT_OK);
        struct response_error error;
        if (step == RESULTSET_STEP_ROW)
            append_row(text, sizeof(text), payload, columns);
        else if (step == RESULTSET_STEP_OK)
            append(text, sizeof(text), "OK", 2);
        else if (step == RESULTSET_STEP_ERROR && response_error_decode(payload, &error) == RESULT_OK)
            snprintf(text, sizeof(text), "%u", error.code);
    }
    ck_assert(reader_at_end(&stream));
    ck_assert(step == RESULTSET_STEP_END || step == RESULTSET_STEP_OK || step == RESULTSET_STEP_ERROR);
    packet_joiner_release(&joiner);
    resultset_writer_release(&writer);
    return text;
}

struct question {
    const char *sql;
    const char *answer;
};

static void ask_all(struct port *port, const struct question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *answer = ask(port, questions[i].sql);
        ck_assert_msg(strcmp(answer, questions[i].answer) == 0, "%s\n  answered: %s\n  expected: %s",
                      questions[i].sql, answer, questions[i].answer);
    }
}

#define ASK_ALL(port, questions) ask_all(port, questions, sizeof(questions) / sizeof(questions[0]))

START_TEST(mysql_replica_gets_through_its_set_up)
{
    static const struct question questions[] = {
        {"SELECT @@GLOBAL.SERVER_ID",                                                          "4242"                                },
        {"SET @master_heartbeat_period = 30000000000, @source_heartbeat_period = 30000000000", "OK"                                  },
        {"SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = "
         "@@global.binlog_checksum",                                                  "OK"                                  },
        {"SELECT @source_binlog_checksum",                                                     "CRC32"                               },
        {"SELECT @@GLOBAL.GTID_MODE",                                                          "ON"                                  },
        {"SELECT @@GLOBAL.SERVER_UUID",                                                        "0000aaaa-0000-0000-0000-000000000001"},
        {"SET @slave_uuid = '3E11FA47-71CA-11E1-9E33-C80AA9429562', @replica_uuid = "
         "'3E11FA47-71CA-11E1-9E33-C80AA9429562'",                                    "OK"                                  },
        {"SELECT @@global.rpl_semi_sync_source_enabled",                                       "1"                                   },
        {"SELECT @@global.rpl_semi_sync_master_enabled",                                       "1"                                   },
        {"SET @rpl_semi_sync_replica = 1",                                                     "OK"                                  },
    };
    struct port port;
    char uuid[37];
    port_start(&port, "9.7.4");
    ASK_ALL(&port, questions);
    replica_session_uuid(&port.session, uuid);
    ck_assert_str_eq(uuid, uuid_text);
    ck_assert_uint_eq(replica_session_heartbeat_ms(&port.session), 30000);
    ck_assert_int_eq(replica_session_checksum(&port.session), SESSION_CHECKSUM_CRC32);
    ck_assert(replica_session_is_semi_sync(&port.session));
    ck_assert(replica_session_is_mysql(&port.session));
    port_stop(&port);
}
END_TEST

START_TEST(mariadb_replica_gets_through_its_set_up)
{
    static const struct question questions[] = {
        {"SHOW VARIABLES LIKE 'SERVER_ID'",                       "server_id,4242"                 },
        {"SET @master_heartbeat_period= 5",                       "OK"                             },
        {"SET @master_binlog_checksum= @@global.binlog_checksum", "OK"                             },
        {"SELECT @master_binlog_checksum",                        "CRC32"                          },
        {"SET @mariadb_slave_capability=4",                       "OK"                             },
        {"SELECT @@GLOBAL.gtid_domain_id",                        "0"                              },
        {"SET @slave_connect_state=''",                           "OK"                             },
        {"SET @slave_gtid_strict_mode=1",                         "OK"                             },
        {"SET @slave_gtid_ignore_duplicates=0",                   "OK"                             },
        {"SHOW VARIABLES LIKE 'rpl_semi_sync_master_enabled'",    "rpl_semi_sync_master_enabled,ON"},
        {"SET @rpl_semi_sync_slave= 1",                           "OK"                             },
 /* what a MariaDB server does not have */
        {"SELECT @@GLOBAL.SERVER_UUID",                           "1193"                           },
        {"SELECT @@global.rpl_semi_sync_source_enabled",          "1193"                           },
    };
    struct port port;
    struct span state = {NULL, 1};
    port_start(&port, "10.11.19-MariaDB");
    ASK_ALL(&port, questions);
    ck_assert_uint_eq(replica_session_heartbeat_ms(&port.session), 1);
    ck_assert(replica_session_is_semi_sync(&port.session));
    ck_assert(replica_session_is_mariadb(&port.session));
    ck_assert(replica_session_text(&port.session, "SLAVE_CONNECT_STATE", &state));
    ck_assert_uint_eq(state.length, 0);
    port_stop(&port);
}
END_TEST

START_TEST(binlog_clients_see_the_stores_files)
{
    static const struct question questions[] = {
        {"SELECT @@global.gtid_executed, @@gtid_purged AS p LIMIT 1",
         "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2,"                        },
        {"SHOW BINLOG EVENTS IN 'binlog.000009'",                     "1220"},
        {"SHOW BINLOG EVENTS IN 'binlog.000002' FROM x",              "1064"},
    };
    struct port port;
    struct gtid gtids[] = {mysql_gtid(1), mysql_gtid(2)};
    struct source_file files[] = {
        source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true),
        source_file_new(FLAVOR_MYSQL, "binlog.000002", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1", true)};
    port_start(&port, "9.7.4");
    char expected[2][64];
    for (int i = 0; i < 2; i++) {
        source_file_txn(&files[i], &gtids[i], 10);
        if (i == 0)
            source_file_rotate(&files[0], "binlog.000002");
        ck_assert_int_eq(feed(port.fixture.store, &files[i]), RESULT_OK);
        snprintf(expected[i], sizeof(expected[i]), "binlog.00000%d,%zu,No", i + 1, files[i].length);
    }
    char both[160];
    snprintf(both, sizeof(both), "%s|%s", expected[0], expected[1]);
    ck_assert_str_eq(ask(&port, "SHOW BINARY LOGS"), both);
    ck_assert_str_eq(ask(&port, "show master logs;"), both);
    ASK_ALL(&port, questions);
    const char *status = ask(&port, "/* a client */ SHOW MASTER STATUS");
    ck_assert_ptr_nonnull(strstr(status, ",,,3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2"));
    const char *events = ask(&port, "SHOW BINLOG EVENTS IN 'binlog.000002' LIMIT 2, 3");
    ck_assert_ptr_nonnull(
        strstr(events, "SET @@SESSION.GTID_NEXT= '3e11fa47-71ca-11e1-9e33-c80aa9429562:2'"));
    ck_assert_ptr_nonnull(strstr(events, ",Query,1,"));
    ck_assert_ptr_null(strstr(events, "Xid"));
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    port_stop(&port);
}
END_TEST

START_TEST(other_statements_get_a_clear_answer)
{
    static const struct question questions[] = {
        {"SELECT @@version, @@version_comment",                                                  "9.7.4,ackgate replication port"},
        {"select VERSION(), connection_id(), 'it''s', -3, NULL, @never",                         "9.7.4,5,it's,-3,NULL,NULL"     },
        {"SET @A = 'x', NAMES utf8mb4, @@session.sql_mode = concat(@@sql_mode, ','), @`b` := 2", "OK"                            },
        {"SELECT @a, @B",                                                                        "x,2"                           },
        {"SET autocommit=1",                                                                     "OK"                            },
        {"/*!40101 SET NAMES utf8 */",                                                           "OK"                            },
        {"-- only a remark\nSELECT 1",                                                           "1"                             },
        {"SET GLOBAL read_only = 0",                                                             "1227"                          },
        {"SET @@global.read_only = 0",                                                           "1227"                          },
        {"SHOW VARIABLES LIKE 'gtid\\_m%'",                                                      "gtid_mode,ON"                  },
        {"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('gtid_mode', 'version')",
         "gtid_mode,ON|version,9.7.4"                                                                                            },
        {"SHOW WARNINGS",                                                                        ""                              },
        {"KILL 17",                                                                              "OK"                            },
        {"KILL QUERY 18",                                                                        "1094"                          },
        {"KILL",                                                                                 "1064"                          },
        {"KILL 99999999999999999999",                                                            "1064"                          },
        {"",                                                                                     "1064"                          },
        {"SELECT",                                                                               "1064"                          },
        {"SELECT 'open",                                                                         "1064"                          },
        {"SELECT * FROM mysql.user",                                                             "1064"                          },
        {"DROP TABLE t",                                                                         "1064"                          },
        {"SET",                                                                                  "1064"                          },
        {"SET @x",                                                                               "1064"                          },
        {"SELECT @@nothing",                                                                     "1193"                          },
    };
    struct port port;
    port_start(&port, "9.7.4");
    ASK_ALL(&port, questions);
    ck_assert_uint_eq(killed, 18);
    port_stop(&port);
}
END_TEST

START_TEST(a_client_cannot_fill_the_memory_with_variables)
{
    struct port port;
    char sql[64];
    port_start(&port, "9.7.4");
    for (int i = 0; i < SESSION_VARIABLES_MAX; i++) {
        snprintf(sql, sizeof(sql), "SET @v%d = %d", i, i);
        ck_assert_str_eq(ask(&port, sql), "OK");
    }
    ck_assert_str_eq(ask(&port, "SET @one_more = 1"), "1105");
    ck_assert_str_eq(ask(&port, "SET @V3 = 4"), "OK");
    port_stop(&port);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_queries");
    TCase *tests = tcase_create("questions");
    tcase_add_test(tests, mysql_replica_gets_through_its_set_up);
    tcase_add_test(tests, mariadb_replica_gets_through_its_set_up);
    tcase_add_test(tests, binlog_clients_see_the_stores_files);
    tcase_add_test(tests, other_statements_get_a_clear_answer);
    tcase_add_test(tests, a_client_cannot_fill_the_memory_with_variables);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
