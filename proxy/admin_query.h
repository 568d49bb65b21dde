/*
 * A query in the words of SQLite, made from a statement in the words of MySQL.
 *
 * Strings get SQLite's quotes and no backslashes, @@name becomes sysvar('name'), comments go. The query
 * remembers where each part came from, so that an error can name the place in what the client wrote.
 */
#ifndef ACKGATE_PROXY_ADMIN_QUERY_H
#define ACKGATE_PROXY_ADMIN_QUERY_H

#include "proxy/admin_token.h"

struct admin_query_part {
    size_t at;     /* in the query's text */
    size_t source; /* in the client's text */
    size_t length; /* there */
};

/* Zeroed is empty. */
struct admin_query {
    char *text; /* owned, with a NUL */
    size_t length;
    size_t room;
    struct admin_query_part *parts; /* owned */
    size_t part_count;
};

void admin_query_release(struct admin_query *query);
void admin_query_add(struct admin_query *query, const char *text);          /* as it is */
void admin_query_add_literal(struct admin_query *query, const char *value); /* as a string */
void admin_query_add_tokens(struct admin_query *query, const struct admin_tokens *tokens, size_t first);

/* The part of the client's text at a place of the query; false: that place is our own. */
bool admin_query_source(const struct admin_query *query, size_t at, struct admin_query_part *ret_part);

#endif
