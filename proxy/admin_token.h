/*
 * Words of a statement: splitting SQL text as MySQL would, and matching it against patterns.
 *
 * Comments are left out. Tokens point into the text, which lives as long as they.
 */
#ifndef ACKGATE_PROXY_ADMIN_TOKEN_H
#define ACKGATE_PROXY_ADMIN_TOKEN_H

#include "protocol/reader.h"

enum admin_token_kind {
    TOKEN_WORD,     /* status */
    TOKEN_QUOTED,   /* `status` */
    TOKEN_STRING,   /* 'text' or "text" */
    TOKEN_NUMBER,   /* 12, 1.5, 1e3, 0x1f */
    TOKEN_VARIABLE, /* @@global.name or @name */
    TOKEN_SIGN      /* one byte of anything else */
};

struct admin_token {
    enum admin_token_kind kind;
    struct span text; /* with its quotes */
};

struct admin_tokens {
    const uint8_t *start;      /* of the whole text */
    struct admin_token *items; /* owned */
    size_t count;
    size_t room;
};

enum { ADMIN_TOKENS_MAX = 16384 }; /* they are read in the replication loop's time */

/* A semicolon at the end is left out. RESULT_TOO_LARGE: more than ADMIN_TOKENS_MAX. RESULT_MALFORMED: a quote
 * or comment is never closed; *ret_at is where it was opened, in bytes. */
MUST_CHECK enum result admin_tokens_init(struct admin_tokens *tokens, struct span sql, size_t *ret_at);
void admin_tokens_release(struct admin_tokens *tokens);

/* The value of a string or quoted name, with its escapes resolved; other tokens as they are. Allocated. */
char *admin_token_value(const struct admin_token *token);
bool admin_token_is(const struct admin_token *token, const char *word); /* any case, WORD or SIGN */

enum { ADMIN_CAPTURES_MAX = 2 };

struct admin_match {
    const struct admin_token *captures[ADMIN_CAPTURES_MAX];
    size_t next; /* the first token behind the pattern */
};

/*
 * "SHOW GLOBAL|SESSION? STATUS": words with alternatives, a ? at the end for those that may be missing;
 * %name, %string, %number and %any capture a token. True when the statement begins with the pattern.
 */
bool admin_match(const struct admin_tokens *tokens, const char *pattern, struct admin_match *ret_match);

#endif
