/*
 * The writer of journal_writer.h.
 *
 * Waiting frames are bytes ready to be written; acks and confirms wait in front of them as values, so that a
 * later one replaces them, and become frames when something else must stand behind them or at a flush. The
 * state is always that of everything appended, which is why a checkpoint can take the place of all that
 * waits.
 */
#include "recovery/journal_writer.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT_BYTES = 1 << 20, WAITING_BYTES = 1 << 20 };

struct waiting_ack {
    char name[JOURNAL_CONSUMER_MAX];
    struct position acked;
};

struct journal_writer {
    struct storage *storage;
    char *dir;
    uint64_t segment_bytes;
    size_t waiting_max;
    struct storage_file *lock;
    struct journal_state state;

    struct storage_file *file; /* the current segment */
    uint64_t number;
    uint64_t next_number;
    uint64_t offset;     /* where the end mark stands and the next frames go */
    uint64_t rotate_at;  /* offset from which a new segment is due */
    uint64_t written;    /* sequence of the last frame in the file */
    uint64_t durable;    /* sequence */
    bool is_torn;        /* a failed write may have left bytes behind `offset` */
    bool is_established; /* durable itself, with older segments removed */
    bool is_syncing;     /* between sync_begin and its end: the file must stay */
    bool is_segment_due; /* nothing but a new segment will do */

    uint8_t *waiting;
    size_t waiting_length;
    size_t waiting_room;
    struct waiting_ack acks[JOURNAL_ACKS_MAX];
    size_t acks_count;
    bool has_confirm;
    struct position confirm;
    char *confirm_gtid;
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

/* ---- what waits ---- */

static uint8_t *reserve(struct journal_writer *writer, size_t more)
{
    size_t needed = writer->waiting_length + more + JOURNAL_END_BYTES;
    if (needed > writer->waiting_room) {
        writer->waiting_room = needed * 2;
        writer->waiting = xrealloc(writer->waiting, writer->waiting_room);
    }
    return writer->waiting + writer->waiting_length;
}

static void drop_waiting(struct journal_writer *writer)
{
    writer->waiting_length = 0;
    writer->acks_count = 0;
    writer->has_confirm = false;
}

static void add_frame(struct journal_writer *writer, const struct journal_record *record, uint64_t sequence,
                      uint64_t now_ms)
{
    size_t body_length;
    uint8_t *body = journal_record_encode(record, &body_length);
    struct journal_frame frame = {
        .type = (uint8_t)record->type,
        .sequence = sequence,
        .durable = writer->durable,
        .epoch = writer->state.epoch,
        .time_ms = now_ms,
        .body = {body, body_length},
    };
    size_t room = JOURNAL_FRAME_BYTES + body_length;
    struct writer out;
    writer_init(&out, reserve(writer, room), room);
    journal_frame_encode(&out, &frame);
    assert(!writer_failed(&out));
    writer->waiting_length += out.length;
    free(body);
    if (writer->waiting_length > writer->waiting_max)
        writer->is_segment_due = true;
}

/* A frame for it, unless a checkpoint is to take its place anyway. The state has it already or gets it after.
 */
static uint64_t add_record(struct journal_writer *writer, const struct journal_record *record,
                           uint64_t now_ms)
{
    uint64_t sequence = writer->state.sequence + 1;
    if (!writer->is_segment_due)
        add_frame(writer, record, sequence, now_ms);
    if (writer->is_segment_due)
        drop_waiting(writer);
    return sequence;
}

static void add_merged(struct journal_writer *writer, uint64_t now_ms)
{
    if (writer->acks_count > 0) {
        struct journal_ack items[JOURNAL_ACKS_MAX];
        for (size_t i = 0; i < writer->acks_count; i++)
            items[i] = (struct journal_ack){writer->acks[i].name, writer->acks[i].acked};
        struct journal_record record = {
            .type = JOURNAL_ACKS, .acks = {items, writer->acks_count}
        };
        writer->acks_count = 0;
        writer->state.sequence = add_record(writer, &record, now_ms);
    }
    if (writer->has_confirm) {
        struct journal_record record = {
            .type = JOURNAL_CONFIRM, .confirm = {writer->confirm, writer->confirm_gtid}
        };
        writer->has_confirm = false;
        writer->state.sequence = add_record(writer, &record, now_ms);
    }
}

static void merge_ack(struct journal_writer *writer, const struct journal_ack *ack, uint64_t now_ms)
{
    for (size_t i = 0; i < writer->acks_count; i++) {
        if (strncmp(writer->acks[i].name, ack->name, JOURNAL_CONSUMER_MAX - 1) == 0) {
            writer->acks[i].acked = ack->acked;
            return;
        }
    }
    if (writer->acks_count == JOURNAL_ACKS_MAX)
        add_merged(writer, now_ms);
    struct waiting_ack *added = &writer->acks[writer->acks_count++];
    snprintf(added->name, sizeof(added->name), "%s", ack->name);
    added->acked = ack->acked;
}

static void merge_confirm(struct journal_writer *writer, const struct journal_confirm *confirm)
{
    writer->has_confirm = true;
    writer->confirm = confirm->up_to;
    free(writer->confirm_gtid);
    writer->confirm_gtid = xstrdup(confirm->gtid == NULL ? "" : confirm->gtid);
}

uint64_t journal_writer_append(struct journal_writer *writer, const struct journal_record *record,
                               uint64_t now_ms)
{
    assert(record->type > JOURNAL_CHECKPOINT && record->type < JOURNAL_TYPE_END);
    uint64_t sequence;
    if (record->type == JOURNAL_ACKS) {
        for (size_t i = 0; i < record->acks.count; i++)
            merge_ack(writer, &record->acks.items[i], now_ms);
        sequence = writer->state.sequence;
    } else if (record->type == JOURNAL_CONFIRM) {
        merge_confirm(writer, &record->confirm);
        sequence = writer->state.sequence;
    } else {
        add_merged(writer, now_ms);
        sequence = add_record(writer, record, now_ms);
    }
    enum result result = journal_state_apply(&writer->state, record, sequence, now_ms);
    assert(result == RESULT_OK);
    (void)result;
    bool is_merged = record->type == JOURNAL_ACKS || record->type == JOURNAL_CONFIRM;
    return is_merged ? sequence + 1 : sequence;
}

bool journal_writer_is_flushed(const struct journal_writer *writer)
{
    return writer->waiting_length == 0 && writer->acks_count == 0 && !writer->has_confirm &&
           !writer->is_segment_due;
}

/* ---- the file ---- */

static void put_end_mark(uint8_t *at)
{
    memset(at, 0xFF, JOURNAL_END_BYTES);
}

static enum result write_waiting(struct journal_writer *writer)
{
    enum result result;
    if (writer->is_torn) {
        result = storage_truncate(writer->file, writer->offset);
        if (result != RESULT_OK)
            return result;
    }
    put_end_mark(reserve(writer, 0));
    writer->is_torn = true;
    result = storage_write(writer->file, writer->offset, writer->waiting,
                           writer->waiting_length + JOURNAL_END_BYTES);
    if (result != RESULT_OK)
        return result;
    writer->is_torn = false;
    writer->offset += writer->waiting_length;
    writer->written = writer->state.sequence;
    writer->waiting_length = 0;
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
        .durable = writer->durable,
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
    put_end_mark(bytes + out.length);
    assert(out.length + JOURNAL_END_BYTES == room);
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
            storage_close(&file);
            /* What cannot be removed now goes with the older segments later. */
            enum result ignored = storage_remove(writer->storage, path);
            (void)ignored;
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
    writer->is_segment_due = false;
    writer->written = ++writer->state.sequence;
    drop_waiting(writer);
    return RESULT_OK;
}

enum result journal_writer_flush(struct journal_writer *writer, uint64_t now_ms)
{
    if (journal_writer_is_flushed(writer))
        return RESULT_OK;
    add_merged(writer, now_ms);
    if (!writer->is_syncing && (writer->is_segment_due || writer->offset > writer->rotate_at)) {
        enum result result = begin_segment(writer, now_ms);
        if (result == RESULT_OK || writer->is_segment_due)
            return result;
        writer->rotate_at = writer->offset + writer->segment_bytes / 4;
    }
    return writer->is_segment_due ? RESULT_OK : write_waiting(writer);
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
        writer->durable = sequence;
    return result;
}

void journal_writer_sync_failed(struct journal_writer *writer)
{
    assert(writer->is_syncing);
    writer->is_syncing = false;
    writer->is_segment_due = true;
}

enum result journal_writer_sync(struct journal_writer *writer, uint64_t now_ms)
{
    enum result result = journal_writer_flush(writer, now_ms);
    if (result != RESULT_OK || writer->durable == writer->written)
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
        result = journal_reader_replay(writer->storage, writer->dir, NULL, NULL, &writer->state, ret_report);
    if (result != RESULT_OK)
        return result;
    writer->next_number = ret_report->newest_segment + 1;
    writer->durable = ret_report->durable;
    result = begin_segment(writer, now_ms);
    return result == RESULT_OK ? journal_writer_sync(writer, now_ms) : result;
}

enum result journal_writer_open(const struct journal_writer_options *options, uint64_t now_ms,
                                struct journal_writer **ret_writer, struct journal_report *ret_report)
{
    struct journal_writer *writer = xcalloc(1, sizeof(*writer));
    writer->storage = options->storage;
    writer->dir = xstrdup(options->dir);
    writer->segment_bytes = options->segment_bytes == 0 ? SEGMENT_BYTES : options->segment_bytes;
    writer->waiting_max = options->waiting_bytes == 0 ? WAITING_BYTES : options->waiting_bytes;
    journal_state_init(&writer->state);
    *ret_report = (struct journal_report){0};
    enum result result = start(writer, now_ms, ret_report);
    if (result == RESULT_OK)
        *ret_writer = writer;
    else
        journal_writer_close(&writer);
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
    free(old->waiting);
    free(old->confirm_gtid);
    free(old->dir);
    free(old);
}

const struct journal_state *journal_writer_state(const struct journal_writer *writer)
{
    return &writer->state;
}

uint64_t journal_writer_durable(const struct journal_writer *writer)
{
    return writer->durable;
}

uint64_t journal_writer_written(const struct journal_writer *writer)
{
    return writer->written;
}

uint64_t journal_writer_segment(const struct journal_writer *writer)
{
    return writer->number;
}
