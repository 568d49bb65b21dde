/*
 * Frames that wait to be written: the part of the journal's writer that is memory only.
 *
 * Acks and confirms wait as values in front of the frames, so that a later one replaces an earlier; they
 * become frames when another record must stand behind them or when the frames are asked for. The state is
 * always that of everything put. When the frames get over the bound they are dropped and the state has to be
 * written as a checkpoint instead: is_overfull says so until journal_waiting_clear().
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_WAITING_H
#define ACKGATE_RECOVERY_JOURNAL_WAITING_H

#include "recovery/journal_reader.h"

struct journal_merged_ack {
    char name[JOURNAL_CONSUMER_MAX];
    struct position acked;
};

struct journal_waiting {
    struct journal_state *state; /* borrowed */
    journal_reader_fn *on_frame; /* may be NULL */
    void *argument;
    size_t frames_max; /* bytes */
    uint64_t durable;  /* for the frames to come */
    bool is_overfull;

    uint8_t *frames;
    size_t frames_length;
    size_t frames_room; /* always has room for an end mark behind the frames */
    struct journal_merged_ack acks[JOURNAL_ACKS_MAX];
    size_t acks_count;
    bool has_confirm;
    struct position confirm;
    char *confirm_gtid;
};

void journal_waiting_release(struct journal_waiting *waiting);
bool journal_waiting_is_empty(const struct journal_waiting *waiting);

/* Applies the record to the state, and returns a sequence that is durable only when the record is. */
uint64_t journal_waiting_put(struct journal_waiting *waiting, const struct journal_record *record,
                             uint64_t now_ms);
/* Makes frames of merged acks and confirms. */
void journal_waiting_merge(struct journal_waiting *waiting, uint64_t now_ms);
/* All frames, with an end mark behind them; lives until the next call. */
struct span journal_waiting_frames(struct journal_waiting *waiting);
void journal_waiting_clear(struct journal_waiting *waiting);

#endif
