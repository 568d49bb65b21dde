/*
 * What changes in a config while the daemon goes by it: single keys, and the voters, taken from another
 * config.
 *
 * For runtime.c, on the replication loop. Only keys with is_reloadable may be taken: nobody keeps pointers to
 * their texts, and no other thread reads them.
 */
#ifndef ACKGATE_PROXY_CONFIG_CHANGE_H
#define ACKGATE_PROXY_CONFIG_CHANGE_H

#include "proxy/config_key.h"

#include "proxy/config.h"

/* Whether the key stands for something else; for a password, whether it is another one. */
bool config_change_differs(const struct config *config, const struct config *other, size_t key);
/* Takes the key's value, which `from` no longer has then. */
void config_change_take(struct config *config, struct config *from, size_t key, enum config_origin origin);
enum config_origin config_change_origin(const struct config *config, size_t key);

/*
 * One key's value on its own, as SET gives it. RESULT_MALFORMED: *ret_error is a sentence. On success the
 * config holds this key only, for config_change_take(); config_free() it.
 */
MUST_CHECK enum result config_change_parse(size_t key, const char *text, struct config **ret_config,
                                           char *ret_error, size_t error_max);

/* Whether there are new ones, missing ones, or some that are known by something else. */
bool config_change_voters_differ(const struct config *config, const struct config *other);
/*
 * The config's voters as they are after config_change_take_voters(): in their places, since they are known by
 * their number, new ones at the end, missing ones marked as removed. Borrows texts of both. RESULT_TOO_LARGE:
 * they are more than CONFIG_VOTERS_MAX.
 */
MUST_CHECK enum result config_change_merge_voters(const struct config *config, const struct config *other,
                                                  struct config_voter *ret_voters, size_t *ret_count);
void config_change_take_voters(struct config *config, struct config *from);

#endif
