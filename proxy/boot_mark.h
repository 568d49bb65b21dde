/*
 * Whether the store can have lost anything since it was last known to be whole: a file in its directory that
 * names the boot of the operating system, and how far the store reached.
 *
 * While the system runs, what was written is there, synced or not, whatever becomes of ackgate, unless the
 * disk fails: pages that it did not take count as clean, and are read from the disk again later. Replicas are
 * sent transactions before they are synced. So a store proves what was never sent only in the same boot, and
 * only if it still reaches as far as it ever did. The second is written down before anything can be sent, and
 * not learned from a sync's failure: a process that is killed while it waits for a disk that hangs never
 * hears of that. The mark is set when nothing of earlier runs is open any more.
 *
 * The file: boot id, space, number of the binlog file, space, offset in it, newline; the numbers have 20
 * digits. It is never synced: after another boot it says nothing.
 */
#ifndef ACKGATE_PROXY_BOOT_MARK_H
#define ACKGATE_PROXY_BOOT_MARK_H

#include "protocol/error.h"
#include "protocol/position.h"

#include <stdbool.h>
#include <stddef.h>

struct boot_mark {
    int fd;    /* -1: not set by this process */
    size_t at; /* of the position in the file */
};

void boot_mark_init(struct boot_mark *mark);
void boot_mark_release(struct boot_mark *mark); /* the file stays */

/* False: there is none, or it is of another boot. *ret_end: how far the store reached. */
bool boot_mark_read(const char *store_dir, struct position *ret_end);
/* False, and logged: it could not be written; the store counts as before. */
MUST_CHECK bool boot_mark_set(struct boot_mark *mark, const char *store_dir, struct position end);
/* The store reaches to here now. Nothing when the mark is not set. RESULT_IO (errno): it has to be cleared.
 */
MUST_CHECK enum result boot_mark_move(const struct boot_mark *mark, struct position end);
/* The store proves nothing any more: bytes that could be read are or may be gone. */
void boot_mark_clear(struct boot_mark *mark, const char *store_dir);

#endif
