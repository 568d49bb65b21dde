/* The tokens of replica_sql.h. */
#include "proxy/replica_sql.h"

#include <ctype.h>
#include <string.h>

static int peek(const struct sql_cursor *cursor, size_t ahead)
{
    size_t at = cursor->at + ahead;
    return at < cursor->sql.length ? cursor->sql.data[at] : -1;
}

static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_name(int c)
{
    return c == '_' || c == '$' || c >= 0x80 || (c > 0 && isalnum(c));
}

static void skip_line(struct sql_cursor *cursor)
{
    while (peek(cursor, 0) >= 0 && peek(cursor, 0) != '\n')
        cursor->at++;
}

static void skip_block(struct sql_cursor *cursor)
{
    int marker = peek(cursor, 2);
    if (marker == '!' || (marker == 'M' && peek(cursor, 3) == '!')) {
        cursor->at += marker == '!' ? 3 : 4;
        while (isdigit(peek(cursor, 0)))
            cursor->at++;
        return;
    }
    cursor->at += 2;
    while (peek(cursor, 0) >= 0 && !(peek(cursor, 0) == '*' && peek(cursor, 1) == '/'))
        cursor->at++;
    cursor->at += peek(cursor, 0) < 0 ? 0 : 2;
}

static void skip_blanks(struct sql_cursor *cursor)
{
    for (;;) {
        int c = peek(cursor, 0);
        int next = peek(cursor, 1);
        if (is_blank(c))
            cursor->at++;
        else if (c == '#' || (c == '-' && next == '-' && (peek(cursor, 2) < 0 || is_blank(peek(cursor, 2)))))
            skip_line(cursor);
        else if (c == '/' && next == '*')
            skip_block(cursor);
        else if (c == '*' && next == '/')
            cursor->at += 2;
        else
            return;
    }
}

static struct span take_name(struct sql_cursor *cursor)
{
    size_t start = cursor->at;
    while (is_name(peek(cursor, 0)))
        cursor->at++;
    return (struct span){cursor->sql.data + start, cursor->at - start};
}

/* From an opening quote to its end; false when there is none. */
static bool take_quoted(struct sql_cursor *cursor, struct span *ret_text)
{
    int quote = peek(cursor, 0);
    size_t start = ++cursor->at;
    for (; peek(cursor, 0) >= 0; cursor->at++) {
        int c = peek(cursor, 0);
        if (c == '\\' && quote != '`' && peek(cursor, 1) >= 0) {
            cursor->at++;
        } else if (c == quote && peek(cursor, 1) == quote) {
            cursor->at++;
        } else if (c == quote) {
            *ret_text = (struct span){cursor->sql.data + start, cursor->at - start};
            cursor->at++;
            return true;
        }
    }
    return false;
}

static bool is_quote(int c)
{
    return c == '\'' || c == '"' || c == '`';
}

static enum sql_kind take_user_variable(struct sql_cursor *cursor, struct sql_token *token)
{
    cursor->at++;
    if (is_quote(peek(cursor, 0)))
        return take_quoted(cursor, &token->text) ? SQL_USER_VARIABLE : SQL_BAD;
    size_t start = cursor->at;
    while (is_name(peek(cursor, 0)) || peek(cursor, 0) == '.')
        cursor->at++;
    token->text = (struct span){cursor->sql.data + start, cursor->at - start};
    return SQL_USER_VARIABLE;
}

static struct span take_maybe_quoted_name(struct sql_cursor *cursor)
{
    struct span name;
    if (peek(cursor, 0) != '`')
        return take_name(cursor);
    return take_quoted(cursor, &name) ? name : (struct span){NULL, 0};
}

static enum sql_kind take_system_variable(struct sql_cursor *cursor, struct sql_token *token)
{
    cursor->at += 2;
    token->text = take_maybe_quoted_name(cursor);
    while (peek(cursor, 0) == '.') {
        token->is_global = token->is_global || span_is_text_nocase(token->text, "global");
        cursor->at++;
        token->text = take_maybe_quoted_name(cursor);
    }
    return token->text.length > 0 ? SQL_SYSTEM_VARIABLE : SQL_BAD;
}

static enum sql_kind take_number(struct sql_cursor *cursor, struct sql_token *token)
{
    size_t start = cursor->at;
    while (isdigit(peek(cursor, 0)) || (peek(cursor, 0) == '.' && isdigit(peek(cursor, 1))))
        cursor->at++;
    token->text = (struct span){cursor->sql.data + start, cursor->at - start};
    return is_name(peek(cursor, 0)) ? SQL_BAD : SQL_NUMBER;
}

static enum sql_kind take_token(struct sql_cursor *cursor, struct sql_token *token)
{
    int c = peek(cursor, 0);
    if (c < 0)
        return SQL_END;
    if (c == '@')
        return peek(cursor, 1) == '@' ? take_system_variable(cursor, token)
                                      : take_user_variable(cursor, token);
    if (c == '`') {
        token->is_quoted = true;
        return take_quoted(cursor, &token->text) ? SQL_WORD : SQL_BAD;
    }
    if (is_quote(c))
        return take_quoted(cursor, &token->text) ? SQL_STRING : SQL_BAD;
    if (isdigit(c))
        return take_number(cursor, token);
    if (is_name(c)) {
        token->text = take_name(cursor);
        return SQL_WORD;
    }
    token->text = (struct span){cursor->sql.data + cursor->at, 1};
    cursor->at++;
    return c == 0 ? SQL_BAD : SQL_SYMBOL;
}

void sql_advance(struct sql_cursor *cursor)
{
    skip_blanks(cursor);
    struct sql_token token = {.kind = SQL_BAD};
    size_t start = cursor->at;
    token.kind = take_token(cursor, &token);
    token.raw = (struct span){cursor->sql.data + start, cursor->at - start};
    cursor->token = token;
}

void sql_start(struct sql_cursor *cursor, struct span sql)
{
    *cursor = (struct sql_cursor){.sql = sql};
    sql_advance(cursor);
}

bool sql_is_word(const struct sql_cursor *cursor, const char *word)
{
    return cursor->token.kind == SQL_WORD && !cursor->token.is_quoted &&
           span_is_text_nocase(cursor->token.text, word);
}

bool sql_take_word(struct sql_cursor *cursor, const char *word)
{
    if (!sql_is_word(cursor, word))
        return false;
    sql_advance(cursor);
    return true;
}

bool sql_take_symbol(struct sql_cursor *cursor, char symbol)
{
    if (cursor->token.kind != SQL_SYMBOL || cursor->token.text.data[0] != (uint8_t)symbol)
        return false;
    sql_advance(cursor);
    return true;
}

bool sql_take_words(struct sql_cursor *cursor, const char *words)
{
    struct sql_cursor tried = *cursor;
    while (*words != '\0') {
        char word[32];
        size_t length = strcspn(words, " ");
        if (length >= sizeof(word))
            return false;
        memcpy(word, words, length);
        word[length] = '\0';
        if (!sql_take_word(&tried, word))
            return false;
        words += length + (words[length] == ' ');
    }
    *cursor = tried;
    return true;
}

bool sql_is_over(struct sql_cursor *cursor)
{
    while (sql_take_symbol(cursor, ';'))
        ;
    return cursor->token.kind == SQL_END;
}

enum result sql_take_u64(struct sql_cursor *cursor, uint64_t *ret_value)
{
    if (cursor->token.kind != SQL_NUMBER)
        return RESULT_MALFORMED;
    uint64_t value = 0;
    for (size_t i = 0; i < cursor->token.text.length; i++) {
        unsigned digit = (unsigned)(cursor->token.text.data[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return RESULT_MALFORMED;
        value = value * 10 + digit;
    }
    sql_advance(cursor);
    *ret_value = value;
    return RESULT_OK;
}

size_t sql_unescape(struct span text, char *ret_value)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = (char)text.data[i];
        bool is_doubled = i + 1 < text.length && (c == '\'' || c == '"') && text.data[i + 1] == (uint8_t)c;
        if ((c == '\\' && i + 1 < text.length) || is_doubled)
            c = (char)text.data[++i];
        ret_value[length++] = c;
    }
    return length;
}

bool sql_like(struct span pattern, const char *text)
{
    size_t at = 0;
    size_t star = SIZE_MAX; /* behind the last % */
    const char *retry = text;
    while (*text != '\0') {
        int c = at < pattern.length ? pattern.data[at] : -1;
        bool is_escaped = c == '\\' && at + 1 < pattern.length;
        int wanted = is_escaped ? pattern.data[at + 1] : c;
        if (c == '%') {
            star = ++at;
            retry = text;
        } else if (c >= 0 &&
                   ((c == '_' && !is_escaped) || tolower(wanted) == tolower((unsigned char)*text))) {
            at += is_escaped ? 2 : 1;
            text++;
        } else if (star != SIZE_MAX) {
            at = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (at < pattern.length && pattern.data[at] == '%')
        at++;
    return at == pattern.length;
}
