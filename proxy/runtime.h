/*
 * Settings that change while the daemon runs: SET on the admin port, and reading the config anew (RELOAD,
 * SIGHUP). Keeps what they are now, for the `variables` table. On the replication loop only.
 */
#ifndef ACKGATE_PROXY_RUNTIME_H
#define ACKGATE_PROXY_RUNTIME_H

#include "proxy/pipeline.h"

/* What a config key's value is now, when it is not the one of pipeline_config(); else NULL. is_from_file: a
 * reload brought it. Lives until the next change. */
const char *runtime_value(const char *name, bool *ret_is_from_file);

/* "commit_wait" or "app.commit_wait" → "app.commit_wait"; NULL: no such key. "quorum_rule" is quorum.rule. */
const char *runtime_key(const char *name);

/*
 * Sets app.commit_wait, ackgate.log_level or quorum.rule. RESULT_NOT_FOUND: no such key. RESULT_CONFLICT: it
 * needs a restart. RESULT_MALFORMED: not a value for it. ret_error is a sentence then.
 */
MUST_CHECK enum result runtime_set(struct pipeline *pipeline, const char *name, const char *value,
                                   char *ret_error, size_t error_max);

/*
 * Reads the config's file again, applies what a reload may, and says in ret_text what it did and which
 * changes wait for a restart. RESULT_MALFORMED: the file has problems (in ret_text), nothing was changed.
 */
MUST_CHECK enum result runtime_reload(struct pipeline *pipeline, char *ret_text, size_t text_max);

#endif
