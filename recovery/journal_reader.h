/*
 * Reads a journal's directory: chooses the segment, replays it, and says where it ends and what was wrong.
 * It changes nothing on disk; the rules stand in journal_format.h.
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_READER_H
#define ACKGATE_RECOVERY_JOURNAL_READER_H

#include "recovery/journal_state.h"
#include "recovery/storage.h"

enum { JOURNAL_PATH_MAX = 4096 };

struct journal_report {
    uint64_t segment;            /* the one that was read; 0: there is no journal yet */
    uint64_t newest_segment;     /* above `segment` when a torn newer one lies beside it */
    uint64_t segment_bytes;      /* of the file */
    uint64_t valid_bytes;        /* up to which its frames are valid: the next frame goes here */
    uint64_t first_sequence;     /* of its checkpoint */
    uint64_t records;            /* frames replayed, the checkpoint included */
    uint64_t durable;            /* highest `durable` seen */
    bool is_tail_cut;            /* what follows valid_bytes was left out; the state is unproven */
    char path[JOURNAL_PATH_MAX]; /* of the segment; after a failure of the one that is at fault */
    uint64_t fault_offset;       /* after a failure or with is_tail_cut: of the first invalid frame */
    char fault[160];             /* the same in words: an English phrase; "" when nothing is wrong */
};

/* Called for each valid frame in order, the checkpoint first. Record and frame live during the call. */
typedef void journal_reader_fn(void *argument, const struct journal_frame *frame,
                               const struct journal_record *record);

/*
 * ret_state is initialised by the caller and untouched on failure; fn may be NULL. ret_report is always
 * filled. RESULT_NOT_FOUND: no such directory. RESULT_DAMAGED, RESULT_UNSUPPORTED (newer version),
 * RESULT_MALFORMED (valid frames that make no sense), RESULT_IO.
 */
MUST_CHECK enum result journal_reader_replay(struct storage *storage, const char *dir, journal_reader_fn *fn,
                                             void *argument, struct journal_state *ret_state,
                                             struct journal_report *ret_report);

#endif
