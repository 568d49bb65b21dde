/* The table of replica_queries.h. */
#include "proxy/replica_queries.h"

#include "protocol/constants.h"
#include "proxy/log.h"

#include <stdarg.h>
#include <stdio.h>

typedef void answer_fn(struct replica_query *query);

void replica_query_ok(struct replica_query *query)
{
    struct response_ok ok = {.status = STATUS_AUTOCOMMIT};
    resultset_writer_ok(query->writer, &ok);
}

void replica_query_error(struct replica_query *query, uint16_t code, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    resultset_writer_error(query->writer, code, message);
}

void replica_query_syntax_error(struct replica_query *query)
{
    const char *sql = log_quote(query->cursor.sql);
    log_debug("replication port", "statement not served: %s", sql);
    replica_query_error(query, ERROR_CODE_PARSE,
                        "ackgate: the replication port does not serve this statement: %s", sql);
}

/* Accepted and without a meaning here: USE, BEGIN, COMMIT, FLUSH … */
static void answer_ok(struct replica_query *query)
{
    replica_query_ok(query);
}

static void answer_kill(struct replica_query *query)
{
    uint64_t id;
    if (!sql_take_word(&query->cursor, "CONNECTION"))
        sql_take_word(&query->cursor, "QUERY");
    if (sql_take_u64(&query->cursor, &id) != RESULT_OK || !sql_is_over(&query->cursor))
        replica_query_syntax_error(query);
    else if (query->server->on_kill(query->server->argument, id))
        replica_query_ok(query);
    else
        replica_query_error(query, ERROR_CODE_NO_SUCH_THREAD, "Unknown thread id: %llu",
                            (unsigned long long)id);
}

static const struct {
    const char *words;
    answer_fn *fn;
} answers[] = {
    {"SELECT",                 replica_answer_select       },
    {"SET",                    replica_answer_set          },
    {"SHOW BINARY LOG STATUS", replica_answer_log_status   },
    {"SHOW BINLOG STATUS",     replica_answer_log_status   },
    {"SHOW MASTER STATUS",     replica_answer_log_status   },
    {"SHOW BINARY LOGS",       replica_answer_binary_logs  },
    {"SHOW MASTER LOGS",       replica_answer_binary_logs  },
    {"SHOW BINLOG EVENTS",     replica_answer_binlog_events},
    {"SHOW VARIABLES",         replica_answer_variables    },
    {"SHOW GLOBAL VARIABLES",  replica_answer_variables    },
    {"SHOW SESSION VARIABLES", replica_answer_variables    },
    {"SHOW LOCAL VARIABLES",   replica_answer_variables    },
    {"SHOW STATUS",            replica_answer_no_rows      },
    {"SHOW GLOBAL STATUS",     replica_answer_no_rows      },
    {"SHOW SESSION STATUS",    replica_answer_no_rows      },
    {"SHOW WARNINGS",          replica_answer_no_rows      },
    {"SHOW SLAVE STATUS",      replica_answer_no_rows      },
    {"SHOW REPLICA STATUS",    replica_answer_no_rows      },
    {"SHOW SLAVE HOSTS",       replica_answer_no_rows      },
    {"SHOW REPLICAS",          replica_answer_no_rows      },
    {"KILL",                   answer_kill                 },
    {"USE",                    answer_ok                   },
    {"BEGIN",                  answer_ok                   },
    {"START TRANSACTION",      answer_ok                   },
    {"COMMIT",                 answer_ok                   },
    {"ROLLBACK",               answer_ok                   },
    {"DO",                     answer_ok                   },
    {"FLUSH",                  answer_ok                   },
};

void replica_query_answer(const struct replica_server *server, struct replica_session *session,
                          struct span sql, struct resultset_writer *writer)
{
    struct replica_query query = {.server = server, .session = session, .writer = writer};
    sql_start(&query.cursor, sql);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (sql_take_words(&query.cursor, answers[i].words)) {
            answers[i].fn(&query);
            return;
        }
    }
    replica_query_syntax_error(&query);
}
