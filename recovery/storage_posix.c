/* Real files for storage.h. */
#include "recovery/storage_posix.h"

#include "protocol/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct posix_file {
    struct storage_file base;
    int fd;
};

static enum result result_of_errno(void)
{
    switch (errno) {
    case ENOENT:
        return RESULT_NOT_FOUND;
    case EEXIST:
    case EWOULDBLOCK:
        return RESULT_CONFLICT;
    case ENOSPC:
    case EDQUOT:
        return RESULT_FULL;
    default:
        return RESULT_IO;
    }
}

static enum result result_of(int returned)
{
    return returned == 0 ? RESULT_OK : result_of_errno();
}

static int fd_of(struct storage_file *file)
{
    return ((struct posix_file *)file)->fd;
}

static void posix_close(struct storage_file *file)
{
    close(fd_of(file));
    free(file);
}

static enum result posix_read(struct storage_file *file, uint64_t offset, void *ret_data, size_t length,
                              size_t *ret_length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(fd_of(file), (char *)ret_data + done, length - done, (off_t)(offset + done));
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return result_of_errno();
        done += got < 0 ? 0 : (size_t)got;
    }
    *ret_length = done;
    return RESULT_OK;
}

static enum result posix_write(struct storage_file *file, uint64_t offset, const void *data, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t put = pwrite(fd_of(file), (const char *)data + done, length - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR)
            return result_of_errno();
        done += put < 0 ? 0 : (size_t)put;
    }
    return RESULT_OK;
}

static enum result posix_truncate(struct storage_file *file, uint64_t size)
{
    return result_of(ftruncate(fd_of(file), (off_t)size));
}

static enum result posix_size(struct storage_file *file, uint64_t *ret_size)
{
    struct stat status;
    if (fstat(fd_of(file), &status) != 0)
        return result_of_errno();
    *ret_size = (uint64_t)status.st_size;
    return RESULT_OK;
}

static enum result posix_sync(struct storage_file *file)
{
    return result_of(fdatasync(fd_of(file)));
}

static enum result posix_lock(struct storage_file *file)
{
    return result_of(flock(fd_of(file), LOCK_EX | LOCK_NB));
}

static enum result posix_sync_dir(struct storage *storage, const char *path)
{
    (void)storage;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return result_of_errno();
    enum result result = result_of(fsync(fd));
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}

static enum result posix_make_dir(struct storage *storage, const char *path)
{
    (void)storage;
    if (mkdir(path, 0700) == 0)
        return RESULT_OK;
    struct stat status;
    if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return RESULT_OK;
    return result_of_errno();
}

static enum result posix_rename(struct storage *storage, const char *from, const char *to)
{
    (void)storage;
    return result_of(rename(from, to));
}

static enum result posix_remove(struct storage *storage, const char *path)
{
    (void)storage;
    return result_of(unlink(path));
}

static enum result posix_list(struct storage *storage, const char *path, storage_list_fn *fn, void *argument)
{
    (void)storage;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return result_of_errno();
    struct dirent *entry;
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fn(argument, entry->d_name);
    }
    enum result result = errno == 0 ? RESULT_OK : result_of_errno();
    int reason = errno;
    closedir(dir);
    errno = reason;
    return result;
}

static enum result posix_open(struct storage *storage, const char *path, enum storage_mode mode,
                              struct storage_file **ret_file)
{
    static const int flags[] = {
        [STORAGE_READ] = O_RDONLY,
        [STORAGE_WRITE] = O_RDWR,
        [STORAGE_CREATE] = O_RDWR | O_CREAT,
        [STORAGE_CREATE_NEW] = O_RDWR | O_CREAT | O_EXCL,
    };
    int fd = open(path, flags[mode] | O_CLOEXEC, 0600);
    if (fd < 0)
        return result_of_errno();
    struct posix_file *file = xcalloc(1, sizeof(*file));
    file->base.calls = storage->calls;
    file->fd = fd;
    *ret_file = &file->base;
    return RESULT_OK;
}

struct storage *storage_posix(void)
{
    static const struct storage_calls calls = {
        .open = posix_open,
        .close = posix_close,
        .read = posix_read,
        .write = posix_write,
        .truncate = posix_truncate,
        .size = posix_size,
        .sync = posix_sync,
        .lock = posix_lock,
        .fd = fd_of,
        .sync_dir = posix_sync_dir,
        .make_dir = posix_make_dir,
        .rename = posix_rename,
        .remove = posix_remove,
        .list = posix_list,
    };
    static struct storage storage = {&calls};
    return &storage;
}
