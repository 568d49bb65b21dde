/* Telling the statements of admin_statement.h apart. */
#include "proxy/admin_statement.h"

#include "protocol/constants.h"
#include "proxy/admin_worker.h"
#include "recovery/tail_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct admin_help admin_help[] = {
    {"SELECT … FROM table …",          "real SQL over the tables that SHOW TABLES lists"                        },
    {"SHOW TABLES · DESCRIBE table",      "what there is to select from"                                           },
    {"SHOW STATUS [LIKE 'pattern']",       "figures, as SHOW GLOBAL STATUS on a server"                             },
    {"SHOW VARIABLES [LIKE 'pattern']",    "the configuration as it is now"                                         },
    {"SHOW SOURCE STATUS",                 "the server that takes the writes"                                       },
    {"SHOW REPLICAS",                      "replicas, listed or attached"                                           },
    {"SHOW QUORUM",                        "the quorum rule and how it stands"                                      },
    {"SHOW WAITING",                       "transactions that wait for the quorum"                                  },
    {"SHOW PROCESSLIST",                   "application sessions"                                                   },
    {"SHOW BINARY LOGS",                   "the files of the store"                                                 },
    {"SHOW JOURNAL",                       "the latest records of the journal"                                      },
    {"SET quorum_rule = 'ANY 1 (r1, r2)'", "changes the quorum rule; journaled"                                     },
    {"SET commit_wait = '10s'",            "how long a commit waits for the quorum; 0: for ever"                    },
    {"SET log_level = 'debug'",            "debug, info, warn or error"                                             },
    {"RELOAD",                             "reads the config file again and applies what needs no restart"          },
    {"PAUSE · RESUME",                    "new application sessions wait until RESUME"                             },
    {"KILL id",                            "ends an application session, a replica's connection or an admin session"},
    {"PURGE BINARY LOGS TO 'file'",        "removes older files of the store, never what a voter still needs"       },
    {"RESOLVE 'gtid' COMPLETE|DISCARD",    "an operator's word on a transaction of a refused source; journaled"     },
    {"RECOVER SOURCE STATUS",              "what ackgate-recover has to know; it also says TAIL, CHECK and ENGINE"  },
    {"FLUSH BINARY LOGS",                  "asks the source to begin a new binlog file; its account needs RELOAD"   },
    {"FLUSH LOGS",                         "opens the log file anew, after it was moved away"                       },
    {"SHUTDOWN",                           "as SIGTERM: ends when the sessions have, or after shutdown_timeout"     },
    {NULL,                                 NULL                                                                     },
};

void admin_ok(struct resultset_writer *out, const char *info)
{
    struct response_ok ok = {
        .header = RESPONSE_HEADER_OK, .status = STATUS_AUTOCOMMIT, .info = span_of_text(info)};
    resultset_writer_ok(out, &ok);
}

void admin_error(struct resultset_writer *out, uint16_t code, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    resultset_writer_error(out, code, text);
}

void admin_syntax_error(struct resultset_writer *out, const struct admin_tokens *tokens, size_t index)
{
    if (index >= tokens->count) {
        admin_error(out, ERROR_CODE_PARSE,
                    "You have an error in your SQL: it ends too early; HELP lists the statements");
        return;
    }
    struct span text = tokens->items[index].text;
    admin_error(out, ERROR_CODE_PARSE,
                "You have an error in your SQL at position %zu near '%.*s'; HELP lists the statements",
                (size_t)(text.data - tokens->start) + 1, text.length > 64 ? 64 : (int)text.length,
                (const char *)text.data);
}

void admin_run_query(struct admin_context *context, struct admin_query *query, struct resultset_writer *out)
{
    if (context->worker != NULL) {
        admin_worker_submit(context->worker, context, query, out);
        context->is_waiting = true;
    } else if (admin_sql_prepare(context->sql, context, query, out)) {
        admin_sql_fill(context->sql);
        admin_sql_execute(context->sql, query, out);
    }
    admin_query_release(query);
}

bool admin_may_change(const struct admin_context *context, struct resultset_writer *out)
{
    if (context->is_read_only)
        admin_error(out, ERROR_CODE_SPECIFIC_ACCESS_DENIED,
                    "Access denied; '%.60s' may only look (admin.stats_user), this needs the account of "
                    "admin.user",
                    context->user);
    return !context->is_read_only;
}

void admin_use(struct admin_context *context, struct span name, struct resultset_writer *out)
{
    if (!span_is_text_nocase(name, ADMIN_SCHEMA)) {
        admin_error(out, ERROR_CODE_BAD_DB, "Unknown database '%.*s'; the only one is " ADMIN_SCHEMA,
                    name.length > 64 ? 64 : (int)name.length, (const char *)name.data);
        return;
    }
    snprintf(context->db, sizeof(context->db), "%s", ADMIN_SCHEMA);
    admin_ok(out, "");
}

static bool begins_with_one_of(const struct admin_tokens *tokens, const char *words)
{
    struct admin_match match;
    return admin_match(tokens, words, &match);
}

/* A semicolon in the middle: a second statement. */
static bool has_second(const struct admin_tokens *tokens, size_t *ret_index)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (admin_token_is(&tokens->items[i], ";")) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static void run_query(struct admin_context *context, const struct admin_tokens *tokens,
                      struct resultset_writer *out)
{
    struct admin_query query = {.text = NULL};
    admin_query_add_tokens(&query, tokens, 0);
    admin_run_query(context, &query, out);
}

static bool run_use(struct admin_context *context, const struct admin_tokens *tokens,
                    struct resultset_writer *out)
{
    struct admin_match match;
    if (!admin_match(tokens, "USE %name", &match) || match.next != tokens->count)
        return false;
    char *name = admin_token_value(match.captures[0]);
    admin_use(context, span_of_text(name), out);
    free(name);
    return true;
}

static void run_tokens(struct admin_context *context, const struct admin_tokens *tokens,
                       struct resultset_writer *out)
{
    size_t second;
    if (tokens->count == 0)
        admin_ok(out, ""); /* a comment */
    else if (has_second(tokens, &second))
        admin_syntax_error(out, tokens, second);
    else if (begins_with_one_of(tokens, "SELECT|WITH|VALUES|("))
        run_query(context, tokens, out);
    else if (begins_with_one_of(tokens,
                                "INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|TRUNCATE|RENAME|GRANT"))
        admin_error(out, ERROR_CODE_OPTION_PREVENTS_STATEMENT,
                    "The tables here are read-only; HELP lists what can be changed");
    else if (!run_use(context, tokens, out) && !admin_show_run(context, tokens, out) &&
             !admin_set_run(context, tokens, out) && !admin_command_run(context, tokens, out))
        admin_syntax_error(out, tokens, 0);
}

/* Only the listing of a source's tail is long; it is no SQL, and has a bound of its own. */
static size_t length_max(struct span sql)
{
    static const char word[] = "RECOVER ";
    struct span begin = {sql.data, strlen(word)};
    bool is_recover = sql.length > begin.length && span_is_text_nocase(begin, word);
    return is_recover ? TAIL_TEXT_MAX + ADMIN_SQL_TEXT_MAX : ADMIN_SQL_TEXT_MAX;
}

void admin_statement_run(struct admin_context *context, struct span sql, struct resultset_writer *out)
{
    struct admin_tokens tokens;
    size_t at;
    if (sql.length > length_max(sql)) {
        admin_error(out, ERROR_CODE_PACKET_TOO_LARGE, "A statement has at most %d bytes here",
                    ADMIN_SQL_TEXT_MAX);
        return;
    }
    if (sql.length > 0 && memchr(sql.data, 0, sql.length) != NULL) {
        admin_error(out, ERROR_CODE_PARSE, "A statement has no zero byte");
        return;
    }
    switch (admin_tokens_init(&tokens, sql, &at)) {
    case RESULT_OK:
        run_tokens(context, &tokens, out);
        admin_tokens_release(&tokens);
        break;
    case RESULT_TOO_LARGE:
        admin_error(out, ERROR_CODE_PARSE, "A statement has at most %d words and signs here",
                    ADMIN_TOKENS_MAX);
        break;
    default:
        admin_error(out, ERROR_CODE_PARSE,
                    "You have an error in your SQL: what is opened at position %zu is never closed", at + 1);
    }
}
