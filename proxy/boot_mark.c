/* The mark of boot_mark.h. It is not synced: a lost mark errs on the safe side. */
#include "proxy/boot_mark.h"

#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BOOT_ID_MAX = 64, PATH_MAX_BYTES = 4096 };

static const char boot_id_path[] = "/proc/sys/kernel/random/boot_id";

/* The whole of a short file, without the newline. */
static bool read_short(const char *path, char ret_text[BOOT_ID_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, ret_text, BOOT_ID_MAX - 1);
    close(fd);
    ret_text[length > 0 ? length : 0] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    return ret_text[0] != '\0';
}

static void format_path(const char *store_dir, char ret_path[PATH_MAX_BYTES])
{
    snprintf(ret_path, PATH_MAX_BYTES, "%s/ackgate-store.boot", store_dir);
}

bool boot_mark_is_current(const char *store_dir)
{
    char path[PATH_MAX_BYTES];
    char marked[BOOT_ID_MAX];
    char now[BOOT_ID_MAX];
    format_path(store_dir, path);
    return read_short(path, marked) && read_short(boot_id_path, now) && strcmp(marked, now) == 0;
}

bool boot_mark_set(const char *store_dir)
{
    char path[PATH_MAX_BYTES];
    char now[BOOT_ID_MAX];
    format_path(store_dir, path);
    if (!read_short(boot_id_path, now))
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    size_t length = strlen(now);
    bool is_written = fd >= 0 && write(fd, now, length) == (ssize_t)length;
    if (!is_written)
        log_warn("store", "cannot write %s: %s; after a crash everything will count as sent", path,
                 strerror(errno));
    if (fd >= 0)
        close(fd);
    return is_written;
}

void boot_mark_clear(const char *store_dir)
{
    char path[PATH_MAX_BYTES];
    format_path(store_dir, path);
    if (unlink(path) != 0 && errno != ENOENT)
        log_error("store", "cannot remove %s: %s", path, strerror(errno));
}
