/* The list of tables of admin_tables.h, and the small ones that describe the others. */
#include "proxy/admin_tables.h"

#include "proxy/admin_statement.h"

#include <string.h>

static void fill_tables(struct pipeline *pipeline, struct admin_rows *rows);
static void fill_columns(struct pipeline *pipeline, struct admin_rows *rows);
static void fill_help(struct pipeline *pipeline, struct admin_rows *rows);
static void fill_dual(struct pipeline *pipeline, struct admin_rows *rows);

#define TEXT(column)                                                                                         \
    {                                                                                                        \
        (column), ADMIN_TEXT                                                                                 \
    }
#define INT(column)                                                                                          \
    {                                                                                                        \
        (column), ADMIN_INTEGER                                                                              \
    }
#define REAL(column)                                                                                         \
    {                                                                                                        \
        (column), ADMIN_REAL                                                                                 \
    }

const struct admin_table admin_tables[] = {
    {"status",      "a row per status variable",        false, {TEXT("name"), TEXT("value")},                                     admin_fill_status},
    {"variables",
     "a row per key of the config",                     false,
     {TEXT("name"), TEXT("value"), TEXT("source"), TEXT("reload")},
     admin_fill_variables                                                                                                                          },
    {"source",
     "one row: the server that takes the writes",       false,
     {TEXT("name"), TEXT("host"), INT("port"), TEXT("flavor"), TEXT("version"), TEXT("server_uuid"),
      INT("server_id"), TEXT("state"), TEXT("reason"), TEXT("semi_sync"), TEXT("received_file"),
      INT("received_pos"), TEXT("durable_file"), INT("durable_pos"), TEXT("confirmed_file"),
      INT("confirmed_pos"), TEXT("confirmed_gtid")},
     admin_fill_source                                                                                                                             },
    {"replicas",
     "a row per replica, listed or attached",           false,
     {TEXT("name"), TEXT("role"), TEXT("state"), TEXT("host"), INT("server_id"), TEXT("server_uuid"),
      TEXT("flavor"), INT("semi_sync"), TEXT("sent_file"), INT("sent_pos"), TEXT("acked_file"),
      INT("acked_pos"), TEXT("acked_gtid"), INT("lag_bytes"), REAL("ack_ms_p50"), REAL("ack_ms_p99"),
      TEXT("attached_at"), TEXT("last_error"), INT("id")},
     admin_fill_replicas                                                                                                                           },
    {"quorum",
     "one row: the rule and how it stands",             false,
     {TEXT("rule"), INT("satisfied"), INT("voters"), INT("attached"), TEXT("needed_for"),
      INT("waiting_transactions"), INT("oldest_wait_ms")},
     admin_fill_quorum                                                                                                                             },
    {"sessions",
     "a row per application session",                   false,
     {INT("id"), TEXT("user"), TEXT("client"), TEXT("db"), TEXT("command"), TEXT("state"), INT("time_ms"),
      TEXT("waiting_gtid"), INT("tls")},
     admin_fill_sessions                                                                                                                           },
    {"waiting",
     "a row per transaction that waits for the quorum", false,
     {TEXT("gtid"), TEXT("file"), INT("end_pos"), INT("waiting_ms"), TEXT("acked_by"), TEXT("missing"),
      INT("session_id")},
     admin_fill_waiting                                                                                                                            },
    {"binary_logs",
     "a row per file of the store",                     false,
     {TEXT("file"), INT("epoch"), INT("size"), TEXT("first_time"), INT("confirmed")},
     admin_fill_binary_logs                                                                                                                        },
    {"journal",
     "a row per record of the journal, newest first",   false,
     {INT("seq"), INT("epoch"), TEXT("time"), TEXT("type"), TEXT("detail")},
     admin_fill_journal                                                                                                                            },
    {"discarded",
     "a row per transaction that was discarded",        false,
     {INT("epoch"), TEXT("time"), TEXT("gtid"), TEXT("file"), INT("start_pos"), INT("end_pos"),
      TEXT("reason"), TEXT("kept_as")},
     admin_fill_discarded                                                                                                                          },
    {"tables",      "",                                 true,  {TEXT("name"), TEXT("what")},                                      fill_tables      },
    {"columns",     "",                                 true,  {TEXT("table_name"), TEXT("name"), TEXT("type"), INT("position")}, fill_columns     },
    {"help",        "",                                 true,  {TEXT("statement"), TEXT("what")},                                 fill_help        },
    {"dual",        "",                                 true,  {INT("dummy")},                                                    fill_dual        },
};

enum { TABLE_COUNT = sizeof(admin_tables) / sizeof(admin_tables[0]) };

size_t admin_table_count(void)
{
    return TABLE_COUNT;
}

const struct admin_table *admin_table_find(struct span name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (span_is_text_nocase(name, admin_tables[i].name))
            return &admin_tables[i];
    }
    return NULL;
}

size_t admin_table_columns(const struct admin_table *table)
{
    size_t count = 0;
    while (table->columns[count].name != NULL)
        count++;
    return count;
}

static void fill_tables(struct pipeline *pipeline, struct admin_rows *rows)
{
    (void)pipeline;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (admin_tables[i].is_hidden)
            continue;
        admin_rows_text(rows, admin_tables[i].name);
        admin_rows_text(rows, admin_tables[i].what);
    }
}

static const char *type_name(enum admin_value_kind kind)
{
    return kind == ADMIN_INTEGER ? "bigint" : kind == ADMIN_REAL ? "double" : "varchar(1024)";
}

static void fill_columns(struct pipeline *pipeline, struct admin_rows *rows)
{
    (void)pipeline;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct admin_table *table = &admin_tables[i];
        for (size_t j = 0; table->columns[j].name != NULL; j++) {
            admin_rows_text(rows, table->name);
            admin_rows_text(rows, table->columns[j].name);
            admin_rows_text(rows, type_name(table->columns[j].kind));
            admin_rows_integer(rows, j + 1);
        }
    }
}

static void fill_help(struct pipeline *pipeline, struct admin_rows *rows)
{
    (void)pipeline;
    for (size_t i = 0; admin_help[i].statement != NULL; i++) {
        admin_rows_text(rows, admin_help[i].statement);
        admin_rows_text(rows, admin_help[i].what);
    }
}

static void fill_dual(struct pipeline *pipeline, struct admin_rows *rows)
{
    (void)pipeline;
    admin_rows_integer(rows, 1);
}
