/*
 * Whether the store can have lost anything since it was last known to be whole: a file in its directory that
 * names the boot of the operating system.
 *
 * While the system runs, what was written is there, synced or not, whatever becomes of ackgate. Replicas are
 * sent transactions before they are synced, so after another boot the store may lack what a replica has. The
 * mark is set when nothing of earlier runs is open any more; a store without it, or with that of another
 * boot, is no proof of what was never sent.
 */
#ifndef ACKGATE_PROXY_BOOT_MARK_H
#define ACKGATE_PROXY_BOOT_MARK_H

#include <stdbool.h>

bool boot_mark_is_current(const char *store_dir);
/* False, and logged: it could not be written; the store counts as before. */
bool boot_mark_set(const char *store_dir);
/* Bytes that could be read may be gone although the system runs: a write or a sync has failed. */
void boot_mark_clear(const char *store_dir);

#endif
