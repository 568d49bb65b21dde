/*
 * SET: ackgate's own settings (runtime.h), and what clients set by themselves, which is agreed to and
 * forgotten: character sets, autocommit, sql_mode, transaction isolation, user variables.
 */
#include "proxy/admin_statement.h"

#include "protocol/constants.h"
#include "proxy/admin_sysvar.h"
#include "proxy/config_key.h"
#include "proxy/runtime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_scope(const struct admin_token *token)
{
    return admin_token_is(token, "GLOBAL") || admin_token_is(token, "SESSION") ||
           admin_token_is(token, "LOCAL") || admin_token_is(token, "PERSIST");
}

/* The end of an assignment: the comma outside parentheses, or the end. */
static size_t find_end(const struct admin_tokens *tokens, size_t at)
{
    int depth = 0;
    for (; at < tokens->count; at++) {
        const struct admin_token *token = &tokens->items[at];
        depth += admin_token_is(token, "(");
        depth -= admin_token_is(token, ")");
        if (depth == 0 && admin_token_is(token, ","))
            break;
    }
    return at;
}

/* The bare name that an assignment begins with, allocated; *ret_next is the token behind it. NULL: none. */
static char *take_name(const struct admin_tokens *tokens, size_t at, size_t *ret_next)
{
    if (at < tokens->count && is_scope(&tokens->items[at]))
        at++;
    if (at >= tokens->count)
        return NULL;
    const struct admin_token *token = &tokens->items[at];
    *ret_next = at + 1;
    char *name = admin_token_value(token);
    if (token->kind == TOKEN_VARIABLE && strncmp(name, "@@", 2) == 0) {
        const char *bare = name + 2;
        if (strncasecmp(bare, "global.", 7) == 0 || strncasecmp(bare, "session.", 8) == 0)
            bare = strchr(bare, '.') + 1;
        memmove(name, bare, strlen(bare) + 1);
    } else if (at + 2 < tokens->count && admin_token_is(&tokens->items[at + 1], ".")) {
        /* app.commit_wait */
        char *section = name;
        char *key = admin_token_value(&tokens->items[at + 2]);
        name = malloc(strlen(section) + strlen(key) + 2);
        if (name == NULL)
            abort();
        stpcpy(stpcpy(stpcpy(name, section), "."), key);
        free(section);
        free(key);
        *ret_next = at + 3;
    }
    return name;
}

/* False after an error. */
static bool set_own(struct admin_context *context, const char *name, size_t key,
                    const struct admin_tokens *tokens, size_t value_at, size_t end,
                    struct resultset_writer *out)
{
    char error[400];
    if (!admin_may_change(context, out))
        return false;
    if (end != value_at + 1) {
        admin_syntax_error(out, tokens, end > value_at ? value_at + 1 : value_at);
        return false;
    }
    char *value = admin_token_value(&tokens->items[value_at]);
    enum result result = runtime_set(context->pipeline, key, value, error, sizeof(error));
    free(value);
    if (result == RESULT_OK)
        return true;
    if (result == RESULT_CONFLICT)
        admin_error(out, ERROR_CODE_READ_ONLY_VARIABLE, "Variable '%.60s' is a read only variable; %s", name,
                    error);
    else
        admin_error(out, ERROR_CODE_WRONG_VALUE_FOR_VARIABLE, "%s", error);
    return false;
}

/* One assignment; false after an error. */
static bool assign(struct admin_context *context, const struct admin_tokens *tokens, size_t at, size_t end,
                   struct resultset_writer *out)
{
    const char *ignored;
    size_t next = at;
    char *name = take_name(tokens, at, &next);
    bool is_done = false;
    size_t value_at = next + 1;
    if (next < end && admin_token_is(&tokens->items[next], ":"))
        value_at = ++next + 1; /* := */
    size_t key = name != NULL ? runtime_key(name) : 0;
    if (name == NULL || next >= end || !admin_token_is(&tokens->items[next], "=")) {
        admin_syntax_error(out, tokens, next);
    } else if (name[0] == '@' || admin_sysvar_find(name, &ignored)) {
        is_done = true;
    } else if (key == config_key_count()) {
        admin_error(out, ERROR_CODE_UNKNOWN_VARIABLE,
                    "Unknown system variable '%.100s'; SELECT * FROM variables lists ackgate's", name);
    } else {
        is_done = set_own(context, name, key, tokens, value_at, end, out);
    }
    free(name);
    return is_done;
}

/* Forms without an equals sign. */
static bool is_chatter(const struct admin_tokens *tokens)
{
    static const char *const patterns[] = {
        "SET NAMES",
        "SET CHARACTER SET",
        "SET CHARSET",
        "SET GLOBAL|SESSION|LOCAL? TRANSACTION",
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct admin_match match;
        if (admin_match(tokens, patterns[i], &match))
            return true;
    }
    return false;
}

bool admin_set_run(struct admin_context *context, const struct admin_tokens *tokens,
                   struct resultset_writer *out)
{
    struct admin_match match;
    if (!admin_match(tokens, "SET", &match))
        return false;
    if (is_chatter(tokens)) {
        admin_ok(out, "");
        return true;
    }
    for (size_t at = 1;; at++) {
        size_t end = find_end(tokens, at);
        if (!assign(context, tokens, at, end, out))
            return true;
        at = end;
        if (at >= tokens->count)
            break;
    }
    admin_ok(out, "");
    return true;
}
