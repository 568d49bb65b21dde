/*
 * Records as text: `ackgate journal DIR`, and a ring of the latest ones for the admin table `journal`.
 *
 *     41 2026-03-01T10:00:00.123Z epoch 1 confirm up to binlog.000002:1234 gtid 3e11fa47-…:17
 *
 * Texts from records are escaped: a line is always one line of printable ASCII.
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_TEXT_H
#define ACKGATE_RECOVERY_JOURNAL_TEXT_H

#include "recovery/journal_reader.h"

#include <stdio.h>

/* What there is to say behind seq, time, epoch and type; cut at detail_max with "...". base: the source's
 * binlog base name, or "" to print the file's number alone. */
void journal_text_detail(const struct journal_record *record, const char *base, char *ret_detail,
                         size_t detail_max);

/*
 * Prints every record of the journal in dir, one a line, to out; with is_json one JSON object a line. A torn
 * tail or a fault is told on err in one line. Results of journal_reader_replay(), and RESULT_NOT_FOUND: no
 * journal.
 */
MUST_CHECK enum result journal_text_print(struct storage *storage, const char *dir, bool is_json, FILE *out,
                                          FILE *err);

enum { JOURNAL_RING_MAX = 200, JOURNAL_DETAIL_MAX = 512 };

struct journal_line {
    uint64_t sequence;
    uint32_t epoch;
    uint64_t time_ms;
    const char *type; /* constant */
    char *detail;     /* at most JOURNAL_DETAIL_MAX with its NUL */
};

/* Zeroed is empty. Of acks and confirms in a row only the latest of each is kept. */
struct journal_ring {
    struct journal_line lines[JOURNAL_RING_MAX];
    size_t next; /* where the next goes */
    size_t count;
};

void journal_ring_release(struct journal_ring *ring);
void journal_ring_add(struct journal_ring *ring, const struct journal_record *record, const char *base,
                      uint64_t sequence, uint32_t epoch, uint64_t time_ms);
/* index 0 is the newest; NULL: no such line. Lives until the next add. */
const struct journal_line *journal_ring_line(const struct journal_ring *ring, size_t index);

#endif
