/*
 * The disk thread: runs fdatasync off the replication loop, in the order asked for.
 * While one runs, further requests for the same descriptor queue up and are served together by the next one.
 */
#ifndef ACKGATE_PROXY_DISK_H
#define ACKGATE_PROXY_DISK_H

#include "proxy/loop.h"

struct disk;

/* On the loop's thread. reason: 0, or the errno of fdatasync. took_us: how long the call lasted. It must not
 * free the disk. */
typedef void disk_done_fn(void *argument, int reason, uint64_t took_us);

struct disk *disk_new(struct loop *loop);
/* Waits for what is queued; its callbacks come inside, none comes later. */
void disk_free(struct disk **disk);
/* fd must stay open until on_done. */
void disk_sync(struct disk *disk, int fd, disk_done_fn *on_done, void *argument);
/* Waits for what is queued; its callbacks come inside. For the rare moments that have to block. */
void disk_wait(struct disk *disk);

#endif
