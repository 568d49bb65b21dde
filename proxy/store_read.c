/*
 * Reading stored bytes for replicas, and comparing what comes again. What was just written is in the
 * segment's memory; everything else goes through a few windows that all readers share.
 */
#include "proxy/store_internal.h"

#include "protocol/xalloc.h"
#include "proxy/disk_io.h"
#include "proxy/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW_BYTES = 256 * 1024, IN_USE_AT = BINLOG_MAGIC_BYTES + 17 };

void store_windows_init(struct store *store)
{
    for (size_t i = 0; i < STORE_WINDOWS; i++)
        store->windows[i] = (struct store_window){.fd = -1};
}

static void forget(struct store_window *window)
{
    if (window->fd >= 0)
        close(window->fd);
    window->fd = -1;
    window->file = 0;
    window->length = 0;
    window->used = 0;
}

void store_windows_forget(struct store *store, uint64_t first_file, uint64_t last_file)
{
    for (size_t i = 0; i < STORE_WINDOWS; i++) {
        if (store->windows[i].file >= first_file && store->windows[i].file <= last_file)
            forget(&store->windows[i]);
    }
}

void store_windows_release(struct store *store)
{
    for (size_t i = 0; i < STORE_WINDOWS; i++) {
        forget(&store->windows[i]);
        free(store->windows[i].bytes);
        store->windows[i].bytes = NULL;
    }
}

static bool has(const struct store_window *window, struct position position)
{
    return window->file == position.file && position.offset >= window->start &&
           position.offset < window->start + window->length;
}

/* The window that has the position; else the one just before it, so that a reader keeps its window; else the
 * one that was not used for longest. */
static struct store_window *choose(struct store *store, struct position position)
{
    struct store_window *oldest = &store->windows[0];
    struct store_window *before = NULL;
    for (size_t i = 0; i < STORE_WINDOWS; i++) {
        struct store_window *window = &store->windows[i];
        if (has(window, position))
            return window;
        if (window->file == position.file && position.offset == window->start + window->length)
            before = window;
        if (window->used < oldest->used)
            oldest = window;
    }
    return before != NULL ? before : oldest;
}

static enum result aim(struct store *store, struct store_window *window, uint64_t file)
{
    if (window->file == file)
        return RESULT_OK;
    forget(window);
    window->fd = store_open_file(store, file, O_RDONLY);
    if (window->fd < 0)
        return RESULT_IO;
    posix_fadvise(window->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    window->file = file;
    if (window->bytes == NULL)
        window->bytes = xmalloc(WINDOW_BYTES);
    return RESULT_OK;
}

static enum result load(struct store *store, struct store_window *window, struct position position,
                        uint64_t end)
{
    enum result result = aim(store, window, position.file);
    uint64_t left = end - position.offset;
    size_t length = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
    if (result == RESULT_OK)
        result = disk_io_read(window->fd, window->bytes, length, position.offset);
    if (result != RESULT_OK) {
        int reason = errno;
        log_error("store",
                  "cannot read %s:%" PRIu64
                  ": %s. Mend the disk; replicas that need this place are not served",
                  store_file_label(store, position.file), position.offset,
                  result == RESULT_IO ? strerror(reason) : result_text(result));
        forget(window);
        errno = reason;
        return result == RESULT_IO ? RESULT_IO : RESULT_DAMAGED;
    }
    window->start = position.offset;
    window->length = length;
    return RESULT_OK;
}

static enum result read_window(struct store *store, struct position position, uint64_t end,
                               struct span *ret_bytes)
{
    struct store_window *window = choose(store, position);
    if (!has(window, position)) {
        enum result result = load(store, window, position, end);
        if (result != RESULT_OK)
            return result;
    }
    window->used = ++store->reads;
    size_t skip = (size_t)(position.offset - window->start);
    *ret_bytes = (struct span){window->bytes + skip, window->length - skip};
    return RESULT_OK;
}

enum result store_read(struct store *store, struct position position, size_t max_bytes,
                       struct span *ret_bytes)
{
    uint64_t end;
    enum result result = store_file_end(store, position.file, &end);
    if (result != RESULT_OK)
        return result;
    if (position.offset < BINLOG_START || position.offset > end)
        return RESULT_NOT_FOUND;
    bool is_newest = position.file == store_newest(store)->number;
    if (position.offset == end)
        return is_newest ? RESULT_AGAIN : RESULT_CLOSED;
    struct span bytes = {NULL, 0};
    if (is_newest)
        bytes = store_segment_recent(&store->segment, position.offset);
    if (bytes.length == 0)
        result = read_window(store, position, end, &bytes);
    if (result != RESULT_OK)
        return result;
    if (bytes.length > max_bytes)
        bytes.length = max_bytes;
    *ret_bytes = bytes;
    return RESULT_OK;
}

/* Equal but for the in-use flag, which only the store's own copy has. */
static bool is_same(struct span stored, const uint8_t *came, uint64_t offset)
{
    if (memcmp(stored.data, came, stored.length) == 0)
        return true;
    if (offset > IN_USE_AT || offset + stored.length <= IN_USE_AT)
        return false;
    size_t flag = (size_t)(IN_USE_AT - offset);
    size_t rest = stored.length - flag - 1;
    return memcmp(stored.data, came, flag) == 0 &&
           ((stored.data[flag] ^ came[flag]) & ~BINLOG_FLAG_IN_USE) == 0 &&
           memcmp(stored.data + flag + 1, came + flag + 1, rest) == 0;
}

enum result store_compare(struct store *store, struct position position, struct span bytes)
{
    while (bytes.length > 0) {
        struct span stored;
        enum result result = store_read(store, position, bytes.length, &stored);
        if (result != RESULT_OK)
            return result == RESULT_AGAIN || result == RESULT_CLOSED ? RESULT_NOT_FOUND : result;
        if (!is_same(stored, bytes.data, position.offset)) {
            log_error("store", "the source sends other bytes than are stored, in the %zu from %s:%" PRIu64,
                      stored.length, store_file_label(store, position.file), position.offset);
            return RESULT_DIVERGED;
        }
        position.offset += stored.length;
        bytes.data += stored.length;
        bytes.length -= stored.length;
    }
    return RESULT_OK;
}
