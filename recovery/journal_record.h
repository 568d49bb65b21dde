/*
 * What the journal says: one record for each thing acked, sent or decided, and its body in bytes.
 *
 * Texts are borrowed: the caller's when a record is put, the read buffer's when it was decoded. NULL counts
 * as "". Positions are the source's, of the epoch in which the record stands. A name is that of a voter in
 * the config, or what the replication port calls an observer; everything said about one name is about one
 * consumer.
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_RECORD_H
#define ACKGATE_RECOVERY_JOURNAL_RECORD_H

#include "protocol/flavor.h"
#include "protocol/position.h"
#include "recovery/journal_format.h"

#define JOURNAL_CONSUMER_MAX 64u           /* bytes of a consumer's name and its NUL */
#define JOURNAL_UUID_MAX     37u           /* bytes of a server uuid as text and its NUL; "" on MariaDB */
#define JOURNAL_VERSION_MAX  128u          /* bytes of a server's version and its NUL */
#define JOURNAL_TEXT_MAX     (256u * 1024) /* bytes of any other text and its NUL */
#define JOURNAL_ACKS_MAX     256u          /* acks in one record */

enum journal_type {
    JOURNAL_CHECKPOINT = 1, /* the whole state; only the writer makes these */
    JOURNAL_STARTED,        /* ackgate started; its own identity */
    JOURNAL_STOPPED,        /* ackgate stopped in good order: nothing is missing before this */
    JOURNAL_SOURCE,         /* identity of the source */
    JOURNAL_ATTACH,         /* a consumer is about to be sent its first byte: synced before */
    JOURNAL_DETACH,         /* a consumer is gone, and how far it had been sent */
    JOURNAL_ACKS,           /* latest ack of each voter that acked since the last such record */
    JOURNAL_CONFIRM,        /* the quorum rule holds up to here and the store has it on disk */
    JOURNAL_POLICY,         /* an operator changed the quorum rule */
    JOURNAL_DISCARD,        /* transactions that no consumer has were dropped: opens a new epoch */
    JOURNAL_ADMITTED,       /* the source passed admission */
    JOURNAL_REFUSED,        /* it did not */
    JOURNAL_OVERRIDE,       /* an operator's other decision */
    JOURNAL_TYPE_END
};

/* Body: flavour u8, server_id u32, server_uuid, base and version as texts. */
struct journal_source {
    enum flavor flavor;
    uint32_t server_id;
    const char *server_uuid;
    const char *base;    /* of its binlog files: "binlog" */
    const char *version; /* "9.7.4" */
};

/* Body: own uuid and version as texts. */
struct journal_started {
    const char *server_uuid; /* ackgate's own, made once and kept for ever */
    const char *version;     /* ackgate's */
};

/* Body: name, server_id u32, server_uuid, connection id u64, from. */
struct journal_attach {
    const char *name;
    uint32_t server_id;
    const char *server_uuid;
    uint64_t connection_id; /* for the reader of the text only */
    struct position from;   /* everything before it counts as sent */
};

/* Body: name, connection id u64, is_every u8, sent. */
struct journal_detach {
    const char *name;
    uint64_t connection_id;
    bool
        is_every; /* ends all open attachments of that name: what those of a crashed run were sent is known */
    struct position sent;
};

struct journal_ack {
    const char *name;
    struct position acked; /* may be lower than an earlier one: the replica lost its relay log */
};

/* Body: count u16, then name and position for each. */
struct journal_acks {
    const struct journal_ack *items;
    size_t count; /* at most JOURNAL_ACKS_MAX */
};

/* Body: up_to, gtid. */
struct journal_confirm {
    struct position up_to;
    const char *gtid; /* of the last confirmed transaction */
};

/* Body: rule, who. */
struct journal_policy {
    const char *rule; /* "": back to the config's */
    const char *who;  /* user@host of the admin port */
};

/* Body: from, to, gtids, reason, kept_as. */
struct journal_discard {
    struct position from; /* where the first discarded transaction began */
    struct position to;   /* where the last ended */
    const char *gtids;    /* as the flavour writes sets or lists */
    const char *reason;
    const char *kept_as; /* the file that keeps the bytes */
    const char *places;  /* a line for each: GTID, file, start, end. Last in the body, and only there when not
                            empty: earlier versions did not keep it, and very many do not fit */
};

struct journal_record {
    enum journal_type type;
    union {
        struct span checkpoint; /* a state, see journal_state.h */
        struct journal_started started;
        struct journal_source source;
        struct journal_attach attach;
        struct journal_detach detach;
        struct journal_acks acks;
        struct journal_confirm confirm;
        struct journal_policy policy;
        struct journal_discard discard;
        const char *text; /* JOURNAL_ADMITTED: the source as text · REFUSED: reason · OVERRIDE: the statement
                             and who gave it. Body: the text */
    };
};

/* "attach", "confirm", …: the words of `ackgate journal` and the admin table. */
const char *journal_type_name(enum journal_type type);

/* The body; texts over their maximum are cut. The caller frees it. */
uint8_t *journal_record_encode(const struct journal_record *record, size_t *ret_length);

/*
 * Reads a frame's body. Texts point into it; ret_acks has room for the items of JOURNAL_ACKS and must live as
 * long as the record. RESULT_UNSUPPORTED: unknown type. RESULT_MALFORMED.
 */
MUST_CHECK enum result journal_record_decode(const struct journal_frame *frame,
                                             struct journal_ack ret_acks[JOURNAL_ACKS_MAX],
                                             struct journal_record *ret_record);

#endif
