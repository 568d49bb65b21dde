/* The translation of admin_query.h. */
#include "proxy/admin_query.h"

#include "protocol/xalloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void admin_query_release(struct admin_query *query)
{
    free(query->text);
    free(query->parts);
    *query = (struct admin_query){0};
}

static void add_bytes(struct admin_query *query, const char *bytes, size_t length)
{
    if (query->length + length + 1 > query->room) {
        query->room = (query->length + length + 1) * 2;
        query->text = xrealloc(query->text, query->room);
    }
    memcpy(query->text + query->length, bytes, length);
    query->length += length;
    query->text[query->length] = '\0';
}

void admin_query_add(struct admin_query *query, const char *text)
{
    add_bytes(query, text, strlen(text));
}

void admin_query_add_literal(struct admin_query *query, const char *value)
{
    add_bytes(query, "'", 1);
    for (const char *at = value; *at != '\0'; at++)
        add_bytes(query, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
    add_bytes(query, "'", 1);
}

/* @@global.name, @@name and @name: the name alone. */
static const char *skip_scope(const char *variable)
{
    static const char *const scopes[] = {"global.", "session.", "local."};
    while (*variable == '@')
        variable++;
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (strncasecmp(variable, scopes[i], strlen(scopes[i])) == 0)
            return variable + strlen(scopes[i]);
    }
    return variable;
}

static void add_variable(struct admin_query *query, const struct admin_token *token)
{
    char *text = admin_token_value(token);
    if (strncmp(text, "@@", 2) != 0) {
        admin_query_add(query, "NULL"); /* a user variable: never set here */
    } else {
        admin_query_add(query, "sysvar(");
        admin_query_add_literal(query, skip_scope(text));
        admin_query_add(query, ")");
    }
    free(text);
}

static void add_token(struct admin_query *query, const struct admin_token *token)
{
    if (token->kind == TOKEN_VARIABLE) {
        add_variable(query, token);
    } else if (token->kind == TOKEN_STRING) {
        char *value = admin_token_value(token);
        admin_query_add_literal(query, value);
        free(value);
    } else {
        add_bytes(query, (const char *)token->text.data, token->text.length);
    }
}

void admin_query_add_tokens(struct admin_query *query, const struct admin_tokens *tokens, size_t first)
{
    const uint8_t *before = NULL; /* the end of the token before */
    query->parts = xrealloc(query->parts, (query->part_count + tokens->count + 1) * sizeof(query->parts[0]));
    for (size_t i = first; i < tokens->count; i++) {
        const struct admin_token *token = &tokens->items[i];
        if (before != token->text.data)
            add_bytes(query, " ", 1);
        query->parts[query->part_count++] = (struct admin_query_part){
            query->length, (size_t)(token->text.data - tokens->start), token->text.length};
        add_token(query, token);
        before = token->text.data + token->text.length;
    }
    /* where the text ends */
    query->parts[query->part_count++] = (struct admin_query_part){query->length, SIZE_MAX, 0};
}

bool admin_query_source(const struct admin_query *query, size_t at, struct admin_query_part *ret_part)
{
    bool is_found = false;
    for (size_t i = 0; i < query->part_count && query->parts[i].at <= at; i++) {
        is_found = query->parts[i].source != SIZE_MAX;
        *ret_part = query->parts[i];
    }
    return is_found;
}
