/* The latest records as text, for the admin table; declared in journal_text.h. */
#include "protocol/xalloc.h"
#include "recovery/journal_text.h"

#include <stdlib.h>

void journal_ring_release(struct journal_ring *ring)
{
    for (size_t i = 0; i < JOURNAL_RING_MAX; i++)
        free(ring->lines[i].detail);
    *ring = (struct journal_ring){0};
}

void journal_ring_add(struct journal_ring *ring, const struct journal_record *record, const char *base,
                      uint64_t sequence, uint32_t epoch, uint64_t time_ms)
{
    char detail[JOURNAL_DETAIL_MAX];
    journal_text_detail(record, base, detail, sizeof(detail));
    struct journal_line *line = &ring->lines[ring->next];
    free(line->detail);
    *line = (struct journal_line){
        .sequence = sequence,
        .epoch = epoch,
        .time_ms = time_ms,
        .type = journal_type_name(record->type),
        .detail = xstrdup(detail),
    };
    ring->next = (ring->next + 1) % JOURNAL_RING_MAX;
    if (ring->count < JOURNAL_RING_MAX)
        ring->count++;
}

const struct journal_line *journal_ring_line(const struct journal_ring *ring, size_t index)
{
    if (index >= ring->count)
        return NULL;
    return &ring->lines[(ring->next + JOURNAL_RING_MAX - 1 - index) % JOURNAL_RING_MAX];
}
