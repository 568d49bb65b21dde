/*
 * The words of an SQL statement, as far as replicas and binlog clients write them.
 *
 * A cursor over the statement's bytes: comments and blanks are skipped (the inside of a MySQL or MariaDB
 * executable comment is read), and what cannot be a token ends as SQL_BAD. Nothing is allocated; tokens point
 * into the statement.
 */
#ifndef ACKGATE_PROXY_REPLICA_SQL_H
#define ACKGATE_PROXY_REPLICA_SQL_H

#include "protocol/reader.h"

enum sql_kind {
    SQL_END,
    SQL_BAD,
    SQL_WORD,            /* also a name in backticks */
    SQL_STRING,          /* text is what stands between the quotes, escapes not resolved */
    SQL_NUMBER,          /* a sign before it is a symbol */
    SQL_USER_VARIABLE,   /* @name, text without the @ */
    SQL_SYSTEM_VARIABLE, /* @@name, @@global.name: text is the name alone */
    SQL_SYMBOL,          /* one character */
};

struct sql_token {
    enum sql_kind kind;
    struct span text;
    struct span raw; /* as written */
    bool is_global;  /* SQL_SYSTEM_VARIABLE with the scope "global" */
    bool is_quoted;  /* SQL_WORD in backticks: no keyword */
};

struct sql_cursor {
    struct span sql;
    size_t at;
    struct sql_token token; /* the current one */
};

void sql_start(struct sql_cursor *cursor, struct span sql); /* the first token is current */
void sql_advance(struct sql_cursor *cursor);
/* True, and past it, when the current token is this keyword or symbol. */
bool sql_take_word(struct sql_cursor *cursor, const char *word);
bool sql_take_symbol(struct sql_cursor *cursor, char symbol);
/* Several keywords in a row, "SHOW BINARY LOGS"; either all are taken or none. */
bool sql_take_words(struct sql_cursor *cursor, const char *words);
bool sql_is_word(const struct sql_cursor *cursor, const char *word);
/* At the end, a last semicolon allowed. */
bool sql_is_over(struct sql_cursor *cursor);
/* A number without sign. RESULT_MALFORMED: another token, or over 64 bits. */
MUST_CHECK enum result sql_take_u64(struct sql_cursor *cursor, uint64_t *ret_value);

/* Resolves the escapes of a string's text into ret_value, which has room for text.length; returns the length.
 */
size_t sql_unescape(struct span text, char *ret_value);
/* LIKE with % _ and \, ASCII case folded. */
bool sql_like(struct span pattern, const char *text);

#endif
