/*
 * A test hook: the real storage, whose n-th change to the disk is not made, because the process is killed in
 * front of it (SIGKILL). Changes are counted from 1: each write, truncation, sync, directory made, rename and
 * removal. ackgate-recover takes it when the environment has ACKGATE_RECOVER_STOP_AT=N.
 */
#ifndef ACKGATE_RECOVERY_STORAGE_STOP_H
#define ACKGATE_RECOVERY_STORAGE_STOP_H

#include "recovery/storage.h"

/* There is one, for the whole life of the process. */
struct storage *storage_stop_at(unsigned long change);

#endif
