/*
 * What a client of the admin port can say: one statement in, one response out.
 *
 * Queries go to admin_sql.h; SHOW and the like are queries by another name (admin_show.c); SET
 * (admin_set.c) and the operator's commands (admin_command.c) change something. Anything else is error 1064
 * with a hint to HELP.
 */
#ifndef ACKGATE_PROXY_ADMIN_STATEMENT_H
#define ACKGATE_PROXY_ADMIN_STATEMENT_H

#include "proxy/admin_sql.h"

/* Writes a whole response: a result set, an OK or an error. */
void admin_statement_run(struct admin_context *context, struct span sql, struct resultset_writer *out);

/* ---- its parts; false: it is none of theirs, and nothing was written ---- */
bool admin_show_run(struct admin_context *context, const struct admin_tokens *tokens,
                    struct resultset_writer *out);
bool admin_set_run(struct admin_context *context, const struct admin_tokens *tokens,
                   struct resultset_writer *out);
bool admin_command_run(struct admin_context *context, const struct admin_tokens *tokens,
                       struct resultset_writer *out);

/* ---- responses ---- */
void admin_ok(struct resultset_writer *out, const char *info);
__attribute__((format(printf, 3, 4))) void admin_error(struct resultset_writer *out, uint16_t code,
                                                       const char *format, ...);
/* 1064 at a token of the statement, by its index; tokens->count: at its end. */
void admin_syntax_error(struct resultset_writer *out, const struct admin_tokens *tokens, size_t index);

/* Runs the query, at once or on the worker; takes its memory. */
void admin_run_query(struct admin_context *context, struct admin_query *query, struct resultset_writer *out);
/* Whether the session may change something; if not, error 1227 has been written. */
bool admin_may_change(const struct admin_context *context, struct resultset_writer *out);

/* Uses the schema; 1049 when it is not ADMIN_SCHEMA. */
void admin_use(struct admin_context *context, struct span name, struct resultset_writer *out);
/* KILL id, from SQL and from COM_PROCESS_KILL. */
void admin_kill_id(struct admin_context *context, uint64_t id, struct resultset_writer *out);

struct admin_help {
    const char *statement;
    const char *what;
};
extern const struct admin_help admin_help[]; /* a NULL statement ends it */

#endif
