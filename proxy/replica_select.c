/*
 * SELECT without tables, and SET, for replica_queries.h.
 *
 * Expressions are single values: a system or user variable, a literal, or one of a few functions. Column
 * names are what was written, or the alias.
 */
#include "proxy/replica_queries.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/replica_variables.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 128 };

/* One evaluated expression. */
struct value {
    char *name; /* of the column */
    char *text; /* NULL: NULL */
    size_t length;
};

static void value_release(struct value *value)
{
    free(value->name);
    free(value->text);
}

static void value_set(struct value *value, char *text)
{
    value->text = text;
    value->length = text == NULL ? 0 : strlen(text);
}

static enum result evaluate_system_variable(struct replica_query *query, struct value *value)
{
    struct span name = query->cursor.token.text;
    size_t index;
    if (replica_variable_find(query->server, name, &index) != RESULT_OK) {
        replica_query_error(query, ERROR_CODE_UNKNOWN_VARIABLE, "Unknown system variable '%s'",
                            log_quote(name));
        return RESULT_NOT_FOUND;
    }
    value_set(value, replica_variable_value(query->server, index, VARIABLE_IN_SELECT));
    sql_advance(&query->cursor);
    return RESULT_OK;
}

static void evaluate_user_variable(struct replica_query *query, struct value *value)
{
    const struct session_variable *variable = replica_session_find(query->session, query->cursor.token.text);
    if (variable != NULL && variable->value != NULL) {
        value->text = xmalloc(variable->length + 1);
        memcpy(value->text, variable->value, variable->length + 1);
        value->length = variable->length;
    }
    sql_advance(&query->cursor);
}

static void evaluate_string(struct replica_query *query, struct value *value)
{
    struct span text = query->cursor.token.text;
    value->text = xmalloc(text.length + 1);
    value->length = sql_unescape(text, value->text);
    value->text[value->length] = '\0';
    sql_advance(&query->cursor);
}

static void evaluate_number(struct replica_query *query, struct value *value, bool is_negative)
{
    struct span text = query->cursor.token.text;
    value_set(value, xasprintf("%s%.*s", is_negative ? "-" : "", (int)text.length, (const char *)text.data));
    sql_advance(&query->cursor);
}

/* BINLOG_GTID_POS('file', offset): the state there, one GTID per domain; NULL when there is no such place. */
static enum result evaluate_gtid_pos(struct replica_query *query, struct value *value)
{
    struct sql_cursor *cursor = &query->cursor;
    struct span base;
    struct position position;
    struct span name = cursor->token.text;
    if (cursor->token.kind != SQL_STRING)
        return RESULT_MALFORMED;
    sql_advance(cursor);
    if (!sql_take_symbol(cursor, ',') || sql_take_u64(cursor, &position.offset) != RESULT_OK)
        return RESULT_MALFORMED;
    struct gtid_state state;
    gtid_state_init(&state, store_flavor(query->server->store));
    if (binlog_name_parse(name, &base, &position.file) == RESULT_OK &&
        span_is_text(base, store_base(query->server->store)) &&
        store_has_position(query->server->store, position) &&
        store_gtids_at(query->server->store, position, &state) == RESULT_OK &&
        state.flavor == FLAVOR_MARIADB) {
        size_t room = state.list.count * GTID_TEXT_MAX + 1;
        struct writer writer;
        value->text = xcalloc(1, room);
        writer_init(&writer, value->text, room - 1);
        gtid_list_write_last(&writer, &state.list);
        value->length = writer.length;
    }
    gtid_state_release(&state);
    return RESULT_OK;
}

static enum result evaluate_function(struct replica_query *query, struct value *value)
{
    struct sql_cursor *cursor = &query->cursor;
    if (sql_take_words(cursor, "NULL"))
        return RESULT_OK;
    enum result result = RESULT_OK;
    struct sql_cursor name = *cursor;
    sql_advance(cursor);
    if (!sql_take_symbol(cursor, '('))
        return RESULT_MALFORMED;
    if (sql_is_word(&name, "UNIX_TIMESTAMP"))
        value_set(value, xasprintf("%llu", (unsigned long long)(clock_wall_ms() / 1000)));
    else if (sql_is_word(&name, "VERSION"))
        value_set(value, xstrdup(query->server->identity->source_version));
    else if (sql_is_word(&name, "CONNECTION_ID"))
        value_set(value, xasprintf("%llu", (unsigned long long)query->server->connection_id));
    else if (sql_is_word(&name, "BINLOG_GTID_POS"))
        result = evaluate_gtid_pos(query, value);
    else if (!sql_is_word(&name, "DATABASE") && !sql_is_word(&name, "SCHEMA"))
        result = RESULT_MALFORMED;
    return result == RESULT_OK && sql_take_symbol(cursor, ')') ? RESULT_OK : RESULT_MALFORMED;
}

/* RESULT_NOT_FOUND: the error has been written; RESULT_MALFORMED: it has not. */
static enum result evaluate(struct replica_query *query, struct value *value)
{
    bool is_negative = sql_take_symbol(&query->cursor, '-');
    switch (query->cursor.token.kind) {
    case SQL_SYSTEM_VARIABLE:
        return evaluate_system_variable(query, value);
    case SQL_USER_VARIABLE:
        evaluate_user_variable(query, value);
        return RESULT_OK;
    case SQL_STRING:
        evaluate_string(query, value);
        return RESULT_OK;
    case SQL_NUMBER:
        evaluate_number(query, value, is_negative);
        return RESULT_OK;
    case SQL_WORD:
        return evaluate_function(query, value);
    default:
        return RESULT_MALFORMED;
    }
}

static bool is_at_alias(const struct sql_cursor *cursor)
{
    bool is_name = cursor->token.kind == SQL_WORD || cursor->token.kind == SQL_STRING;
    return is_name && !sql_is_word(cursor, "LIMIT") && !sql_is_word(cursor, "FROM");
}

static enum result evaluate_column(struct replica_query *query, struct value *value)
{
    struct sql_cursor *cursor = &query->cursor;
    const uint8_t *start = cursor->token.raw.data;
    enum result result = evaluate(query, value);
    if (result != RESULT_OK)
        return result;
    const uint8_t *end = cursor->token.raw.data;
    while (end > start && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\t'))
        end--;
    struct span name = {start, (size_t)(end - start)};
    if (sql_take_word(cursor, "AS") || is_at_alias(cursor)) {
        name = cursor->token.text;
        sql_advance(cursor);
    }
    value->name = xstrndup((const char *)name.data, name.length);
    return RESULT_OK;
}

/* FROM DUAL, LIMIT n: what may follow the columns. */
static bool take_tail(struct sql_cursor *cursor)
{
    uint64_t limit;
    if (sql_take_word(cursor, "FROM") && !sql_take_word(cursor, "DUAL"))
        return false;
    if (sql_take_word(cursor, "LIMIT") && sql_take_u64(cursor, &limit) != RESULT_OK)
        return false;
    return sql_is_over(cursor);
}

static void write_row(struct replica_query *query, const struct value *values, size_t count)
{
    struct resultset_column columns[COLUMNS_MAX];
    for (size_t i = 0; i < count; i++)
        columns[i] = (struct resultset_column){.name = values[i].name};
    resultset_writer_columns(query->writer, columns, count);
    resultset_writer_row_begin(query->writer);
    for (size_t i = 0; i < count; i++) {
        if (values[i].text == NULL)
            resultset_writer_null(query->writer);
        else
            resultset_writer_value(query->writer,
                                   (struct span){(const uint8_t *)values[i].text, values[i].length});
    }
    resultset_writer_row_end(query->writer);
    resultset_writer_end(query->writer, STATUS_AUTOCOMMIT, 0);
}

void replica_answer_select(struct replica_query *query)
{
    struct value values[COLUMNS_MAX] = {{0}};
    size_t count = 0;
    enum result result;
    do
        result = evaluate_column(query, &values[count++]);
    while (result == RESULT_OK && count < COLUMNS_MAX && sql_take_symbol(&query->cursor, ','));
    if (result == RESULT_OK && take_tail(&query->cursor))
        write_row(query, values, count);
    else if (result != RESULT_NOT_FOUND)
        replica_query_syntax_error(query);
    for (size_t i = 0; i < count; i++)
        value_release(&values[i]);
}

/* ---- SET ---- */

static enum result set_user_variable(struct replica_query *query)
{
    struct span name = query->cursor.token.text;
    struct value value = {0};
    sql_advance(&query->cursor);
    bool is_colon = sql_take_symbol(&query->cursor, ':');
    (void)is_colon; /* SET @x := 1 is the same */
    enum result result = sql_take_symbol(&query->cursor, '=') ? evaluate(query, &value) : RESULT_MALFORMED;
    if (result == RESULT_OK) {
        struct span text = {(const uint8_t *)value.text, value.length};
        result = replica_session_set(query->session, name, text);
    }
    value_release(&value);
    return result;
}

/* Skips to the comma that ends a setting that has no meaning here. */
static enum result skip_setting(struct replica_query *query)
{
    struct sql_cursor *cursor = &query->cursor;
    unsigned depth = 0;
    while (cursor->token.kind != SQL_END) {
        bool is_symbol = cursor->token.kind == SQL_SYMBOL;
        uint8_t symbol = is_symbol ? cursor->token.text.data[0] : 0;
        if (cursor->token.kind == SQL_BAD)
            return RESULT_MALFORMED;
        if (depth == 0 && (symbol == ',' || symbol == ';'))
            return RESULT_OK;
        depth += symbol == '(';
        depth -= symbol == ')' && depth > 0;
        sql_advance(cursor);
    }
    return RESULT_OK;
}

static enum result set_one(struct replica_query *query)
{
    struct sql_cursor *cursor = &query->cursor;
    if (cursor->token.kind == SQL_USER_VARIABLE)
        return set_user_variable(query);
    bool is_global =
        sql_is_word(cursor, "GLOBAL") || sql_is_word(cursor, "PERSIST") || cursor->token.is_global;
    if (is_global) {
        replica_query_error(query, ERROR_CODE_SPECIFIC_ACCESS_DENIED,
                            "ackgate: global variables cannot be set through the replication port");
        return RESULT_NOT_FOUND;
    }
    if (cursor->token.kind != SQL_WORD && cursor->token.kind != SQL_SYSTEM_VARIABLE)
        return RESULT_MALFORMED;
    return skip_setting(query);
}

void replica_answer_set(struct replica_query *query)
{
    enum result result;
    do
        result = set_one(query);
    while (result == RESULT_OK && sql_take_symbol(&query->cursor, ','));
    if (result == RESULT_OK && sql_is_over(&query->cursor))
        replica_query_ok(query);
    else if (result == RESULT_FULL)
        replica_query_error(query, ERROR_CODE_UNKNOWN,
                            "ackgate: a connection can set %d user variables at most", SESSION_VARIABLES_MAX);
    else if (result != RESULT_NOT_FOUND)
        replica_query_syntax_error(query);
}
