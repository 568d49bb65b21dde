/* RECOVER SOURCE … and RESOLVE of the admin port. */
#ifndef ACKGATE_PROXY_ADMIN_RECOVER_H
#define ACKGATE_PROXY_ADMIN_RECOVER_H

#include "proxy/admin_statement.h"

/* The words are those of tail_text.h. Each writes a whole response. */
void admin_recover_status(struct admin_context *context, struct resultset_writer *out);
void admin_recover_tail(struct admin_context *context, const struct admin_token *text, bool decides,
                        struct resultset_writer *out);
void admin_recover_engine(struct admin_context *context, const struct admin_token *text,
                          struct resultset_writer *out);
void admin_resolve(struct admin_context *context, const struct admin_token *gtid, bool is_discard,
                   struct resultset_writer *out);

#endif
