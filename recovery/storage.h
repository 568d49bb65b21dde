/*
 * File access of this layer, as a table of functions: storage_posix.h is the real one, tests put a memory or
 * a failing one in its place. Nothing in recovery/ touches a file in any other way.
 *
 * Paths are the caller's, as for open(2). A file is read and written at offsets and has no current position.
 * Results: RESULT_NOT_FOUND (ENOENT), RESULT_CONFLICT (EEXIST, EWOULDBLOCK of a lock), RESULT_FULL (ENOSPC,
 * EDQUOT), RESULT_IO for everything else; errno has the reason. Nothing is durable before storage_sync() and,
 * for names made, renamed or removed, storage_sync_dir().
 */
#ifndef ACKGATE_RECOVERY_STORAGE_H
#define ACKGATE_RECOVERY_STORAGE_H

#include "protocol/reader.h"

struct storage;
struct storage_file; /* each implementation has its own */

enum storage_mode {
    STORAGE_READ,       /* an existing file, for reading */
    STORAGE_WRITE,      /* an existing file, for reading and writing */
    STORAGE_CREATE,     /* for both, made when it is not there, kept when it is */
    STORAGE_CREATE_NEW, /* for both, RESULT_CONFLICT when it is there */
};

/* name: without the directory; lives during the call. Not called for "." and "..". */
typedef void storage_list_fn(void *argument, const char *name);

struct storage_calls {
    enum result (*open)(struct storage *, const char *path, enum storage_mode,
                        struct storage_file **ret_file);
    void (*close)(struct storage_file *);
    enum result (*read)(struct storage_file *, uint64_t offset, void *ret_data, size_t, size_t *ret_length);
    enum result (*write)(struct storage_file *, uint64_t offset, const void *data, size_t);
    enum result (*truncate)(struct storage_file *, uint64_t size);
    enum result (*size)(struct storage_file *, uint64_t *ret_size);
    enum result (*sync)(struct storage_file *);
    enum result (*lock)(struct storage_file *);
    int (*fd)(struct storage_file *);
    enum result (*sync_dir)(struct storage *, const char *path);
    enum result (*make_dir)(struct storage *, const char *path);
    enum result (*rename)(struct storage *, const char *from, const char *to);
    enum result (*remove)(struct storage *, const char *path);
    enum result (*list)(struct storage *, const char *path, storage_list_fn *fn, void *argument);
};

/* First member of every implementation's storage and of every implementation's file. */
struct storage {
    const struct storage_calls *calls;
};
struct storage_file {
    const struct storage_calls *calls;
};

MUST_CHECK static inline enum result storage_open(struct storage *storage, const char *path,
                                                  enum storage_mode mode, struct storage_file **ret_file)
{
    return storage->calls->open(storage, path, mode, ret_file);
}

/* Takes NULL too; *file is NULL afterwards. Closing does not make anything durable. */
static inline void storage_close(struct storage_file **file)
{
    if (*file != NULL)
        (*file)->calls->close(*file);
    *file = NULL;
}

/* *ret_length is less than asked only at the end of the file. */
MUST_CHECK static inline enum result storage_read(struct storage_file *file, uint64_t offset, void *ret_data,
                                                  size_t length_bytes, size_t *ret_length)
{
    return file->calls->read(file, offset, ret_data, length_bytes, ret_length);
}

/* All or an error; after an error any part of it may be in the file. */
MUST_CHECK static inline enum result storage_write(struct storage_file *file, uint64_t offset,
                                                   const void *data, size_t length_bytes)
{
    return file->calls->write(file, offset, data, length_bytes);
}

MUST_CHECK static inline enum result storage_truncate(struct storage_file *file, uint64_t size_bytes)
{
    return file->calls->truncate(file, size_bytes);
}

MUST_CHECK static inline enum result storage_size(struct storage_file *file, uint64_t *ret_size_bytes)
{
    return file->calls->size(file, ret_size_bytes);
}

/* After a failure it is unknown what of the unsynced bytes is on the disk, also when a later call succeeds.
 */
MUST_CHECK static inline enum result storage_sync(struct storage_file *file)
{
    return file->calls->sync(file);
}

/* An exclusive advisory lock until the file is closed; RESULT_CONFLICT when another process has it. */
MUST_CHECK static inline enum result storage_lock(struct storage_file *file)
{
    return file->calls->lock(file);
}

/* The descriptor, for a sync on another thread; -1 when there is none. */
static inline int storage_fd(struct storage_file *file)
{
    return file->calls->fd(file);
}

MUST_CHECK static inline enum result storage_sync_dir(struct storage *storage, const char *path)
{
    return storage->calls->sync_dir(storage, path);
}

/* With mode 0700. RESULT_OK when it is there already. */
MUST_CHECK static inline enum result storage_make_dir(struct storage *storage, const char *path)
{
    return storage->calls->make_dir(storage, path);
}

MUST_CHECK static inline enum result storage_rename(struct storage *storage, const char *from, const char *to)
{
    return storage->calls->rename(storage, from, to);
}

MUST_CHECK static inline enum result storage_remove(struct storage *storage, const char *path)
{
    return storage->calls->remove(storage, path);
}

/* In any order. fn must not change the directory. */
MUST_CHECK static inline enum result storage_list(struct storage *storage, const char *path,
                                                  storage_list_fn *fn, void *argument)
{
    return storage->calls->list(storage, path, fn, argument);
}

#endif
