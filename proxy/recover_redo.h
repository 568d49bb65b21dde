/*
 * Letting in a MariaDB source that was started again: what its engine has prepared of users' XA transactions
 * (xa_review.h), and the last tables that it made (table_review.h), are compared with the binlog, once for
 * each start of the server. What can be made up for without a doubt is; the rest is refused.
 *
 * A JOURNAL_OVERRIDE `XA FILE` says that the start which began that binlog file was found right.
 */
#ifndef ACKGATE_PROXY_RECOVER_REDO_H
#define ACKGATE_PROXY_RECOVER_REDO_H

#include "proxy/pipeline_parts.h"

/* False: it has been refused, or is being repaired and looked at again. Blocks while it reads the store, at a
 * server's start only. */
bool recover_redo_may_admit(struct pipeline *pipeline);

#endif
