/* The growing lists of tail.h. */
#include "recovery/tail.h"

#include "protocol/xalloc.h"

#include <stdlib.h>

void tail_init(struct tail *tail)
{
    *tail = (struct tail){.start = TAIL_START_NONE};
}

void tail_release(struct tail *tail)
{
    free(tail->files);
    free(tail->txns);
    tail_init(tail);
}

void tail_add_file(struct tail *tail, uint64_t number, uint64_t size_bytes)
{
    if (tail->file_count == tail->file_room) {
        tail->file_room = tail->file_room == 0 ? 64 : tail->file_room * 2;
        tail->files = xrealloc(tail->files, tail->file_room * sizeof(*tail->files));
    }
    tail->files[tail->file_count++] = (struct tail_file){number, size_bytes};
}

bool tail_add_txn(struct tail *tail, const struct tail_txn *txn)
{
    if (tail->txn_count == TAIL_TXNS_MAX) {
        tail->is_partial = true;
        return false;
    }
    if (tail->txn_count == tail->txn_room) {
        tail->txn_room = tail->txn_room == 0 ? 256 : tail->txn_room * 2;
        tail->txns = xrealloc(tail->txns, tail->txn_room * sizeof(*tail->txns));
    }
    tail->txns[tail->txn_count++] = *txn;
    return true;
}

struct position tail_txn_start(const struct tail_txn *txn)
{
    return (struct position){txn->file, txn->start};
}

struct position tail_txn_end(const struct tail_txn *txn)
{
    return (struct position){txn->file, txn->end};
}
