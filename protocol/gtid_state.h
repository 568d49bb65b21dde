/*
 * Which transactions there are, whatever the flavour: a gtid_set on MySQL, a gtid_list on MariaDB.
 *
 * The store keeps one per file start, the core keeps those received and those confirmed, and the gate asks
 * for the transactions that a client's OK names. No locking inside.
 */
#ifndef ACKGATE_PROTOCOL_GTID_STATE_H
#define ACKGATE_PROTOCOL_GTID_STATE_H

#include "protocol/binlog_event.h"
#include "protocol/gtid_list.h"
#include "protocol/gtid_set.h"

struct gtid_state {
    enum flavor flavor; /* which member is there */
    union {
        struct gtid_set set;
        struct gtid_list list;
    };
};

/* With FLAVOR_UNKNOWN the state is empty, contains nothing and must not be added to. */
void gtid_state_init(struct gtid_state *state, enum flavor flavor);
void gtid_state_release(struct gtid_state *state); /* as after an init of the same flavour */
void gtid_state_clear(struct gtid_state *state);
void gtid_state_copy(struct gtid_state *state, const struct gtid_state *other); /* takes its flavour too */
void gtid_state_move(struct gtid_state *state, struct gtid_state *other); /* other is empty afterwards */

/* The GTID of the next transaction in the binlog. GTID_NONE is ignored; another flavour's is our mistake. */
void gtid_state_add(struct gtid_state *state, const struct gtid *gtid);
void gtid_state_add_state(struct gtid_state *state, const struct gtid_state *other);

bool gtid_state_is_empty(const struct gtid_state *state);
bool gtid_state_equal(const struct gtid_state *a, const struct gtid_state *b);
bool gtid_state_contains(const struct gtid_state *state, const struct gtid *gtid); /* GTID_NONE: true */
bool gtid_state_contains_state(const struct gtid_state *state, const struct gtid_state *other);

/*
 * Whether all that an OK's session tracker names is in the state: on MySQL a GTID set ("uuid:16-17"), on
 * MariaDB one or more GTIDs ("0-1-8"), each of which is in when its domain and server have reached its
 * number. An empty text is contained. RESULT_MALFORMED: not such a text, output untouched. Never allocates.
 */
MUST_CHECK enum result gtid_state_contains_text(const struct gtid_state *state, struct span text,
                                                bool *ret_contains);

/* Adds what text or event names; the state is unchanged on failure. */
MUST_CHECK enum result gtid_state_parse(struct gtid_state *state, struct span text);
/* PREVIOUS_GTIDS (35) or GTID_LIST (163), whichever is the flavour's; body is without header and checksum. */
MUST_CHECK enum result gtid_state_decode(struct gtid_state *state, uint8_t event_type, struct span body);

void gtid_state_write(struct writer *writer, const struct gtid_state *state);
char *gtid_state_format(const struct gtid_state *state); /* "" when empty; the caller frees it */

#endif
