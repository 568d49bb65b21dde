/* The storage of storage.h on real files: open(2) and friends, EINTR retried, files made with mode 0600. */
#ifndef ACKGATE_RECOVERY_STORAGE_POSIX_H
#define ACKGATE_RECOVERY_STORAGE_POSIX_H

#include "recovery/storage.h"

/* There is one, for the whole life of the process; nothing to release. */
struct storage *storage_posix(void);

#endif
