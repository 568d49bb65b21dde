/*
 * The disks of two hosts in memory: ackgate's under /sim/a, the source's under /sim/s. files_calls.c puts
 * them under the system calls of the real code.
 *
 * A write is held until it is synced. A process that is killed loses nothing; a host that loses its power
 * keeps, drops, tears or garbles each write that was held, and of each directory's changes (names made,
 * renamed, removed) it keeps the first few. A sync that fails drops what it should have kept, but not from
 * what is read, as Linux does.
 *
 * Death comes between two effects, also in the middle of an operation: files_split() keeps the disk as the
 * death leaves it, and what the dead process still does in the rest of its step goes to a copy that
 * files_bury() throws away.
 */
#ifndef ACKGATE_TEST_SIM_FILES_H
#define ACKGATE_TEST_SIM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum files_host { HOST_ACKGATE, HOST_SOURCE, HOST_COUNT };

struct files_faults {
    bool is_full;          /* writes that make a file longer: ENOSPC */
    unsigned failing_sync; /* so many syncs of files fail with EIO */
    unsigned losses;       /* so far: syncs that failed, and what they lost gone from the cache too */
    bool dies_of_failed_sync;
    uint64_t death_in; /* effects until the host's process dies; 0: not planned */
    bool is_counting;  /* calls of every kind count: */
    uint64_t calls;
    uint64_t fail_at; /* the call that fails; 0: none does */
    int fail_errno;
};

void files_reset(void);
void files_release(void);
struct files_faults *files_faults(enum files_host host);
/* Counts an effect; calls on_death (once) when the planned one has come. */
void files_on_death(enum files_host host, void (*on_death)(void));
void files_effect(enum files_host host);

/* The host as its process's death leaves it is put aside; is_power: held writes suffer. */
void files_split(enum files_host host, bool is_power);
bool files_is_split(enum files_host host);
void files_bury(enum files_host host); /* the copy of the dead process goes, its descriptors too */

/* ---- as system calls: -1 and errno ---- */
bool files_is_ours(const char *path);
bool files_is_descriptor(int fd);
int files_open(const char *path, int flags);
void files_close(int fd);
const char *files_dir_of(int fd); /* of a directory's descriptor */
ssize_t files_read(int fd, void *data, size_t length, uint64_t offset);
ssize_t files_write(int fd, const void *data, size_t length, uint64_t offset);
int files_truncate(int fd, uint64_t size);
int files_sync(int fd);
uint64_t files_sync_begin(int fd); /* what a sync on another thread is going to cover, for: */
int files_sync_end(int fd, uint64_t mark);
/* From the offset on, what a failed sync left clean is read from the disk again. */
void files_forget_cached(int fd, uint64_t offset);
int files_size(int fd, uint64_t *ret_size, bool *ret_is_dir);
int files_stat(const char *path, uint64_t *ret_size, bool *ret_is_dir);
int files_rename(const char *from, const char *to);
int files_unlink(const char *path);
int files_mkdir(const char *path);
/* The at-th name in a directory, in the order of making; NULL: no more. */
const char *files_list(const char *dir, size_t at);

/* ---- for those who look ---- */
/* The bytes that are read now, or (is_synced) that no loss of power can take. False: no such file. */
bool files_look(const char *path, bool is_synced, const uint8_t **ret_data, size_t *ret_length);
void files_remove_all(const char *dir);             /* durably */
bool files_flip(const char *path, uint64_t offset); /* one bit, durably */

#endif
