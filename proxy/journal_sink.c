/*
 * The sink of journal_sink.h: when to flush the writer, when to sync, and whom to tell.
 *
 * One sync at a time is on the disk thread. What is put meanwhile is written, and synced by the next.
 */
#include "proxy/journal_sink.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/timer.h"
#include "recovery/storage_posix.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINGER_MS = 5,   /* how long acks and confirms wait for more of their kind */
    SYNC_MS = 1000,  /* how long what nobody waits for stays unsynced */
    RETRY_MS = 1000, /* between attempts while the journal cannot be written */
};

static const char object[] = "journal";

struct waiter {
    uint64_t sequence;
    journal_sink_fn *fn;
    void *argument;
    uint64_t token;
};

struct journal_sink {
    struct loop *loop;
    struct disk *disk;
    struct journal_writer *writer;
    struct journal_sink_callbacks callbacks;
    bool is_sync_always;
    bool is_failed;
    bool is_closed; /* only the deferred call still holds it */
    bool is_deferred;
    bool is_syncing;
    uint64_t syncing_sequence;
    struct timer linger;
    struct timer sync;
    struct timer retry;
    struct waiter *waiters; /* in the order of their sequences */
    size_t waiters_count;
    size_t waiters_room;
    struct journal_ring ring;
};

static void defer_flush(struct journal_sink *sink);
static void sync_now(struct journal_sink *sink);

/* ---- failing and recovering ---- */

static void fail(struct journal_sink *sink, enum result result, int reason)
{
    timer_start(&sink->retry, RETRY_MS);
    if (sink->is_failed)
        return;
    sink->is_failed = true;
    if (sink->callbacks.on_failed != NULL)
        sink->callbacks.on_failed(sink->callbacks.argument, result, reason);
}

static void recover(struct journal_sink *sink)
{
    sink->is_failed = false;
    timer_stop(&sink->retry);
    if (sink->callbacks.on_recovered != NULL)
        sink->callbacks.on_recovered(sink->callbacks.argument);
}

/* ---- syncing ---- */

/* Those who are due leave the list before they are called: they may put more. */
static void call_waiters(struct journal_sink *sink)
{
    uint64_t durable = journal_writer_durable(sink->writer);
    size_t count = 0;
    while (count < sink->waiters_count && sink->waiters[count].sequence <= durable)
        count++;
    if (count == 0)
        return;
    struct waiter *due = xmalloc(count * sizeof(*due));
    memcpy(due, sink->waiters, count * sizeof(*due));
    sink->waiters_count -= count;
    memmove(sink->waiters, sink->waiters + count, sink->waiters_count * sizeof(*due));
    for (size_t i = 0; i < count; i++)
        due[i].fn(due[i].argument, due[i].token);
    free(due);
}

static bool is_sync_urgent(const struct journal_sink *sink)
{
    return sink->is_sync_always || sink->is_failed || sink->waiters_count > 0;
}

static void after_sync(struct journal_sink *sink)
{
    if (sink->is_failed)
        recover(sink);
    call_waiters(sink);
    if (!journal_writer_is_flushed(sink->writer))
        defer_flush(sink);
    if (is_sync_urgent(sink) && !sink->is_syncing)
        sync_now(sink);
}

static void on_synced(void *argument, int reason, uint64_t took_us)
{
    (void)took_us;
    struct journal_sink *sink = argument;
    sink->is_syncing = false;
    if (reason != 0) {
        journal_writer_sync_failed(sink->writer);
        fail(sink, RESULT_IO, reason);
        return;
    }
    enum result result = journal_writer_synced(sink->writer, sink->syncing_sequence);
    if (result == RESULT_OK)
        after_sync(sink);
    else
        fail(sink, result, errno);
}

static void sync_now(struct journal_sink *sink)
{
    timer_stop(&sink->sync);
    if (sink->is_syncing || journal_writer_written(sink->writer) == journal_writer_durable(sink->writer))
        return;
    sink->is_syncing = true;
    struct storage_file *file = journal_writer_sync_begin(sink->writer, &sink->syncing_sequence);
    int fd = storage_fd(file);
    if (fd >= 0) {
        disk_sync(sink->disk, fd, on_synced, sink);
        return;
    }
    enum result result = storage_sync(file);
    on_synced(sink, result == RESULT_OK ? 0 : errno, 0);
}

/* ---- flushing ---- */

static void flush(struct journal_sink *sink)
{
    timer_stop(&sink->linger);
    enum result result = journal_writer_flush(sink->writer, clock_wall_ms());
    if (result != RESULT_OK) {
        fail(sink, result, errno);
        return;
    }
    if (is_sync_urgent(sink))
        sync_now(sink);
    else if (!timer_is_running(&sink->sync))
        timer_start(&sink->sync, SYNC_MS);
}

static void on_turn_over(void *argument)
{
    struct journal_sink *sink = argument;
    sink->is_deferred = false;
    if (sink->is_closed) {
        free(sink);
        return;
    }
    if (!sink->is_failed)
        flush(sink);
    if (!sink->is_failed)
        call_waiters(sink); /* those whose records journal_sink_settle() has made durable */
}

static void defer_flush(struct journal_sink *sink)
{
    if (sink->is_deferred)
        return;
    sink->is_deferred = true;
    loop_defer(sink->loop, on_turn_over, sink);
}

static void on_linger_over(void *argument)
{
    struct journal_sink *sink = argument;
    if (!sink->is_failed)
        flush(sink);
}

static void on_sync_due(void *argument)
{
    struct journal_sink *sink = argument;
    if (!sink->is_failed)
        sync_now(sink);
}

static void on_retry(void *argument)
{
    struct journal_sink *sink = argument;
    flush(sink);
    bool is_all_done = journal_writer_is_flushed(sink->writer) &&
                       journal_writer_durable(sink->writer) == journal_writer_written(sink->writer);
    if (sink->is_failed && is_all_done)
        after_sync(sink);
    else if (sink->is_failed)
        timer_start(&sink->retry, RETRY_MS);
}

/* ---- putting ---- */

static uint64_t append(struct journal_sink *sink, const struct journal_record *record)
{
    uint64_t sequence = journal_writer_append(sink->writer, record, clock_wall_ms());
    bool may_linger = record->type == JOURNAL_ACKS || record->type == JOURNAL_CONFIRM;
    if (sink->is_sync_always || !may_linger)
        defer_flush(sink);
    else if (!timer_is_running(&sink->linger))
        timer_start(&sink->linger, LINGER_MS);
    return sequence;
}

void journal_sink_put(struct journal_sink *sink, const struct journal_record *record)
{
    append(sink, record);
}

void journal_sink_put_ack(struct journal_sink *sink, const char *name, struct position acked)
{
    struct journal_ack ack = {name, acked};
    append(sink, &(struct journal_record){
                     .type = JOURNAL_ACKS, .acks = {&ack, 1}
    });
}

void journal_sink_put_confirm(struct journal_sink *sink, struct position up_to, const struct gtid *gtid)
{
    char text[GTID_TEXT_MAX];
    append(sink, &(struct journal_record){
                     .type = JOURNAL_CONFIRM, .confirm = {up_to, gtid_format(gtid, text)}
    });
}

void journal_sink_put_synced(struct journal_sink *sink, const struct journal_record *record,
                             journal_sink_fn *fn, void *argument, uint64_t token)
{
    uint64_t sequence = append(sink, record);
    if (sink->waiters_count == sink->waiters_room) {
        sink->waiters_room = sink->waiters_room == 0 ? 16 : sink->waiters_room * 2;
        sink->waiters = xrealloc(sink->waiters, sink->waiters_room * sizeof(*sink->waiters));
    }
    sink->waiters[sink->waiters_count++] = (struct waiter){sequence, fn, argument, token};
    defer_flush(sink);
}

enum result journal_sink_settle(struct journal_sink *sink)
{
    while (sink->is_syncing)
        disk_wait(sink->disk);
    enum result result = journal_writer_sync(sink->writer, clock_wall_ms());
    if (result != RESULT_OK)
        fail(sink, result, errno);
    else
        defer_flush(sink); /* those who waited for their records are told in the next turn */
    return result;
}

enum result journal_sink_put_blocking(struct journal_sink *sink, const struct journal_record *record)
{
    append(sink, record);
    return journal_sink_settle(sink);
}

static void on_frame(void *argument, const struct journal_frame *frame, const struct journal_record *record)
{
    struct journal_sink *sink = argument;
    const char *base = sink->writer == NULL ? "" : journal_writer_state(sink->writer)->source_base;
    journal_ring_add(&sink->ring, record, base, frame->sequence, frame->epoch, frame->time_ms);
}

/* ---- opening and closing ---- */

static void log_report(const char *dir, enum result result, const struct journal_report *report,
                       const struct journal_state *state)
{
    if (result == RESULT_CONFLICT)
        log_error(object, "%s is in use by another process: stop the other ackgate", dir);
    else if (result != RESULT_OK && report->fault[0] != '\0')
        log_error(object, "%s: %s at offset %" PRIu64 ": %s", report->path, result_text(result),
                  report->fault_offset, report->fault);
    else if (result != RESULT_OK)
        log_error(object, "%s: %s (%s)", dir, result_text(result), strerror(errno));
    else if (report->is_tail_cut)
        log_warn(object,
                 "%s: cut at offset %" PRIu64 ": %s; everything counts as sent until the source is admitted",
                 report->path, report->fault_offset, report->fault);
    else
        log_info(object, "%s: %" PRIu64 " records read, epoch %u", dir, report->records, state->epoch);
}

enum result journal_sink_open(const struct journal_sink_options *options,
                              const struct journal_sink_callbacks *callbacks, struct journal_sink **ret_sink,
                              struct journal_report *ret_report)
{
    struct journal_sink *sink = xcalloc(1, sizeof(*sink));
    sink->loop = options->loop;
    sink->disk = options->disk;
    sink->is_sync_always = options->is_sync_always;
    sink->callbacks = *callbacks;
    struct journal_writer_options writer_options = {
        .storage = options->storage == NULL ? storage_posix() : options->storage,
        .dir = options->dir,
        .on_frame = on_frame,
        .argument = sink,
    };
    enum result result = journal_writer_open(&writer_options, clock_wall_ms(), &sink->writer, ret_report);
    log_report(options->dir, result, ret_report,
               result == RESULT_OK ? journal_writer_state(sink->writer) : NULL);
    if (result != RESULT_OK) {
        journal_ring_release(&sink->ring);
        free(sink);
        return result;
    }
    timer_init(&sink->linger, sink->loop, on_linger_over, sink);
    timer_init(&sink->sync, sink->loop, on_sync_due, sink);
    timer_init(&sink->retry, sink->loop, on_retry, sink);
    *ret_sink = sink;
    return RESULT_OK;
}

/* Waits for the sync that runs; the callbacks of those who waited are not to come any more. */
static void finish(struct journal_sink *sink)
{
    sink->waiters_count = 0;
    sink->callbacks = (struct journal_sink_callbacks){0};
    sink->is_sync_always = false;
    while (sink->is_syncing)
        disk_wait(sink->disk);
    uint64_t now_ms = clock_wall_ms();
    journal_writer_append(sink->writer, &(struct journal_record){.type = JOURNAL_STOPPED}, now_ms);
    enum result result = journal_writer_sync(sink->writer, now_ms);
    if (result != RESULT_OK)
        log_error(object, "the last records could not be written: %s (%s)", result_text(result),
                  strerror(errno));
}

void journal_sink_close(struct journal_sink **sink)
{
    struct journal_sink *old = *sink;
    if (old == NULL)
        return;
    *sink = NULL;
    finish(old);
    timer_release(&old->linger);
    timer_release(&old->sync);
    timer_release(&old->retry);
    journal_writer_close(&old->writer);
    journal_ring_release(&old->ring);
    free(old->waiters);
    old->waiters = NULL;
    old->is_closed = true;
    if (!old->is_deferred)
        free(old);
}

const struct journal_state *journal_sink_state(const struct journal_sink *sink)
{
    return journal_writer_state(sink->writer);
}

bool journal_sink_is_failed(const struct journal_sink *sink)
{
    return sink->is_failed;
}

const struct journal_ring *journal_sink_ring(const struct journal_sink *sink)
{
    return &sink->ring;
}
