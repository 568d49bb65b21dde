/* The mark of boot_mark.h. */
#include "proxy/boot_mark.h"

#include "protocol/reader.h"
#include "proxy/disk_io.h"
#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOOT_ID_MAX = 64, PATH_MAX_BYTES = 4096, DIGITS = 20 };
enum { POSITION_BYTES = 2 * DIGITS + 2, MARK_MAX = BOOT_ID_MAX + 1 + POSITION_BYTES + 1 };

static const char boot_id_path[] = "/proc/sys/kernel/random/boot_id";

void boot_mark_init(struct boot_mark *mark)
{
    *mark = (struct boot_mark){.fd = -1};
}

void boot_mark_release(struct boot_mark *mark)
{
    if (mark->fd >= 0)
        close(mark->fd);
    boot_mark_init(mark);
}

/* The whole of a short file. */
static bool read_short(const char *path, char *ret_text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, ret_text, room - 1);
    close(fd);
    ret_text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

static bool read_boot_id(char ret_id[BOOT_ID_MAX])
{
    bool is_there = read_short(boot_id_path, ret_id, BOOT_ID_MAX);
    ret_id[strcspn(ret_id, "\n")] = '\0';
    return is_there && ret_id[0] != '\0';
}

static void format_path(const char *store_dir, char ret_path[PATH_MAX_BYTES])
{
    snprintf(ret_path, PATH_MAX_BYTES, "%s/ackgate-store.boot", store_dir);
}

static struct span format_position(struct position end, char ret_text[POSITION_BYTES + 1])
{
    int length =
        snprintf(ret_text, POSITION_BYTES + 1, "%020" PRIu64 " %020" PRIu64 "\n", end.file, end.offset);
    return (struct span){(const uint8_t *)ret_text, (size_t)length};
}

static bool parse_position(const char *text, struct position *ret_end)
{
    char *rest;
    if (strlen(text) != POSITION_BYTES || text[DIGITS] != ' ' || text[POSITION_BYTES - 1] != '\n')
        return false;
    uint64_t file = strtoull(text, &rest, 10);
    if (rest != text + DIGITS)
        return false;
    uint64_t offset = strtoull(text + DIGITS + 1, &rest, 10);
    if (rest != text + POSITION_BYTES - 1)
        return false;
    *ret_end = (struct position){file, offset};
    return true;
}

bool boot_mark_read(const char *store_dir, struct position *ret_end)
{
    char path[PATH_MAX_BYTES];
    char marked[MARK_MAX];
    char now[BOOT_ID_MAX];
    format_path(store_dir, path);
    if (!read_short(path, marked, sizeof(marked)) || !read_boot_id(now))
        return false;
    size_t length = strlen(now);
    return strncmp(marked, now, length) == 0 && marked[length] == ' ' &&
           parse_position(marked + length + 1, ret_end);
}

void boot_mark_clear(struct boot_mark *mark, const char *store_dir)
{
    char path[PATH_MAX_BYTES];
    boot_mark_release(mark);
    format_path(store_dir, path);
    if (unlink(path) != 0 && errno != ENOENT)
        log_error("store", "cannot remove %s: %s", log_quote_text(path), strerror(errno));
}

bool boot_mark_set(struct boot_mark *mark, const char *store_dir, struct position end)
{
    char path[PATH_MAX_BYTES];
    char text[MARK_MAX];
    char position[POSITION_BYTES + 1];
    char now[BOOT_ID_MAX];
    boot_mark_release(mark);
    format_path(store_dir, path);
    format_position(end, position);
    if (!read_boot_id(now))
        return false;
    int length = snprintf(text, sizeof(text), "%s %s", now, position);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0 || disk_io_write(fd, (struct span){(const uint8_t *)text, (size_t)length}, 0) != RESULT_OK) {
        log_warn("store", "cannot write %s: %s; after a crash everything will count as sent",
                 log_quote_text(path), strerror(errno));
        if (fd >= 0)
            close(fd);
        boot_mark_clear(mark, store_dir); /* an older one would not be moved any more */
        return false;
    }
    *mark = (struct boot_mark){fd, strlen(now) + 1};
    return true;
}

enum result boot_mark_move(const struct boot_mark *mark, struct position end)
{
    char text[POSITION_BYTES + 1];
    return mark->fd < 0 ? RESULT_OK : disk_io_write(mark->fd, format_position(end, text), mark->at);
}
