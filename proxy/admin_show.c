/* SHOW, DESCRIBE and HELP: each is a query over the tables under a name that people know. */
#include "proxy/admin_statement.h"

#include "protocol/constants.h"
#include "proxy/admin_tables.h"

#include <stdlib.h>
#include <string.h>

enum show_check { NOTHING, IS_TABLE, IS_SCHEMA }; /* what the captured name must be */

/* `$` stands for the captured name as a string. The filter is the column that LIKE looks at. */
static const struct show {
    const char *pattern;
    const char *query;
    const char *filter; /* NULL: no LIKE and no WHERE */
    enum show_check check;
} shows[] = {
    {"SHOW GLOBAL|SESSION|LOCAL? STATUS",       "SELECT name AS Variable_name, value AS Value FROM status",
     "Variable_name",                                                                                                                            NOTHING },
    {"SHOW GLOBAL|SESSION|LOCAL? VARIABLES",    "SELECT name AS Variable_name, value AS Value FROM variables",
     "Variable_name",                                                                                                                            NOTHING },
    {"SHOW FULL TABLES FROM|IN %name",
     "SELECT name AS Tables_in_ackgate, 'BASE TABLE' AS Table_type FROM tables",                                            "Tables_in_ackgate",
     IS_SCHEMA                                                                                                                                           },
    {"SHOW FULL TABLES",                        "SELECT name AS Tables_in_ackgate, 'BASE TABLE' AS Table_type FROM tables",
     "Tables_in_ackgate",                                                                                                                        NOTHING },
    {"SHOW TABLES FROM|IN %name",               "SELECT name AS Tables_in_ackgate FROM tables",                             "Tables_in_ackgate",
     IS_SCHEMA                                                                                                                                           },
    {"SHOW TABLES",                             "SELECT name AS Tables_in_ackgate FROM tables",                             "Tables_in_ackgate", NOTHING },
    {"SHOW DATABASES|SCHEMAS",                  "SELECT 'ackgate' AS \"Database\"",                                         "Database",          NOTHING },
    {"SHOW FULL? PROCESSLIST",
     "SELECT id AS Id, user AS User, client AS Host, db, command AS Command, time_ms / 1000 AS Time, "
     "state AS State, waiting_gtid AS Info FROM sessions",                                                                  "User",              NOTHING },
    {"SHOW SOURCE STATUS",                      "SELECT * FROM source",                                                     "name",              NOTHING },
    {"SHOW MASTER STATUS",
     "SELECT confirmed_file AS File, confirmed_pos AS Position, '' AS Binlog_Do_DB, "
     "'' AS Binlog_Ignore_DB, * FROM source",                                                                               "File",              NOTHING },
    {"SHOW BINARY LOG STATUS",
     "SELECT confirmed_file AS File, confirmed_pos AS Position, '' AS Binlog_Do_DB, "
     "'' AS Binlog_Ignore_DB, * FROM source",                                                                               "File",              NOTHING },
    {"SHOW BINARY|MASTER LOGS",
     "SELECT file AS Log_name, size AS File_size, 'No' AS Encrypted, epoch AS Epoch, "
     "first_time AS First_time, confirmed AS Confirmed FROM binary_logs",                                                   "Log_name",          NOTHING },
    {"SHOW REPLICAS",                           "SELECT * FROM replicas",                                                   "name",              NOTHING },
    {"SHOW REPLICA|SLAVE HOSTS",                "SELECT * FROM replicas",                                                   "name",              NOTHING },
    {"SHOW QUORUM",                             "SELECT * FROM quorum",                                                     "rule",              NOTHING },
    {"SHOW WAITING",                            "SELECT * FROM waiting",                                                    "gtid",              NOTHING },
    {"SHOW SESSIONS",                           "SELECT * FROM sessions",                                                   "user",              NOTHING },
    {"SHOW JOURNAL",                            "SELECT * FROM journal",                                                    "type",              NOTHING },
    {"SHOW DISCARDED",                          "SELECT * FROM discarded",                                                  "gtid",              NOTHING },
    {"SHOW FULL? COLUMNS|FIELDS FROM|IN %name",
     "SELECT name AS Field, type AS Type, 'YES' AS \"Null\", '' AS \"Key\", NULL AS \"Default\", '' AS Extra "
     "FROM columns WHERE table_name = $",                                                                                   "Field",             IS_TABLE},
    {"DESCRIBE|DESC|EXPLAIN %name",
     "SELECT name AS Field, type AS Type, 'YES' AS \"Null\", '' AS \"Key\", NULL AS \"Default\", '' AS Extra "
     "FROM columns WHERE table_name = $",                                                                                   NULL,                IS_TABLE},
    {"SHOW CREATE TABLE %name",
     "SELECT $ AS \"Table\", 'CREATE TABLE `' || $ || '` (' || group_concat('`' || name || '` ' || type, "
     "', ') || ')' AS \"Create Table\" FROM columns WHERE table_name = $",                                                  NULL,                IS_TABLE},
    {"SHOW INDEX|INDEXES|KEYS FROM|IN %name",   "SELECT '' AS \"Table\", '' AS Key_name WHERE 0",                           NULL,
     IS_TABLE                                                                                                                                            },
    {"SHOW WARNINGS|ERRORS LIMIT? %number?",    "SELECT '' AS Level, 0 AS Code, '' AS Message WHERE 0",                     NULL,
     NOTHING                                                                                                                                             },
    {"SHOW COLLATION",
     "SELECT 'utf8mb4_general_ci' AS Collation, 'utf8mb4' AS Charset, 45 AS Id, 'Yes' AS \"Default\", "
     "'Yes' AS Compiled, 1 AS Sortlen",                                                                                     "Collation",         NOTHING },
    {"SHOW ENGINES",                            "SELECT '' AS Engine, '' AS Support WHERE 0",                               "Engine",            NOTHING },
    {"HELP %string",                            "SELECT statement, what FROM help WHERE statement LIKE '%' || $ || '%'",    NULL,                NOTHING },
    {"HELP",                                    "SELECT statement, what FROM help",                                         NULL,                NOTHING },
};

static void add_query(struct admin_query *query, const char *text, const char *name)
{
    for (; *text != '\0'; text++) {
        if (*text == '$')
            admin_query_add_literal(query, name);
        else
            admin_query_add(query, (const char[]){*text, '\0'});
    }
}

/* The rest of the statement: nothing, LIKE 'pattern' or WHERE expression. False: none of these. */
static bool add_filter(struct admin_query *query, const struct show *show, const struct admin_tokens *tokens,
                       size_t next)
{
    if (next == tokens->count)
        return true;
    if (show->filter == NULL)
        return false;
    if (admin_token_is(&tokens->items[next], "WHERE")) {
        admin_query_add_tokens(query, tokens, next);
        return true;
    }
    if (!admin_token_is(&tokens->items[next], "LIKE") || next + 2 != tokens->count ||
        tokens->items[next + 1].kind != TOKEN_STRING)
        return false;
    char *pattern = admin_token_value(&tokens->items[next + 1]);
    admin_query_add(query, " WHERE \"");
    admin_query_add(query, show->filter);
    admin_query_add(query, "\" LIKE ");
    admin_query_add_literal(query, pattern);
    admin_query_add(query, " ESCAPE '\\'");
    free(pattern);
    return true;
}

/* False after an error. */
static bool check_name(const struct show *show, const char *name, struct resultset_writer *out)
{
    if (show->check == IS_TABLE && admin_table_find(span_of_text(name)) == NULL) {
        admin_error(out, ERROR_CODE_NO_SUCH_TABLE, "Table '%.100s' doesn't exist; SHOW TABLES lists them",
                    name);
        return false;
    }
    if (show->check == IS_SCHEMA && !span_is_text_nocase(span_of_text(name), ADMIN_SCHEMA)) {
        admin_error(out, ERROR_CODE_BAD_DB, "Unknown database '%.100s'; the only one is " ADMIN_SCHEMA, name);
        return false;
    }
    return true;
}

/* "SHOW COLUMNS FROM table FROM schema" */
static size_t skip_schema(const struct show *show, const struct admin_tokens *tokens, size_t next)
{
    bool has_schema =
        show->check == IS_TABLE && next + 2 <= tokens->count &&
        (admin_token_is(&tokens->items[next], "FROM") || admin_token_is(&tokens->items[next], "IN") ||
         admin_token_is(&tokens->items[next], "."));
    return has_schema ? next + 2 : next;
}

static void run(struct admin_context *context, const struct show *show, const struct admin_tokens *tokens,
                const struct admin_match *match, struct resultset_writer *out)
{
    struct admin_query query = {.text = NULL};
    bool has_name = match->captures[0] != NULL;
    char *name = has_name ? admin_token_value(match->captures[0]) : NULL;
    size_t next = skip_schema(show, tokens, match->next);
    if (!has_name || check_name(show, name, out)) {
        admin_query_add(&query, "SELECT * FROM (");
        add_query(&query, show->query, has_name ? name : "");
        admin_query_add(&query, ")");
        if (add_filter(&query, show, tokens, next))
            admin_run_query(context, &query, out);
        else
            admin_syntax_error(out, tokens, next);
    }
    admin_query_release(&query);
    free(name);
}

bool admin_show_run(struct admin_context *context, const struct admin_tokens *tokens,
                    struct resultset_writer *out)
{
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
        struct admin_match match;
        if (admin_match(tokens, shows[i].pattern, &match)) {
            run(context, &shows[i], tokens, &match, out);
            return true;
        }
    }
    return false;
}
