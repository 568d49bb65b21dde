/*
 * Settings that change while the daemon runs: SET on the admin port, and reading the config anew (RELOAD,
 * SIGHUP). Changes the config that everybody reads (config_change.h) and tells those who keep copies. On the
 * replication loop only.
 */
#ifndef ACKGATE_PROXY_RUNTIME_H
#define ACKGATE_PROXY_RUNTIME_H

#include "proxy/pipeline.h"

enum { RUNTIME_TEXT_MAX = 4096 };

/* The config that the pipeline was started with; changed from here only. */
void runtime_start(struct config *config);

/* "hold" or "app.hold" → its index in config_keys; "quorum_rule" is quorum.rule. config_key_count(): no such
 * key. */
size_t runtime_key(const char *name);

/*
 * Sets a key that a reload may change, if it is a number, a duration, a size or a choice, or the quorum rule,
 * which is journaled. RESULT_CONFLICT: only the config file changes it. RESULT_MALFORMED: not a value for it.
 * ret_error is a sentence then.
 */
MUST_CHECK enum result runtime_set(struct pipeline *pipeline, size_t key, const char *value, char *ret_error,
                                   size_t error_max);

/*
 * Reads the config's files again and applies what needs no restart: all of it, or, when anything is wrong
 * with them, nothing (RESULT_MALFORMED). ret_text says what was done and which changes wait for a restart, or
 * what is wrong; the log too. The quorum rule is applied when the file's has changed since it was read last,
 * so that an operator's SET stands.
 */
MUST_CHECK enum result runtime_reload(struct pipeline *pipeline, char *ret_text, size_t text_max);

#endif
