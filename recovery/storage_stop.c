/* Counting changes in front of the real storage. */
#include "recovery/storage_stop.h"

#include "recovery/storage_posix.h"

#include <signal.h>

static unsigned long changes_left;
static struct storage_calls calls;

static void count_change(void)
{
    if (--changes_left == 0)
        raise(SIGKILL);
}

static enum result stop_write(struct storage_file *file, uint64_t offset, const void *data, size_t length)
{
    count_change();
    return storage_posix()->calls->write(file, offset, data, length);
}

static enum result stop_truncate(struct storage_file *file, uint64_t size)
{
    count_change();
    return storage_posix()->calls->truncate(file, size);
}

static enum result stop_sync(struct storage_file *file)
{
    count_change();
    return storage_posix()->calls->sync(file);
}

static enum result stop_sync_dir(struct storage *storage, const char *path)
{
    count_change();
    return storage_posix()->calls->sync_dir(storage, path);
}

static enum result stop_make_dir(struct storage *storage, const char *path)
{
    count_change();
    return storage_posix()->calls->make_dir(storage, path);
}

static enum result stop_rename(struct storage *storage, const char *from, const char *to)
{
    count_change();
    return storage_posix()->calls->rename(storage, from, to);
}

static enum result stop_remove(struct storage *storage, const char *path)
{
    count_change();
    return storage_posix()->calls->remove(storage, path);
}

/* Files that are opened through it carry its calls, and are files of the real one otherwise. */
struct storage *storage_stop_at(unsigned long change)
{
    static struct storage storage = {&calls};
    changes_left = change;
    calls = *storage_posix()->calls;
    calls.write = stop_write;
    calls.truncate = stop_truncate;
    calls.sync = stop_sync;
    calls.sync_dir = stop_sync_dir;
    calls.make_dir = stop_make_dir;
    calls.rename = stop_rename;
    calls.remove = stop_remove;
    return &storage;
}
