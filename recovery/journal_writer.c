/*
 * The writer of journal_writer.h: segments, and when what is in them is durable. What waits in memory is
 * journal_waiting.h's.
 */
#include "recovery/journal_writer.h"

#include "protocol/xalloc.h"
#include "recovery/journal_waiting.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT_BYTES = 1 << 20, WAITING_BYTES = 1 << 20 };

struct journal_writer {
    struct storage *storage;
    char *dir;
    uint64_t segment_bytes;
    struct storage_file *lock;
    struct journal_state state;

    struct storage_file *file; /* the current segment */
    uint64_t number;
    uint64_t next_number;
    uint64_t offset;      /* where the end mark stands and the next frames go */
    uint64_t rotate_at;   /* offset from which a new segment is due */
    uint64_t written;     /* sequence of the last frame in the file */
    bool is_torn;         /* a failed write may have left bytes behind `offset` */
    bool is_established;  /* durable itself, with older segments removed */
    bool is_syncing;      /* between sync_begin and its end: the file must stay */
    bool has_sync_failed; /* on the current segment */

    struct journal_waiting waiting;
};

static char *path_in(const struct journal_writer *writer, const char *name)
{
    return xasprintf("%s/%s", writer->dir, name);
}

static char *segment_path(const struct journal_writer *writer, uint64_t number)
{
    char name[JOURNAL_NAME_MAX];
    journal_segment_format(number, name);
    return path_in(writer, name);
}

/* Nothing but a checkpoint will do: frames were dropped, or it is unknown what a failed sync left. */
static bool is_segment_due(const struct journal_writer *writer)
{
    return writer->has_sync_failed || writer->waiting.is_overfull;
}

/* ---- what waits ---- */

uint64_t journal_writer_append(struct journal_writer *writer, const struct journal_record *record,
                               uint64_t now_ms)
{
    return journal_waiting_put(&writer->waiting, record, now_ms);
}

bool journal_writer_is_flushed(const struct journal_writer *writer)
{
    return journal_waiting_is_empty(&writer->waiting) && !is_segment_due(writer);
}

/* ---- the file ---- */

static enum result write_waiting(struct journal_writer *writer)
{
    enum result result;
    if (writer->is_torn) {
        result = storage_truncate(writer->file, writer->offset);
        if (result != RESULT_OK)
            return result;
    }
    struct span frames = journal_waiting_frames(&writer->waiting);
    writer->is_torn = true;
    result = storage_write(writer->file, writer->offset, frames.data, frames.length);
    if (result != RESULT_OK)
        return result;
    writer->is_torn = false;
    writer->offset += frames.length - JOURNAL_END_BYTES;
    writer->written = writer->state.sequence;
    journal_waiting_clear(&writer->waiting);
    return RESULT_OK;
}

/* Header, checkpoint of the state and end mark. The caller frees it. */
static uint8_t *encode_segment(const struct journal_writer *writer, uint64_t now_ms, size_t *ret_length)
{
    size_t state_length;
    uint8_t *state = journal_state_encode(&writer->state, &state_length);
    struct journal_header header = {
        .version = JOURNAL_VERSION,
        .created_ms = now_ms,
        .first_sequence = writer->state.sequence + 1,
    };
    struct journal_frame frame = {
        .type = JOURNAL_CHECKPOINT,
        .sequence = header.first_sequence,
        .durable = writer->waiting.durable,
        .epoch = writer->state.epoch,
        .time_ms = now_ms,
        .body = {state, state_length},
    };
    size_t room = JOURNAL_HEADER_BYTES + JOURNAL_FRAME_BYTES + state_length + JOURNAL_END_BYTES;
    uint8_t *bytes = xmalloc(room);
    struct writer out;
    writer_init(&out, bytes, room);
    journal_header_encode(&out, &header);
    journal_frame_encode(&out, &frame);
    journal_end_encode(&out);
    assert(!writer_failed(&out) && out.length == room);
    free(state);
    *ret_length = room;
    return bytes;
}

static enum result make_segment_file(struct journal_writer *writer, const uint8_t *bytes, size_t length,
                                     struct storage_file **ret_file)
{
    char *path = segment_path(writer, writer->next_number);
    struct storage_file *file = NULL;
    enum result result = storage_open(writer->storage, path, STORAGE_CREATE_NEW, &file);
    if (result == RESULT_OK || result == RESULT_CONFLICT)
        writer->next_number++;
    if (result == RESULT_OK) {
        result = storage_write(file, 0, bytes, length);
        if (result != RESULT_OK) {
            int reason = errno;
            storage_close(&file);
            /* What cannot be removed now goes with the older segments later. */
            enum result ignored = storage_remove(writer->storage, path);
            (void)ignored;
            errno = reason;
        }
    }
    free(path);
    if (result == RESULT_OK)
        *ret_file = file;
    return result;
}

static enum result begin_segment(struct journal_writer *writer, uint64_t now_ms)
{
    assert(!writer->is_syncing);
    size_t length;
    uint8_t *bytes = encode_segment(writer, now_ms, &length);
    struct storage_file *file = NULL;
    enum result result = make_segment_file(writer, bytes, length, &file);
    free(bytes);
    if (result != RESULT_OK)
        return result;
    storage_close(&writer->file);
    writer->file = file;
    writer->number = writer->next_number - 1;
    writer->offset = length - JOURNAL_END_BYTES;
    writer->rotate_at =
        writer->offset * 4 > writer->segment_bytes ? writer->offset * 4 : writer->segment_bytes;
    writer->is_torn = false;
    writer->is_established = false;
    writer->has_sync_failed = false;
    writer->written = ++writer->state.sequence;
    journal_waiting_clear(&writer->waiting);
    return RESULT_OK;
}

enum result journal_writer_flush(struct journal_writer *writer, uint64_t now_ms)
{
    if (journal_writer_is_flushed(writer))
        return RESULT_OK;
    journal_waiting_merge(&writer->waiting, now_ms);
    if (!writer->is_syncing && (is_segment_due(writer) || writer->offset > writer->rotate_at)) {
        enum result result = begin_segment(writer, now_ms);
        if (result == RESULT_OK || is_segment_due(writer))
            return result;
        writer->rotate_at = writer->offset + writer->segment_bytes / 4;
    }
    return is_segment_due(writer) ? RESULT_OK : write_waiting(writer);
}

/* ---- becoming durable ---- */

struct removal {
    struct journal_writer *writer;
    uint64_t *numbers;
    size_t count;
};

static void on_name(void *argument, const char *name)
{
    struct removal *removal = argument;
    uint64_t number;
    if (!journal_segment_parse(name, &number) || number == removal->writer->number)
        return;
    removal->numbers = xrealloc(removal->numbers, (removal->count + 1) * sizeof(*removal->numbers));
    removal->numbers[removal->count++] = number;
}

static enum result remove_other_segments(struct journal_writer *writer)
{
    struct removal removal = {.writer = writer};
    enum result result = storage_list(writer->storage, writer->dir, on_name, &removal);
    for (size_t i = 0; result == RESULT_OK && i < removal.count; i++) {
        char *path = segment_path(writer, removal.numbers[i]);
        result = storage_remove(writer->storage, path);
        free(path);
    }
    free(removal.numbers);
    return result;
}

static enum result establish(struct journal_writer *writer)
{
    enum result result = storage_sync_dir(writer->storage, writer->dir);
    if (result == RESULT_OK)
        result = remove_other_segments(writer);
    if (result == RESULT_OK)
        result = storage_sync_dir(writer->storage, writer->dir);
    writer->is_established = result == RESULT_OK;
    return result;
}

struct storage_file *journal_writer_sync_begin(struct journal_writer *writer, uint64_t *ret_sequence)
{
    assert(!writer->is_syncing);
    writer->is_syncing = true;
    *ret_sequence = writer->written;
    return writer->file;
}

enum result journal_writer_synced(struct journal_writer *writer, uint64_t sequence)
{
    assert(writer->is_syncing && sequence <= writer->written);
    writer->is_syncing = false;
    enum result result = writer->is_established ? RESULT_OK : establish(writer);
    if (result == RESULT_OK)
        writer->waiting.durable = sequence;
    return result;
}

void journal_writer_sync_failed(struct journal_writer *writer)
{
    assert(writer->is_syncing);
    writer->is_syncing = false;
    writer->has_sync_failed = true;
}

enum result journal_writer_sync(struct journal_writer *writer, uint64_t now_ms)
{
    enum result result = journal_writer_flush(writer, now_ms);
    if (result != RESULT_OK || writer->waiting.durable == writer->written)
        return result;
    uint64_t sequence;
    result = storage_sync(journal_writer_sync_begin(writer, &sequence));
    if (result == RESULT_OK)
        return journal_writer_synced(writer, sequence);
    journal_writer_sync_failed(writer);
    return result;
}

/* ---- opening and closing ---- */

/* So that the directory itself is still there after a crash. */
static enum result make_dir(const struct journal_writer *writer)
{
    enum result result = storage_make_dir(writer->storage, writer->dir);
    if (result != RESULT_OK)
        return result;
    const char *slash = strrchr(writer->dir, '/');
    char *parent = slash == NULL          ? xstrdup(".")
                   : slash == writer->dir ? xstrdup("/")
                                          : xstrndup(writer->dir, (size_t)(slash - writer->dir));
    result = storage_sync_dir(writer->storage, parent);
    free(parent);
    return result;
}

static enum result lock_dir(struct journal_writer *writer)
{
    char *path = path_in(writer, "lock");
    enum result result = storage_open(writer->storage, path, STORAGE_CREATE, &writer->lock);
    free(path);
    return result == RESULT_OK ? storage_lock(writer->lock) : result;
}

static enum result start(struct journal_writer *writer, uint64_t now_ms, struct journal_report *ret_report)
{
    enum result result = make_dir(writer);
    if (result == RESULT_OK)
        result = lock_dir(writer);
    if (result == RESULT_OK)
        result = journal_reader_replay(writer->storage, writer->dir, writer->waiting.on_frame,
                                       writer->waiting.argument, &writer->state, ret_report);
    if (result != RESULT_OK)
        return result;
    writer->next_number = ret_report->newest_segment + 1;
    writer->waiting.durable = ret_report->durable;
    result = begin_segment(writer, now_ms);
    return result == RESULT_OK ? journal_writer_sync(writer, now_ms) : result;
}

static void close_keeping_errno(struct journal_writer **writer)
{
    int reason = errno;
    journal_writer_close(writer);
    errno = reason;
}

enum result journal_writer_open(const struct journal_writer_options *options, uint64_t now_ms,
                                struct journal_writer **ret_writer, struct journal_report *ret_report)
{
    struct journal_writer *writer = xcalloc(1, sizeof(*writer));
    writer->storage = options->storage;
    writer->dir = xstrdup(options->dir);
    writer->segment_bytes = options->segment_bytes == 0 ? SEGMENT_BYTES : options->segment_bytes;
    writer->waiting = (struct journal_waiting){
        .state = &writer->state,
        .on_frame = options->on_frame,
        .argument = options->argument,
        .frames_max = options->waiting_bytes == 0 ? WAITING_BYTES : options->waiting_bytes,
    };
    journal_state_init(&writer->state);
    *ret_report = (struct journal_report){0};
    enum result result = start(writer, now_ms, ret_report);
    if (result == RESULT_OK)
        *ret_writer = writer;
    else
        close_keeping_errno(&writer);
    return result;
}

void journal_writer_close(struct journal_writer **writer)
{
    struct journal_writer *old = *writer;
    if (old == NULL)
        return;
    *writer = NULL;
    storage_close(&old->file);
    storage_close(&old->lock);
    journal_state_release(&old->state);
    journal_waiting_release(&old->waiting);
    free(old->dir);
    free(old);
}

const struct journal_state *journal_writer_state(const struct journal_writer *writer)
{
    return &writer->state;
}

uint64_t journal_writer_durable(const struct journal_writer *writer)
{
    return writer->waiting.durable;
}

uint64_t journal_writer_written(const struct journal_writer *writer)
{
    return writer->written;
}

uint64_t journal_writer_segment(const struct journal_writer *writer)
{
    return writer->number;
}
