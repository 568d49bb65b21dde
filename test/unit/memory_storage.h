/*
 * A storage in memory for tests: any call can be made to fail, and a crash keeps, drops or tears what was not
 * synced: bytes of files as well as names in directories.
 *
 * Each file (inode) has its live bytes, its bytes as of the last sync, and the writes and truncations since.
 * Names are kept twice: live, and as of the last sync of their directory.
 */
#ifndef ACKGATE_TEST_MEMORY_STORAGE_H
#define ACKGATE_TEST_MEMORY_STORAGE_H

#include "protocol/xalloc.h"
#include "recovery/storage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_FILES_MAX = 64, MEMORY_PATH_MAX = 128 };

struct memory_bytes {
    uint8_t *data;
    size_t length;
};

struct memory_change {
    bool is_truncation;
    size_t offset;
    struct memory_bytes bytes;
};

struct memory_inode {
    struct memory_bytes live, synced;
    struct memory_change *changes;
    size_t changes_count;
    bool is_locked;
};

struct memory_name {
    char path[MEMORY_PATH_MAX];
    struct memory_inode *live;   /* NULL: no such name */
    struct memory_inode *synced; /* the same as of the last sync of the directory */
};

struct memory_storage {
    struct storage base;
    struct memory_name names[MEMORY_FILES_MAX];
    size_t names_count;
    struct memory_inode *inodes[4096];
    size_t inodes_count;
    unsigned calls;      /* that could fail, so far */
    unsigned fail_at;    /* the call that fails, from 1; 0: none */
    unsigned fail_count; /* how many from there on */
    int fail_errno;
    uint64_t seed;
};

struct memory_handle {
    struct storage_file base;
    struct memory_storage *storage;
    struct memory_inode *inode;
    bool has_lock;
};

static inline uint64_t memory_random(struct memory_storage *storage, uint64_t below)
{
    storage->seed ^= storage->seed << 13;
    storage->seed ^= storage->seed >> 7;
    storage->seed ^= storage->seed << 17;
    return storage->seed % below;
}

static inline bool memory_fails(struct memory_storage *storage)
{
    storage->calls++;
    if (storage->fail_at == 0 || storage->calls < storage->fail_at ||
        storage->calls - storage->fail_at >= storage->fail_count)
        return false;
    errno = storage->fail_errno;
    return true;
}

static inline enum result memory_failure(const struct memory_storage *storage)
{
    return storage->fail_errno == ENOSPC ? RESULT_FULL : RESULT_IO;
}

static inline void memory_bytes_set(struct memory_bytes *bytes, const struct memory_bytes *other)
{
    bytes->data = xrealloc(bytes->data, other->length + 1);
    memcpy(bytes->data, other->data == NULL ? (const uint8_t *)"" : other->data, other->length);
    bytes->length = other->length;
}

static inline void memory_bytes_resize(struct memory_bytes *bytes, size_t length)
{
    bytes->data = xrealloc(bytes->data, length + 1);
    if (length > bytes->length)
        memset(bytes->data + bytes->length, 0, length - bytes->length);
    bytes->length = length;
}

static inline void memory_change_apply(struct memory_bytes *bytes, const struct memory_change *change,
                                       size_t length)
{
    if (change->is_truncation) {
        memory_bytes_resize(bytes, change->offset);
        return;
    }
    if (change->offset + length > bytes->length)
        memory_bytes_resize(bytes, change->offset + length);
    if (length > 0)
        memcpy(bytes->data + change->offset, change->bytes.data, length);
}

static inline void memory_changes_clear(struct memory_inode *inode)
{
    for (size_t i = 0; i < inode->changes_count; i++)
        free(inode->changes[i].bytes.data);
    free(inode->changes);
    inode->changes = NULL;
    inode->changes_count = 0;
}

static inline void memory_change_add(struct memory_inode *inode, bool is_truncation, size_t offset,
                                     const void *data, size_t length)
{
    inode->changes = xrealloc(inode->changes, (inode->changes_count + 1) * sizeof *inode->changes);
    struct memory_change *change = &inode->changes[inode->changes_count++];
    *change = (struct memory_change){.is_truncation = is_truncation, .offset = offset};
    change->bytes.data = xmalloc(length + 1);
    change->bytes.length = length;
    if (length > 0)
        memcpy(change->bytes.data, data, length);
    memory_change_apply(&inode->live, change, length);
}

static inline struct memory_name *memory_name_find(struct memory_storage *storage, const char *path)
{
    for (size_t i = 0; i < storage->names_count; i++) {
        if (strcmp(storage->names[i].path, path) == 0)
            return &storage->names[i];
    }
    if (storage->names_count == MEMORY_FILES_MAX) {
        size_t kept = 0;
        for (size_t i = 0; i < storage->names_count; i++) {
            if (storage->names[i].live != NULL || storage->names[i].synced != NULL)
                storage->names[kept++] = storage->names[i];
        }
        storage->names_count = kept;
    }
    struct memory_name *name = &storage->names[storage->names_count++];
    *name = (struct memory_name){0};
    snprintf(name->path, sizeof name->path, "%s", path);
    return name;
}

/* ---- the calls ---- */

static inline enum result memory_open(struct storage *base, const char *path, enum storage_mode mode,
                                      struct storage_file **ret_file)
{
    struct memory_storage *storage = (struct memory_storage *)base;
    if (memory_fails(storage))
        return memory_failure(storage);
    struct memory_name *name = memory_name_find(storage, path);
    if (name->live == NULL && (mode == STORAGE_READ || mode == STORAGE_WRITE)) {
        errno = ENOENT;
        return RESULT_NOT_FOUND;
    }
    if (name->live != NULL && mode == STORAGE_CREATE_NEW) {
        errno = EEXIST;
        return RESULT_CONFLICT;
    }
    if (name->live == NULL) {
        name->live = xcalloc(1, sizeof *name->live);
        storage->inodes[storage->inodes_count++] = name->live;
    }
    struct memory_handle *handle = xcalloc(1, sizeof *handle);
    *handle = (struct memory_handle){{base->calls}, storage, name->live, false};
    *ret_file = &handle->base;
    return RESULT_OK;
}

static inline void memory_close(struct storage_file *file)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    if (handle->has_lock)
        handle->inode->is_locked = false;
    free(handle);
}

static inline enum result memory_read(struct storage_file *file, uint64_t offset, void *ret_data,
                                      size_t length, size_t *ret_length)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    if (memory_fails(handle->storage))
        return memory_failure(handle->storage);
    const struct memory_bytes *live = &handle->inode->live;
    size_t left = offset > live->length ? 0 : live->length - (size_t)offset;
    *ret_length = left < length ? left : length;
    if (*ret_length > 0)
        memcpy(ret_data, live->data + offset, *ret_length);
    return RESULT_OK;
}

/* A write that fails leaves a part of itself. */
static inline enum result memory_write(struct storage_file *file, uint64_t offset, const void *data,
                                       size_t length)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    bool fails = memory_fails(handle->storage);
    size_t part = fails ? memory_random(handle->storage, length + 1) : length;
    memory_change_add(handle->inode, false, (size_t)offset, data, part);
    return fails ? memory_failure(handle->storage) : RESULT_OK;
}

static inline enum result memory_truncate(struct storage_file *file, uint64_t size)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    if (memory_fails(handle->storage))
        return memory_failure(handle->storage);
    memory_change_add(handle->inode, true, (size_t)size, NULL, 0);
    return RESULT_OK;
}

static inline enum result memory_size(struct storage_file *file, uint64_t *ret_size)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    if (memory_fails(handle->storage))
        return memory_failure(handle->storage);
    *ret_size = handle->inode->live.length;
    return RESULT_OK;
}

/* A sync that fails drops what it should have kept, for good, but not from what is read, as Linux does. */
static inline enum result memory_sync(struct storage_file *file)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    struct memory_inode *inode = handle->inode;
    bool fails = memory_fails(handle->storage);
    for (size_t i = 0; !fails && i < inode->changes_count; i++)
        memory_change_apply(&inode->synced, &inode->changes[i], inode->changes[i].bytes.length);
    memory_changes_clear(inode);
    return fails ? memory_failure(handle->storage) : RESULT_OK;
}

static inline enum result memory_lock(struct storage_file *file)
{
    struct memory_handle *handle = (struct memory_handle *)file;
    if (memory_fails(handle->storage))
        return memory_failure(handle->storage);
    if (handle->inode->is_locked)
        return RESULT_CONFLICT;
    handle->inode->is_locked = handle->has_lock = true;
    return RESULT_OK;
}

static inline int memory_fd(struct storage_file *file)
{
    (void)file;
    return -1;
}

static inline bool memory_is_in(const char *path, const char *dir)
{
    size_t length = strlen(dir);
    return strncmp(path, dir, length) == 0 && path[length] == '/';
}

static inline enum result memory_sync_dir(struct storage *base, const char *path)
{
    struct memory_storage *storage = (struct memory_storage *)base;
    if (memory_fails(storage))
        return memory_failure(storage);
    for (size_t i = 0; i < storage->names_count; i++) {
        if (memory_is_in(storage->names[i].path, path))
            storage->names[i].synced = storage->names[i].live;
    }
    return RESULT_OK;
}

static inline enum result memory_make_dir(struct storage *base, const char *path)
{
    (void)path;
    struct memory_storage *storage = (struct memory_storage *)base;
    return memory_fails(storage) ? memory_failure(storage) : RESULT_OK;
}

static inline enum result memory_rename(struct storage *base, const char *from, const char *to)
{
    struct memory_storage *storage = (struct memory_storage *)base;
    if (memory_fails(storage))
        return memory_failure(storage);
    struct memory_inode *moved = memory_name_find(storage, from)->live;
    if (moved == NULL) {
        errno = ENOENT;
        return RESULT_NOT_FOUND;
    }
    memory_name_find(storage, from)->live = NULL;
    memory_name_find(storage, to)->live = moved;
    return RESULT_OK;
}

static inline enum result memory_remove(struct storage *base, const char *path)
{
    struct memory_storage *storage = (struct memory_storage *)base;
    if (memory_fails(storage))
        return memory_failure(storage);
    struct memory_name *name = memory_name_find(storage, path);
    if (name->live == NULL) {
        errno = ENOENT;
        return RESULT_NOT_FOUND;
    }
    name->live = NULL;
    return RESULT_OK;
}

static inline enum result memory_list(struct storage *base, const char *path, storage_list_fn *fn,
                                      void *argument)
{
    struct memory_storage *storage = (struct memory_storage *)base;
    if (memory_fails(storage))
        return memory_failure(storage);
    for (size_t i = 0; i < storage->names_count; i++) {
        if (storage->names[i].live != NULL && memory_is_in(storage->names[i].path, path))
            fn(argument, storage->names[i].path + strlen(path) + 1);
    }
    return RESULT_OK;
}

/* ---- for the tests ---- */

static inline void memory_storage_init(struct memory_storage *storage, uint64_t seed)
{
    static const struct storage_calls calls = {
        memory_open,     memory_close,  memory_read,   memory_write, memory_truncate,
        memory_size,     memory_sync,   memory_lock,   memory_fd,    memory_sync_dir,
        memory_make_dir, memory_rename, memory_remove, memory_list,
    };
    memset(storage, 0, sizeof *storage);
    storage->base.calls = &calls;
    storage->fail_errno = EIO;
    storage->fail_count = 1;
    storage->seed = seed * 2654435761u + 88172645463325252u;
}

static inline void memory_storage_release(struct memory_storage *storage)
{
    for (size_t i = 0; i < storage->inodes_count; i++) {
        memory_changes_clear(storage->inodes[i]);
        free(storage->inodes[i]->live.data);
        free(storage->inodes[i]->synced.data);
        free(storage->inodes[i]);
    }
}

static inline void memory_crash_inode(struct memory_storage *storage, struct memory_inode *inode)
{
    for (size_t i = 0; i < inode->changes_count; i++) {
        const struct memory_change *change = &inode->changes[i];
        switch (memory_random(storage, 3)) {
        case 0:
            break;
        case 1:
            memory_change_apply(&inode->synced, change, memory_random(storage, change->bytes.length + 1));
            break;
        default:
            memory_change_apply(&inode->synced, change, change->bytes.length);
            break;
        }
    }
    memory_changes_clear(inode);
    memory_bytes_set(&inode->live, &inode->synced);
    inode->is_locked = false;
}

/* The machine loses power. Handles must have been closed, or must not be used any more. */
static inline void memory_storage_crash(struct memory_storage *storage)
{
    for (size_t i = 0; i < storage->inodes_count; i++)
        memory_crash_inode(storage, storage->inodes[i]);
    for (size_t i = 0; i < storage->names_count; i++) {
        struct memory_name *name = &storage->names[i];
        if (memory_random(storage, 2) == 0)
            name->live = name->synced;
        name->synced = name->live;
    }
}

static inline struct memory_inode *memory_storage_file(struct memory_storage *storage, const char *path)
{
    return memory_name_find(storage, path)->live;
}

#endif
