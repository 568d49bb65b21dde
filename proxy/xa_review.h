/*
 * Whether a MariaDB source that was started again has prepared what its binlog says. Pure: it is told what
 * the engine has prepared, and then every transaction that the binlog may have had in front of the engine.
 *
 * MariaDB writes a user's XA PREPARE, XA COMMIT and XA ROLLBACK to its binlog before the engine has them, and
 * its crash recovery does not make up for it: after a crash the prepared transaction is gone, or the
 * committed or rolled back one is prepared again, while replicas have what the binlog says. An XA COMMIT …
 * ONE PHASE stays prepared too, and its name is not in the binlog. MySQL does all of this right.
 */
#ifndef ACKGATE_PROXY_XA_REVIEW_H
#define ACKGATE_PROXY_XA_REVIEW_H

#include "protocol/binlog_txn.h"

#include <stddef.h>

/* What the binlog last says of one that the engine has prepared. */
enum xa_last { XA_NOTHING, XA_PREPARED, XA_COMMITTED, XA_ROLLED_BACK };

struct xa_open {
    struct xa_id id;
    struct gtid gtid;
    uint64_t file, start, end; /* of its XA PREPARE */
};

struct xa_review {
    const struct xa_id *ids; /* what the engine has prepared; borrowed */
    size_t count;
    uint64_t run_file;    /* the file that the server's latest start began */
    enum xa_last *last;   /* per id */
    bool *is_older;       /* per id: that stands in front of run_file */
    struct xa_open *open; /* prepared in front of run_file, and not ended by what follows */
    size_t open_count;
    size_t open_room;
};

void xa_review_init(struct xa_review *review, const struct xa_id *ids, size_t count, uint64_t run_file);
void xa_review_release(struct xa_review *review);

/* A store_txn_fn: in the order of the binlog. Always true. */
bool xa_review_add(void *review, uint64_t file, const struct txn *txn);

/* Statements that make up for commits and rollbacks, each with a newline; "" for none. The caller frees it.
 */
char *xa_review_repairs(const struct xa_review *review);
/* The first that the engine has prepared and the binlog says nothing of; NULL: none. */
const struct xa_id *xa_review_unknown(const struct xa_review *review);
/* The first that the engine has lost; NULL: none. */
const struct xa_open *xa_review_lost(const struct xa_review *review);

#endif
