/* Chooses the segment of a journal and replays it, by the rules of journal_format.h. */
#include "recovery/journal_reader.h"

#include "protocol/xalloc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_MAX (1u << 30) /* bytes; far more than the writer ever puts into one */

/* One reading: the directory's segments, and the bytes of the one at hand. */
struct reading {
    struct storage *storage;
    const char *dir;
    struct journal_report *report;
    uint64_t *numbers; /* descending */
    size_t numbers_count;
    uint8_t *bytes;
    size_t length;
};

/* ---- the directory ---- */

static void on_name(void *argument, const char *name)
{
    struct reading *reading = argument;
    uint64_t number;
    if (!journal_segment_parse(name, &number))
        return;
    reading->numbers = xrealloc(reading->numbers, (reading->numbers_count + 1) * sizeof(*reading->numbers));
    reading->numbers[reading->numbers_count++] = number;
}

static int compare_descending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

static enum result list_segments(struct reading *reading)
{
    enum result result = storage_list(reading->storage, reading->dir, on_name, reading);
    if (result != RESULT_OK) {
        snprintf(reading->report->path, sizeof(reading->report->path), "%s", reading->dir);
        snprintf(reading->report->fault, sizeof(reading->report->fault), "%s", strerror(errno));
        return result;
    }
    if (reading->numbers_count > 0) {
        qsort(reading->numbers, reading->numbers_count, sizeof(*reading->numbers), compare_descending);
        reading->report->newest_segment = reading->numbers[0];
    }
    return RESULT_OK;
}

__attribute__((format(printf, 4, 5))) static enum result fault(struct reading *reading, enum result result,
                                                               uint64_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->report->fault, sizeof(reading->report->fault), format, arguments);
    va_end(arguments);
    reading->report->fault_offset = offset;
    return result;
}

static enum result load_file(struct reading *reading, struct storage_file *file)
{
    uint64_t size;
    enum result result = storage_size(file, &size);
    if (result != RESULT_OK)
        return fault(reading, result, 0, "%s", strerror(errno));
    if (size > SEGMENT_MAX)
        return fault(reading, RESULT_DAMAGED, SEGMENT_MAX, "the file is larger than a segment can be");
    free(reading->bytes);
    reading->bytes = xmalloc((size_t)size + 1);
    reading->length = 0;
    result = storage_read(file, 0, reading->bytes, (size_t)size, &reading->length);
    return result == RESULT_OK ? result : fault(reading, result, 0, "%s", strerror(errno));
}

static enum result load_segment(struct reading *reading, uint64_t number)
{
    char name[JOURNAL_NAME_MAX];
    journal_segment_format(number, name);
    struct journal_report *report = reading->report;
    if ((size_t)snprintf(report->path, sizeof(report->path), "%s/%s", reading->dir, name) >=
        sizeof(report->path))
        return fault(reading, RESULT_TOO_LARGE, 0, "the path is too long");
    struct storage_file *file = NULL;
    enum result result = storage_open(reading->storage, report->path, STORAGE_READ, &file);
    if (result != RESULT_OK)
        return fault(reading, result, 0, "%s", strerror(errno));
    result = load_file(reading, file);
    storage_close(&file);
    return result;
}

/* ---- frames ---- */

static bool frame_at(const struct reading *reading, size_t at, struct journal_frame *ret_frame,
                     size_t *ret_end)
{
    struct reader reader;
    reader_init(&reader, reading->bytes + at, reading->length - at);
    if (journal_frame_decode(&reader, ret_frame) != RESULT_OK)
        return false;
    *ret_end = at + reader.at;
    return true;
}

/* Whether any valid frame from `at` on says that `sequence` was on the disk. Looks at every byte, because the
 * lengths before it cannot be trusted; the cheap tests come first. */
static bool is_proven_durable(const struct reading *reading, size_t at, uint64_t sequence)
{
    for (; reading->length - at >= JOURNAL_FRAME_BYTES; at++) {
        struct reader fields;
        reader_init(&fields, reading->bytes + at, JOURNAL_FRAME_BYTES);
        uint32_t length = reader_u32(&fields);
        reader_skip(&fields, 4);
        uint8_t type = reader_u8(&fields);
        uint64_t frame_sequence = reader_u64(&fields);
        uint64_t durable = reader_u64(&fields);
        if (length > reading->length - at - JOURNAL_FRAME_BYTES || type == 0 || type >= JOURNAL_TYPE_END ||
            durable < sequence || durable >= frame_sequence || frame_sequence - sequence > reading->length)
            continue;
        struct journal_frame frame;
        size_t end;
        if (frame_at(reading, at, &frame, &end))
            return true;
    }
    return false;
}

/* A checkpoint with a valid header before it; RESULT_AGAIN: torn, an older segment may do. */
static enum result check_start(struct reading *reading, struct journal_header *ret_header)
{
    struct reader reader;
    reader_init(&reader, reading->bytes, reading->length);
    enum result result = journal_header_decode(&reader, ret_header);
    if (result == RESULT_UNSUPPORTED)
        return fault(reading, result, 8,
                     "a newer version of ackgate wrote this journal: start that version again");
    if (result != RESULT_OK)
        return fault(reading, RESULT_AGAIN, 0, "header: %s", result_text(result));
    struct journal_frame frame;
    size_t end;
    if (!frame_at(reading, JOURNAL_HEADER_BYTES, &frame, &end) || frame.type != JOURNAL_CHECKPOINT ||
        frame.sequence != ret_header->first_sequence)
        return fault(reading, RESULT_AGAIN, JOURNAL_HEADER_BYTES, "no valid checkpoint");
    return RESULT_OK;
}

static enum result choose_segment(struct reading *reading, struct journal_header *ret_header)
{
    struct journal_report *report = reading->report;
    for (size_t i = 0; i < reading->numbers_count; i++) {
        enum result result = load_segment(reading, reading->numbers[i]);
        if (result == RESULT_OK)
            result = check_start(reading, ret_header);
        if (result == RESULT_OK) {
            report->segment = reading->numbers[i];
            report->fault_offset = 0;
            report->fault[0] = '\0';
        }
        if (result != RESULT_AGAIN)
            return result;
    }
    bool is_first_and_torn =
        reading->numbers_count == 1 && reading->numbers[0] == 1 && !is_proven_durable(reading, 0, 1);
    report->is_tail_cut = is_first_and_torn;
    return is_first_and_torn ? RESULT_AGAIN : RESULT_DAMAGED;
}

/* ---- replay ---- */

struct replay {
    journal_reader_fn *fn;
    void *argument;
    struct journal_state *state;
    struct journal_ack acks[JOURNAL_ACKS_MAX];
};

static enum result replay_frame(struct reading *reading, struct replay *replay,
                                const struct journal_frame *frame, size_t at)
{
    struct journal_record record;
    enum result result = journal_record_decode(frame, replay->acks, &record);
    if (result == RESULT_OK)
        result = journal_state_apply(replay->state, &record, frame->sequence, frame->time_ms);
    if (result == RESULT_UNSUPPORTED)
        return fault(reading, result, at,
                     "record of an unknown type %u: a newer version of ackgate wrote this journal",
                     frame->type);
    if (result != RESULT_OK)
        return fault(reading, result, at, "record %" PRIu64 " makes no sense", frame->sequence);
    if (replay->fn != NULL)
        replay->fn(replay->argument, frame, &record);
    if (frame->durable > reading->report->durable)
        reading->report->durable = frame->durable;
    reading->report->records++;
    return RESULT_OK;
}

static enum result end_at(struct reading *reading, size_t at, uint64_t expected)
{
    struct journal_report *report = reading->report;
    report->valid_bytes = at;
    if (journal_end_is_at((struct span){reading->bytes, reading->length}, at))
        return RESULT_OK;
    if (is_proven_durable(reading, at, expected))
        return fault(reading, RESULT_DAMAGED, at, "record %" PRIu64 " is damaged", expected);
    report->is_tail_cut = true;
    return fault(reading, RESULT_OK, at, "the tail from record %" PRIu64 " on is lost", expected);
}

static enum result replay_segment(struct reading *reading, const struct journal_header *header,
                                  struct replay *replay)
{
    reading->report->segment_bytes = reading->length;
    reading->report->first_sequence = header->first_sequence;
    size_t at = JOURNAL_HEADER_BYTES;
    uint64_t expected = header->first_sequence;
    struct journal_frame frame;
    size_t end;
    while (frame_at(reading, at, &frame, &end) && frame.sequence == expected) {
        enum result result = replay_frame(reading, replay, &frame, at);
        if (result != RESULT_OK)
            return result;
        at = end;
        expected++;
    }
    return end_at(reading, at, expected);
}

static enum result read_into(struct reading *reading, struct replay *replay)
{
    enum result result = list_segments(reading);
    if (result != RESULT_OK || reading->numbers_count == 0)
        return result;
    struct journal_header header;
    result = choose_segment(reading, &header);
    if (result == RESULT_AGAIN)
        return RESULT_OK;
    if (result == RESULT_OK)
        result = replay_segment(reading, &header, replay);
    return result;
}

enum result journal_reader_replay(struct storage *storage, const char *dir, journal_reader_fn *fn,
                                  void *argument, struct journal_state *ret_state,
                                  struct journal_report *ret_report)
{
    *ret_report = (struct journal_report){0};
    struct reading reading = {.storage = storage, .dir = dir, .report = ret_report};
    struct journal_state state;
    journal_state_init(&state);
    struct replay *replay = xcalloc(1, sizeof(*replay));
    *replay = (struct replay){.fn = fn, .argument = argument, .state = &state};
    enum result result = read_into(&reading, replay);
    state.is_unproven = state.is_unproven || ret_report->is_tail_cut;
    if (result == RESULT_OK) {
        journal_state_release(ret_state);
        *ret_state = state;
    } else {
        journal_state_release(&state);
    }
    free(replay);
    free(reading.numbers);
    free(reading.bytes);
    return result;
}
