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

static struct journal_line *line_back(struct journal_ring *ring, size_t back)
{
    return &ring->lines[(ring->next + JOURNAL_RING_MAX - back) % JOURNAL_RING_MAX];
}

/* Lines stand in the order of their sequences: one that is used again becomes the newest. */
static struct journal_line *make_newest(struct journal_ring *ring, size_t back)
{
    struct journal_line *newest = line_back(ring, 1);
    struct journal_line *line = line_back(ring, back);
    struct journal_line kept = *newest;
    *newest = *line;
    *line = kept;
    return newest;
}

/*
 * Acks and confirms come by the hundred: of each kind the ring holds the latest since the last other record.
 * Returns its line, or a new one.
 */
static struct journal_line *line_for(struct journal_ring *ring, enum journal_type type)
{
    bool is_frequent = type == JOURNAL_ACKS || type == JOURNAL_CONFIRM;
    for (size_t back = 1; is_frequent && back <= 2 && back <= ring->count; back++) {
        const struct journal_line *line = line_back(ring, back);
        if (line->type == journal_type_name(type))
            return make_newest(ring, back);
        if (line->type != journal_type_name(JOURNAL_ACKS) && line->type != journal_type_name(JOURNAL_CONFIRM))
            break;
    }
    struct journal_line *line = &ring->lines[ring->next];
    ring->next = (ring->next + 1) % JOURNAL_RING_MAX;
    if (ring->count < JOURNAL_RING_MAX)
        ring->count++;
    return line;
}

void journal_ring_add(struct journal_ring *ring, const struct journal_record *record, const char *base,
                      uint64_t sequence, uint32_t epoch, uint64_t time_ms)
{
    char detail[JOURNAL_DETAIL_MAX];
    journal_text_detail(record, base, detail, sizeof(detail));
    struct journal_line *line = line_for(ring, record->type);
    free(line->detail);
    *line = (struct journal_line){
        .sequence = sequence,
        .epoch = epoch,
        .time_ms = time_ms,
        .type = journal_type_name(record->type),
        .detail = xstrdup(detail),
    };
}

const struct journal_line *journal_ring_line(const struct journal_ring *ring, size_t index)
{
    if (index >= ring->count)
        return NULL;
    return &ring->lines[(ring->next + JOURNAL_RING_MAX - 1 - index) % JOURNAL_RING_MAX];
}
