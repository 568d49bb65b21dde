/*
 * What of the store is on disk, and what goes wrong there. A small batch goes to the WAL, which is synced in
 * the current file's place; a large one, or one that finds no room there, has the file itself synced. One
 * sync runs at a time; what is written meanwhile waits for the next one, so that syncs group themselves by
 * how slow the disk is. A sync that failed is not tried again: the system may have dropped the pages, and a
 * second one would say yes. The store is then as failed as after a write error, and opening it again looks at
 * what really is on disk.
 */
#include "proxy/store_internal.h"

#include "proxy/clock.h"
#include "proxy/disk_io.h"
#include "proxy/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { SAVE_DURABLE_MS = 50 }; /* not at each sync: a file that lags only turns a refusal into a cut */
enum { DURABLE_LINE_MAX = 64 + BINLOG_NAME_MAX, CRC_DIGITS = 8 };

/* ---- ackgate-store.durable ---- */

static uint32_t line_crc(const char *line)
{
    return (uint32_t)crc32(0, (const Bytef *)line, (uInt)strlen(line));
}

/* It may be lost or late, so an error is not one of the store. */
static void save_durable(struct store *store)
{
    store->saved = store->durable;
    store->saved_ms = clock_monotonic_ms();
    char name[BINLOG_NAME_MAX];
    char rest[DURABLE_LINE_MAX];
    char line[DURABLE_LINE_MAX + CRC_DIGITS + 3];
    binlog_name_format(store->index.base, store->durable.file, name);
    snprintf(rest, sizeof(rest), "%020" PRIu64 " %s", store->durable.offset, name);
    int length = snprintf(line, sizeof(line), "%08" PRIx32 " %s\n", line_crc(rest), rest);
    enum result ignored =
        disk_io_write(store->durable_fd, (struct span){(const uint8_t *)line, (size_t)length}, 0);
    (void)ignored;
}

static enum result parse_durable(const struct store *store, char *line, struct position *ret_durable)
{
    char *end = NULL;
    struct span base;
    uint64_t file;
    char *newline = strchr(line, '\n');
    if (newline == NULL)
        return RESULT_NOT_FOUND;
    *newline = '\0';
    unsigned long crc = strtoul(line, &end, 16);
    if (end != line + CRC_DIGITS || *end != ' ' || crc != line_crc(end + 1))
        return RESULT_NOT_FOUND;
    uint64_t offset = strtoull(end + 1, &end, 10);
    if (*end != ' ' || binlog_name_parse(span_of_text(end + 1), &base, &file) != RESULT_OK ||
        !span_is_text(base, store->index.base))
        return RESULT_NOT_FOUND;
    *ret_durable = (struct position){file, offset};
    return RESULT_OK;
}

enum result store_durable_load(const struct store *store, struct position *ret_durable)
{
    char line[DURABLE_LINE_MAX + CRC_DIGITS + 4] = {0};
    ssize_t length = pread(store->durable_fd, line, sizeof(line) - 1, 0);
    return length <= 0 ? RESULT_NOT_FOUND : parse_durable(store, line, ret_durable);
}

/* ---- telling ---- */

/* Each callback may close the store, so it is the last thing done here. */
static void on_news(void *argument)
{
    struct store *store = argument;
    struct store_callbacks callbacks = store->callbacks;
    int reason = store->failed;
    if (store->has_durable_news) {
        store->has_durable_news = false;
        if (store->has_failed_news)
            timer_start(&store->news, 0);
        callbacks.on_durable(callbacks.argument);
    } else if (store->has_failed_news) {
        store->has_failed_news = false;
        callbacks.on_failed(callbacks.argument, reason);
    }
}

static void tell_durable(struct store *store)
{
    if (store->disk == NULL) /* not open yet, or no more */
        return;
    store->has_durable_news = true;
    timer_start(&store->news, 0);
}

/* Once on the disk, the line is overwritten in its sector and is a right one for ever. Without it a loss of
 * power would turn every torn tail into damage. */
static void settle_durable(struct store *store)
{
    if (!store->has_line_on_disk)
        store->has_line_on_disk = disk_io.fdatasync(store->durable_fd) == 0 && fsync(store->dir_fd) == 0;
}

void store_durable_moved(struct store *store, struct position durable)
{
    assert(position_compare(store->durable, durable) <= 0);
    store->durable = durable;
    save_durable(store);
    settle_durable(store);
    tell_durable(store);
}

void store_durable_lower(struct store *store, struct position durable)
{
    store->durable = position_min(store->durable, durable);
    save_durable(store);
}

static enum result result_of(int reason)
{
    errno = reason;
    return reason == ENOSPC || reason == EDQUOT ? RESULT_FULL : RESULT_IO;
}

enum result store_failed(const struct store *store)
{
    return store->failed == 0 ? RESULT_OK : result_of(store->failed);
}

enum result store_fail(struct store *store, int reason, const char *what)
{
    if (store->failed != 0)
        return store_failed(store);
    store->failed = reason == 0 ? EIO : reason;
    store_end_proof(store); /* replicas may have what the next run does not find here */
    log_error("store", "%s failed: %s. Nothing more is taken until it is opened again", what,
              strerror(store->failed));
    store_segment_cut(&store->segment);
    store->arrived_count = 0;
    txn_tracker_reset(&store->tracker);
    store->has_failed_news = true;
    if (store->disk != NULL)
        timer_start(&store->news, 0);
    return store_failed(store);
}

/* ---- proof ---- */

bool store_is_proof(const struct store *store)
{
    struct position marked;
    return boot_mark_read(store->dir, &marked) && position_compare(store_end(store), marked) >= 0;
}

bool store_begin_proof(struct store *store)
{
    if (store->mark.fd >= 0)
        return true;
    return store->failed == 0 && boot_mark_set(&store->mark, store->dir, store_end(store));
}

void store_end_proof(struct store *store)
{
    boot_mark_clear(&store->mark, store->dir);
}

void store_mark_end(struct store *store)
{
    if (boot_mark_move(&store->mark, store_end(store)) == RESULT_OK)
        return;
    log_warn("store", "writing ackgate-store.boot failed: %s; after a crash everything will count as sent",
             strerror(errno));
    store_end_proof(store);
}

/* ---- syncing ---- */

static void count_sync(struct store *store, uint64_t took_us)
{
    unsigned bucket = 0;
    while (bucket < 31 && (took_us >> bucket) > 1)
        bucket++;
    store->sync_counts[bucket]++;
    store->sync_total_us += took_us;
}

static void on_synced(void *argument, int reason, uint64_t took_us)
{
    struct store *store = argument;
    struct position durable = {store_newest(store)->number, store->syncing};
    store->syncing = 0;
    count_sync(store, took_us);
    if (store->is_file_syncing && reason == 0)
        store_wal_restart(&store->wal);
    if (reason != 0) {
        (void)store_fail(store, reason, "syncing to disk");
        return;
    }
    if (store->failed != 0)
        return;
    store->durable = durable;
    if (clock_monotonic_ms() - store->saved_ms >= SAVE_DURABLE_MS)
        save_durable(store);
    if (!store->is_quiet)
        store_sync_begin(store);
    if (store->is_quiet)
        tell_durable(store);
    else
        store->callbacks.on_durable(store->callbacks.argument);
}

/* What is not durable yet goes into the WAL when it is small enough and still in memory; else the current
 * file itself is to be synced. */
static enum result put_ahead(struct store *store, int *ret_fd)
{
    struct span bytes = store_segment_recent(&store->segment, store->durable.offset);
    store->is_file_syncing = bytes.data == NULL || !store_wal_has_room(&store->wal, bytes.length);
    *ret_fd = store->is_file_syncing ? store->segment.fd : store->wal.fd;
    if (store->is_file_syncing)
        return RESULT_OK;
    return store_wal_put(&store->wal, store->index.base, store->durable, bytes);
}

void store_sync_begin(struct store *store)
{
    if (!store->options.is_synced) {
        store->durable = store_end(store);
        tell_durable(store);
        return;
    }
    if (store->syncing != 0 || store->segment.end == store->durable.offset)
        return;
    int fd;
    if (put_ahead(store, &fd) != RESULT_OK) {
        (void)store_fail(store, errno, "writing the WAL");
        return;
    }
    store->syncing = store->segment.end;
    disk_sync(store->disk, fd, on_synced, store);
}

enum result store_sync_file(struct store *store)
{
    if (store_is_empty(store))
        return RESULT_OK;
    if (disk_io.fdatasync(store->segment.fd) != 0)
        return RESULT_IO;
    return store->wal.fd < 0 ? RESULT_OK : store_wal_clear(&store->wal);
}

void store_sync_wait(struct store *store)
{
    store->is_quiet = true;
    disk_wait(store->disk);
    store->is_quiet = false;
}

void store_sync_init(struct store *store, struct loop *loop)
{
    store->disk = disk_new(loop);
    timer_init(&store->news, loop, on_news, store);
}

void store_sync_release(struct store *store)
{
    if (store->disk == NULL)
        return;
    store->is_quiet = true;
    disk_free(&store->disk);
    bool is_synced = store->failed == 0 && store_sync_file(store) == RESULT_OK;
    if (store->failed == 0 && !is_synced)
        log_warn("store", "syncing at the end failed: %s. The next start reads the WAL", strerror(errno));
    if (!position_equal(store->saved, store->durable) && (is_synced || store->options.is_synced))
        save_durable(store);
    timer_release(&store->news);
}

void store_sync_histogram(const struct store *store, uint64_t ret_counts[32], uint64_t *ret_total_us)
{
    memcpy(ret_counts, store->sync_counts, sizeof(store->sync_counts));
    *ret_total_us = store->sync_total_us;
}
