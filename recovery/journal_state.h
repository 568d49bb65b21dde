/*
 * What is known after all records of the journal: the state that replaying gives, and that a checkpoint
 * holds.
 *
 * Pure: journal_state_apply() is the only thing that changes it, record by record, in the daemon as in the
 * reader. The verdict and the start of the daemon ask it.
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_STATE_H
#define ACKGATE_RECOVERY_JOURNAL_STATE_H

#include "recovery/journal_record.h"

/*
 * Whoever was sent something. Forgotten as soon as nothing depends on it any more: detached, never acked, and
 * all that it was sent is confirmed.
 */
struct journal_consumer {
    char name[JOURNAL_CONSUMER_MAX];
    uint32_t server_id;
    char server_uuid[JOURNAL_UUID_MAX];
    uint32_t attached;    /* attachments without a detach; while not 0, everything may have been sent to it */
    uint32_t lost;        /* the same of runs that crashed; admission of the source settles them, because then
                             all that any run ever sent is confirmed */
    struct position sent; /* the most that ended attachments were sent, or the latest began with */
    bool has_acked;       /* only then: */
    struct position acked; /* its latest ack */
    uint64_t changed_ms;   /* of its latest attach or detach */
};

struct journal_discarded {
    uint32_t epoch; /* that it ended */
    uint64_t time_ms;
    struct position from, to;
    char *gtids, *reason, *kept_as, *places; /* of journal_discard; never NULL */
};

enum { JOURNAL_OVERRIDES_MAX = 1000 }; /* that are remembered, the latest ones */

struct journal_state {
    uint64_t sequence; /* of the last record applied; 0: none yet */
    uint32_t epoch;    /* 1 at the start */
    bool is_unproven;  /* the journal is new, or lost its tail: who was sent what is not known until the
                          source is admitted, because then all that it has is confirmed */
    bool is_stopped;   /* the last record is JOURNAL_STOPPED */
    char own_uuid[JOURNAL_UUID_MAX]; /* "" before the first start */

    bool has_source;
    enum flavor flavor;
    uint32_t source_server_id;
    char source_uuid[JOURNAL_UUID_MAX];
    char source_base[BINLOG_BASE_MAX];
    char source_version[JOURNAL_VERSION_MAX];
    bool is_admitted; /* the latest of JOURNAL_ADMITTED and JOURNAL_REFUSED */

    struct position confirmed; /* POSITION_NONE: nothing yet */
    char *confirmed_gtid;      /* never NULL */
    char *rule;                /* NULL: the config's rule */

    struct journal_consumer *consumers;
    size_t consumers_count;
    struct journal_discarded *discards; /* oldest first */
    size_t discards_count;
    char **overrides; /* texts of JOURNAL_OVERRIDE, oldest first, each once: the latest */
    size_t overrides_count;

    uint64_t starts;   /* JOURNAL_STARTED records ever */
    uint64_t attaches; /* JOURNAL_ATTACH records ever */
};

void journal_state_init(struct journal_state *state);
void journal_state_release(struct journal_state *state);

/*
 * sequence, time and epoch are the frame's. RESULT_MALFORMED only for a checkpoint that is not one: the state
 * is as it was. Everything else applies always.
 */
MUST_CHECK enum result journal_state_apply(struct journal_state *state, const struct journal_record *record,
                                           uint64_t sequence, uint64_t time_ms);

/* NULL: nothing known of that name. Lives until the next apply. */
const struct journal_consumer *journal_state_consumer(const struct journal_state *state, const char *name);

/*
 * How far anything may have been sent to anybody: false: no bound is known (someone was attached, or
 * is_unproven); true: *ret_position is the highest sent position, or the confirmed one when that is higher.
 */
bool journal_state_exposed(const struct journal_state *state, struct position *ret_position);

/* The whole state in bytes, the body of a checkpoint; the caller frees it. */
uint8_t *journal_state_encode(const struct journal_state *state, size_t *ret_length);
/* Replaces a state that was initialised; RESULT_MALFORMED leaves it as it was. */
MUST_CHECK enum result journal_state_decode(struct journal_state *state, struct span bytes);

#endif
