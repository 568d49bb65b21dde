/* The waiting frames of journal_waiting.h. */
#include "recovery/journal_waiting.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *reserve(struct journal_waiting *waiting, size_t more)
{
    size_t needed = waiting->frames_length + more + JOURNAL_END_BYTES;
    if (needed > waiting->frames_room) {
        waiting->frames_room = needed * 2;
        waiting->frames = xrealloc(waiting->frames, waiting->frames_room);
    }
    return waiting->frames + waiting->frames_length;
}

static void drop(struct journal_waiting *waiting)
{
    waiting->frames_length = 0;
    waiting->acks_count = 0;
    waiting->has_confirm = false;
}

static void add_frame(struct journal_waiting *waiting, const struct journal_record *record, uint64_t sequence,
                      uint64_t now_ms)
{
    size_t body_length;
    uint8_t *body = journal_record_encode(record, &body_length);
    struct journal_frame frame = {
        .type = (uint8_t)record->type,
        .sequence = sequence,
        .durable = waiting->durable,
        .epoch = waiting->state->epoch,
        .time_ms = now_ms,
        .body = {body, body_length},
    };
    size_t room = JOURNAL_FRAME_BYTES + body_length;
    struct writer out;
    writer_init(&out, reserve(waiting, room), room);
    journal_frame_encode(&out, &frame);
    assert(!writer_failed(&out));
    waiting->frames_length += out.length;
    frame.body = (struct span){0};
    if (waiting->on_frame != NULL)
        waiting->on_frame(waiting->argument, &frame, record);
    free(body);
    if (waiting->frames_length > waiting->frames_max)
        waiting->is_overfull = true;
}

/* A frame for it, unless a checkpoint is to take its place anyway. The state has it already or gets it after.
 */
static uint64_t add_record(struct journal_waiting *waiting, const struct journal_record *record,
                           uint64_t now_ms)
{
    uint64_t sequence = waiting->state->sequence + 1;
    if (!waiting->is_overfull)
        add_frame(waiting, record, sequence, now_ms);
    if (waiting->is_overfull)
        drop(waiting);
    return sequence;
}

void journal_waiting_merge(struct journal_waiting *waiting, uint64_t now_ms)
{
    if (waiting->acks_count > 0) {
        struct journal_ack items[JOURNAL_ACKS_MAX];
        for (size_t i = 0; i < waiting->acks_count; i++)
            items[i] = (struct journal_ack){waiting->acks[i].name, waiting->acks[i].acked};
        struct journal_record record = {
            .type = JOURNAL_ACKS, .acks = {items, waiting->acks_count}
        };
        waiting->acks_count = 0;
        waiting->state->sequence = add_record(waiting, &record, now_ms);
    }
    if (waiting->has_confirm) {
        struct journal_record record = {
            .type = JOURNAL_CONFIRM, .confirm = {waiting->confirm, waiting->confirm_gtid}
        };
        waiting->has_confirm = false;
        waiting->state->sequence = add_record(waiting, &record, now_ms);
    }
}

static void merge_ack(struct journal_waiting *waiting, const struct journal_ack *ack, uint64_t now_ms)
{
    for (size_t i = 0; i < waiting->acks_count; i++) {
        if (strncmp(waiting->acks[i].name, ack->name, JOURNAL_CONSUMER_MAX - 1) == 0) {
            waiting->acks[i].acked = ack->acked;
            return;
        }
    }
    if (waiting->acks_count == JOURNAL_ACKS_MAX)
        journal_waiting_merge(waiting, now_ms);
    struct journal_merged_ack *added = &waiting->acks[waiting->acks_count++];
    snprintf(added->name, sizeof(added->name), "%s", ack->name);
    added->acked = ack->acked;
}

static void merge_confirm(struct journal_waiting *waiting, const struct journal_confirm *confirm)
{
    waiting->has_confirm = true;
    waiting->confirm = confirm->up_to;
    free(waiting->confirm_gtid);
    waiting->confirm_gtid = xstrdup(confirm->gtid == NULL ? "" : confirm->gtid);
}

uint64_t journal_waiting_put(struct journal_waiting *waiting, const struct journal_record *record,
                             uint64_t now_ms)
{
    assert(record->type > JOURNAL_CHECKPOINT && record->type < JOURNAL_TYPE_END);
    bool is_merged = record->type == JOURNAL_ACKS || record->type == JOURNAL_CONFIRM;
    uint64_t sequence = waiting->state->sequence;
    if (record->type == JOURNAL_ACKS) {
        for (size_t i = 0; i < record->acks.count; i++)
            merge_ack(waiting, &record->acks.items[i], now_ms);
        sequence = waiting->state->sequence;
    } else if (record->type == JOURNAL_CONFIRM) {
        merge_confirm(waiting, &record->confirm);
    } else {
        journal_waiting_merge(waiting, now_ms);
        sequence = add_record(waiting, record, now_ms);
    }
    enum result result = journal_state_apply(waiting->state, record, sequence, now_ms);
    assert(result == RESULT_OK);
    (void)result;
    return is_merged ? sequence + 1 : sequence;
}

bool journal_waiting_is_empty(const struct journal_waiting *waiting)
{
    return waiting->frames_length == 0 && waiting->acks_count == 0 && !waiting->has_confirm &&
           !waiting->is_overfull;
}

struct span journal_waiting_frames(struct journal_waiting *waiting)
{
    struct writer end;
    writer_init(&end, reserve(waiting, 0), JOURNAL_END_BYTES);
    journal_end_encode(&end);
    return (struct span){waiting->frames, waiting->frames_length + end.length};
}

void journal_waiting_clear(struct journal_waiting *waiting)
{
    drop(waiting);
    waiting->is_overfull = false;
}

void journal_waiting_release(struct journal_waiting *waiting)
{
    free(waiting->frames);
    free(waiting->confirm_gtid);
    *waiting = (struct journal_waiting){0};
}
