/*
 * System calls of the code under test, wrapped by the linker (--wrap): paths under /sim/ and the descriptors
 * made from them go to the disks of files.h, everything else to the system.
 */
#include "protocol/xalloc.h"
#include "test/sim/files.h"
#include "test/sim/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 256, BOOT_ID_FD = 99999 };

struct sim_dir { /* stands for a DIR */
    char path[PATH_ROOM];
    size_t at;
    struct dirent entry;
};

#define WRAPPED(type, name, ...)                                                                             \
    type __real_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__);                                                                         \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(int, open, const char *path, int flags, ...)
{
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
        return BOOT_ID_FD;
    if (files_is_ours(path))
        return files_open(path, flags);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return __real_open(path, flags, mode);
}

static void join(int dir_fd, const char *name, char ret_path[PATH_ROOM])
{
    if (strcmp(name, ".") == 0)
        snprintf(ret_path, PATH_ROOM, "%s", files_dir_of(dir_fd));
    else
        snprintf(ret_path, PATH_ROOM, "%s/%s", files_dir_of(dir_fd), name);
}

WRAPPED(int, openat, int dir_fd, const char *name, int flags, ...)
{
    char path[PATH_ROOM];
    join(dir_fd, name, path);
    return files_open(path, flags);
}

/* What _FORTIFY_SOURCE makes of an openat() without a mode. */
int __wrap___openat_2(int dir_fd, const char *name, int flags);
int __wrap___openat_2(int dir_fd, const char *name, int flags)
{
    return __wrap_openat(dir_fd, name, flags);
}

WRAPPED(int, close, int fd)
{
    if (fd == BOOT_ID_FD)
        return 0;
    if (!files_is_descriptor(fd))
        return __real_close(fd);
    files_close(fd);
    return 0;
}

WRAPPED(ssize_t, pread, int fd, void *data, size_t length, off_t offset)
{
    return files_is_descriptor(fd) ? files_read(fd, data, length, (uint64_t)offset)
                                   : __real_pread(fd, data, length, offset);
}

WRAPPED(ssize_t, pwrite, int fd, const void *data, size_t length, off_t offset)
{
    return files_is_descriptor(fd) ? files_write(fd, data, length, (uint64_t)offset)
                                   : __real_pwrite(fd, data, length, offset);
}

WRAPPED(ssize_t, read, int fd, void *data, size_t length)
{
    if (fd == BOOT_ID_FD)
        return snprintf(data, length, "boot-%llu\n", (unsigned long long)world_boot());
    return files_is_descriptor(fd) ? files_read(fd, data, length, 0) : __real_read(fd, data, length);
}

WRAPPED(ssize_t, write, int fd, const void *data, size_t length)
{
    return files_is_descriptor(fd) ? files_write(fd, data, length, 0) : __real_write(fd, data, length);
}

WRAPPED(int, fsync, int fd)
{
    return files_is_descriptor(fd) ? files_sync(fd) : __real_fsync(fd);
}

WRAPPED(int, fdatasync, int fd)
{
    return files_is_descriptor(fd) ? files_sync(fd) : __real_fdatasync(fd);
}

WRAPPED(int, ftruncate, int fd, off_t size)
{
    return files_is_descriptor(fd) ? files_truncate(fd, (uint64_t)size) : __real_ftruncate(fd, size);
}

static int fill(struct stat *status, int returned, uint64_t size, bool is_dir)
{
    *status = (struct stat){.st_size = (off_t)size, .st_mode = is_dir ? S_IFDIR | 0700 : S_IFREG | 0600};
    return returned;
}

WRAPPED(int, fstat, int fd, struct stat *status)
{
    uint64_t size = 0;
    bool is_dir = false;
    if (!files_is_descriptor(fd))
        return __real_fstat(fd, status);
    int returned = files_size(fd, &size, &is_dir);
    return fill(status, returned, size, is_dir);
}

WRAPPED(int, stat, const char *path, struct stat *status)
{
    uint64_t size = 0;
    bool is_dir = false;
    if (!files_is_ours(path))
        return __real_stat(path, status);
    int returned = files_stat(path, &size, &is_dir);
    return fill(status, returned, size, is_dir);
}

WRAPPED(int, fstatat, int dir_fd, const char *name, struct stat *status, int flags)
{
    char path[PATH_ROOM];
    (void)flags;
    join(dir_fd, name, path);
    return __wrap_stat(path, status);
}

WRAPPED(int, flock, int fd, int operation)
{
    return files_is_descriptor(fd) ? 0 : __real_flock(fd, operation);
}

WRAPPED(int, mkdir, const char *path, mode_t mode)
{
    return strcmp(path, "/sim") == 0 ? 0 : files_is_ours(path) ? files_mkdir(path) : __real_mkdir(path, mode);
}

WRAPPED(int, rename, const char *from, const char *to)
{
    return files_is_ours(from) ? files_rename(from, to) : __real_rename(from, to);
}

WRAPPED(int, renameat, int from_fd, const char *from, int to_fd, const char *to)
{
    char from_path[PATH_ROOM];
    char to_path[PATH_ROOM];
    join(from_fd, from, from_path);
    join(to_fd, to, to_path);
    return files_rename(from_path, to_path);
}

WRAPPED(int, unlink, const char *path)
{
    return files_is_ours(path) ? files_unlink(path) : __real_unlink(path);
}

WRAPPED(int, unlinkat, int dir_fd, const char *name, int flags)
{
    char path[PATH_ROOM];
    (void)flags;
    join(dir_fd, name, path);
    return files_unlink(path);
}

WRAPPED(int, posix_fadvise, int fd, off_t offset, off_t length, int advice)
{
    if (!files_is_descriptor(fd))
        return __real_posix_fadvise(fd, offset, length, advice);
    if (advice == POSIX_FADV_DONTNEED)
        files_forget_cached(fd, (uint64_t)offset);
    return 0;
}

static DIR *open_list(const char *path)
{
    struct sim_dir *dir = xcalloc(1, sizeof(*dir));
    snprintf(dir->path, sizeof(dir->path), "%s", path);
    return (DIR *)dir;
}

/* Other directories are read by the system. */
WRAPPED(DIR *, opendir, const char *path)
{
    uint64_t size;
    bool is_dir;
    if (!files_is_ours(path))
        return __real_opendir(path);
    return files_stat(path, &size, &is_dir) == 0 ? open_list(path) : NULL;
}

WRAPPED(DIR *, fdopendir, int fd)
{
    DIR *dir = open_list(files_dir_of(fd));
    files_close(fd);
    return dir;
}

WRAPPED(struct dirent *, readdir, DIR *list)
{
    struct sim_dir *dir = (struct sim_dir *)list;
    const char *name = files_list(dir->path, dir->at++);
    if (name == NULL)
        return NULL;
    snprintf(dir->entry.d_name, sizeof(dir->entry.d_name), "%s", name);
    return &dir->entry;
}

WRAPPED(int, closedir, DIR *list)
{
    free(list);
    return 0;
}
