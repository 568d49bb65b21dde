/* Splitting and matching of admin_token.h. */
#include "proxy/admin_token.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_word_byte(uint8_t byte)
{
    return isalnum(byte) || byte == '_' || byte == '$' || byte >= 0x80;
}

/* Length of the spaces and comments at the start; RESULT_MALFORMED: a comment is not closed. */
static enum result skip_blank(struct span rest, size_t *ret_length)
{
    size_t at = 0;
    for (;;) {
        const char *text = (const char *)rest.data + at;
        size_t left = rest.length - at;
        if (left > 0 && isspace((unsigned char)text[0])) {
            at++;
        } else if (left > 0 && (text[0] == '#' || (left > 1 && text[0] == '-' && text[1] == '-' &&
                                                   (left == 2 || isspace((unsigned char)text[2]))))) {
            const char *end = memchr(text, '\n', left);
            at += end == NULL ? left : (size_t)(end - text);
        } else if (left > 1 && text[0] == '/' && text[1] == '*') {
            const char *end = memmem(text + 2, left - 2, "*/", 2);
            *ret_length = at;
            if (end == NULL)
                return RESULT_MALFORMED;
            at += (size_t)(end - text) + 2;
        } else {
            *ret_length = at;
            return RESULT_OK;
        }
    }
}

/* Length of a quoted text with both quotes; 0: not closed. A doubled quote does not end it. */
static size_t quoted_length(struct span rest)
{
    uint8_t quote = rest.data[0];
    for (size_t i = 1; i < rest.length; i++) {
        if (rest.data[i] == '\\' && quote != '`')
            i++;
        else if (rest.data[i] == quote && i + 1 < rest.length && rest.data[i + 1] == quote)
            i++;
        else if (rest.data[i] == quote)
            return i + 1;
    }
    return 0;
}

static size_t run_length(struct span rest, size_t from, const char *more)
{
    size_t length = from;
    while (length < rest.length && (is_word_byte(rest.data[length]) ||
                                    (rest.data[length] != 0 && strchr(more, rest.data[length]) != NULL)))
        length++;
    return length;
}

static enum admin_token_kind kind_at(struct span rest)
{
    uint8_t first = rest.data[0];
    if (first == '\'' || first == '"')
        return TOKEN_STRING;
    if (first == '`')
        return TOKEN_QUOTED;
    if (isdigit(first))
        return TOKEN_NUMBER;
    if (first == '@')
        return TOKEN_VARIABLE;
    return is_word_byte(first) ? TOKEN_WORD : TOKEN_SIGN;
}

static size_t token_length(struct span rest, enum admin_token_kind kind)
{
    switch (kind) {
    case TOKEN_STRING:
    case TOKEN_QUOTED:
        return quoted_length(rest);
    case TOKEN_NUMBER:
        return run_length(rest, 1, ".");
    case TOKEN_VARIABLE:
        return run_length(rest, rest.length > 1 && rest.data[1] == '@' ? 2 : 1, ".");
    case TOKEN_WORD:
        return run_length(rest, 1, "");
    case TOKEN_SIGN:
        break;
    }
    return 1;
}

static void add(struct admin_tokens *tokens, struct admin_token token)
{
    if (tokens->count == tokens->room) {
        tokens->room = tokens->room == 0 ? 32 : tokens->room * 2;
        tokens->items = xrealloc(tokens->items, tokens->room * sizeof(tokens->items[0]));
    }
    tokens->items[tokens->count++] = token;
}

enum result admin_tokens_init(struct admin_tokens *tokens, struct span sql, size_t *ret_at)
{
    struct span rest = sql;
    *tokens = (struct admin_tokens){.start = sql.data};
    for (;;) {
        size_t length;
        enum result result = skip_blank(rest, &length);
        rest = (struct span){rest.data + length, rest.length - length};
        if (result == RESULT_OK && rest.length == 0)
            break;
        enum admin_token_kind kind = result == RESULT_OK ? kind_at(rest) : TOKEN_SIGN;
        length = result == RESULT_OK ? token_length(rest, kind) : 0;
        if (length == 0) {
            *ret_at = (size_t)(rest.data - sql.data);
            admin_tokens_release(tokens);
            return RESULT_MALFORMED;
        }
        if (tokens->count == ADMIN_TOKENS_MAX) {
            admin_tokens_release(tokens);
            return RESULT_TOO_LARGE;
        }
        add(tokens, (struct admin_token){
                        kind, {rest.data, length}
        });
        rest = (struct span){rest.data + length, rest.length - length};
    }
    while (tokens->count > 0 && admin_token_is(&tokens->items[tokens->count - 1], ";"))
        tokens->count--;
    return RESULT_OK;
}

void admin_tokens_release(struct admin_tokens *tokens)
{
    free(tokens->items);
    tokens->items = NULL;
    tokens->count = tokens->room = 0;
}

static char unescape(char byte)
{
    switch (byte) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    default:
        return byte;
    }
}

/* LIKE patterns keep \% and \_, as in MySQL. */
static bool is_kept_escape(char byte)
{
    return byte == '%' || byte == '_';
}

char *admin_token_value(const struct admin_token *token)
{
    const char *text = (const char *)token->text.data;
    size_t length = token->text.length;
    if (token->kind != TOKEN_STRING && token->kind != TOKEN_QUOTED)
        return xstrndup(text, length);
    char *value = xmalloc(length);
    size_t at = 0;
    for (size_t i = 1; i + 1 < length; i++) {
        bool is_escape = text[i] == '\\' && token->kind == TOKEN_STRING;
        if (is_escape && is_kept_escape(text[i + 1]))
            value[at++] = '\\';
        if (is_escape || text[i] == text[0])
            i++;
        value[at++] = is_escape ? unescape(text[i]) : text[i];
    }
    value[at] = '\0';
    return value;
}

bool admin_token_is(const struct admin_token *token, const char *word)
{
    return (token->kind == TOKEN_WORD || token->kind == TOKEN_SIGN) && span_is_text_nocase(token->text, word);
}

static bool captures(const struct admin_token *token, const char *what, size_t length)
{
    if (strncmp(what, "%name", length) == 0)
        return token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED;
    if (strncmp(what, "%string", length) == 0)
        return token->kind == TOKEN_STRING;
    if (strncmp(what, "%number", length) == 0)
        return token->kind == TOKEN_NUMBER;
    return strncmp(what, "%any", length) == 0;
}

/* One of the alternatives "A|B" of this length. */
static bool is_one_of(const struct admin_token *token, const char *words, size_t length)
{
    const char *end = words + length;
    while (words < end) {
        const char *bar = memchr(words, '|', (size_t)(end - words));
        size_t word_length = (size_t)((bar != NULL ? bar : end) - words);
        if ((token->kind == TOKEN_WORD || token->kind == TOKEN_SIGN) && token->text.length == word_length &&
            strncasecmp((const char *)token->text.data, words, word_length) == 0)
            return true;
        words += word_length + 1;
    }
    return false;
}

bool admin_match(const struct admin_tokens *tokens, const char *pattern, struct admin_match *ret_match)
{
    struct admin_match match = {.next = 0};
    size_t captured = 0;
    while (*pattern != '\0') {
        size_t length = strcspn(pattern, " ");
        bool is_optional = pattern[length - 1] == '?';
        size_t word_length = length - is_optional;
        const struct admin_token *token = match.next < tokens->count ? &tokens->items[match.next] : NULL;
        bool is_capture = pattern[0] == '%';
        if (token != NULL && is_capture && captures(token, pattern, word_length)) {
            match.captures[captured++] = token;
            match.next++;
        } else if (token != NULL && !is_capture && is_one_of(token, pattern, word_length)) {
            match.next++;
        } else if (!is_optional) {
            return false;
        }
        pattern += length;
        pattern += *pattern == ' ';
    }
    *ret_match = match;
    return true;
}
