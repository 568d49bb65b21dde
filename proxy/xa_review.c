/* The comparison of xa_review.h. */
#include "proxy/xa_review.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void xa_review_init(struct xa_review *review, const struct xa_id *ids, size_t count, uint64_t run_file)
{
    *review = (struct xa_review){.ids = ids, .count = count, .run_file = run_file};
    review->last = xcalloc(count + 1, sizeof(*review->last));
    review->is_older = xcalloc(count + 1, sizeof(*review->is_older));
}

void xa_review_release(struct xa_review *review)
{
    free(review->last);
    free(review->is_older);
    free(review->open);
    *review = (struct xa_review){0};
}

static bool is_prepared(const struct xa_review *review, const struct xa_id *id)
{
    for (size_t i = 0; i < review->count; i++)
        if (xa_id_equal(&review->ids[i], id))
            return true;
    return false;
}

static void note_last(struct xa_review *review, uint64_t file, const struct xa_id *id, enum xa_last last)
{
    for (size_t i = 0; i < review->count; i++) {
        if (xa_id_equal(&review->ids[i], id)) {
            review->last[i] = last;
            review->is_older[i] = file < review->run_file;
        }
    }
}

static void close_one(struct xa_review *review, const struct xa_id *id)
{
    for (size_t i = review->open_count; i > 0; i--)
        if (xa_id_equal(&review->open[i - 1].id, id))
            review->open[i - 1] = review->open[--review->open_count];
}

static void open_one(struct xa_review *review, uint64_t file, const struct txn *txn)
{
    if (review->open_count == review->open_room) {
        review->open_room = review->open_room == 0 ? 16 : review->open_room * 2;
        review->open = xrealloc(review->open, review->open_room * sizeof(*review->open));
    }
    review->open[review->open_count++] = (struct xa_open){
        .id = txn->xa, .gtid = txn->gtid, .file = file, .start = txn->start, .end = txn->end};
}

bool xa_review_add(void *argument, uint64_t file, const struct txn *txn)
{
    struct xa_review *review = argument;
    enum xa_last last = XA_NOTHING;
    if (txn->gtid.flavor != FLAVOR_MARIADB)
        return true;
    if (txn->kind == TXN_XA_PREPARE)
        last = XA_PREPARED;
    else if (txn->kind == TXN_XA_COMMIT)
        last = XA_COMMITTED;
    else if (txn->kind == TXN_XA_ROLLBACK)
        last = XA_ROLLED_BACK;
    if (last == XA_NOTHING)
        return true;
    note_last(review, file, &txn->xa, last);
    close_one(review, &txn->xa);
    if (last == XA_PREPARED && file < review->run_file)
        open_one(review, file, txn);
    return true;
}

char *xa_review_repairs(const struct xa_review *review)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert(out != NULL);
    for (size_t i = 0; i < review->count; i++) {
        char id[XA_ID_TEXT_MAX];
        bool is_undone =
            review->is_older[i] && (review->last[i] == XA_COMMITTED || review->last[i] == XA_ROLLED_BACK);
        if (is_undone)
            fprintf(out, "XA %s %s\n", review->last[i] == XA_COMMITTED ? "COMMIT" : "ROLLBACK",
                    xa_id_format(&review->ids[i], id));
    }
    fclose(out);
    return text;
}

const struct xa_id *xa_review_unknown(const struct xa_review *review)
{
    for (size_t i = 0; i < review->count; i++)
        if (review->last[i] == XA_NOTHING)
            return &review->ids[i];
    return NULL;
}

const struct xa_open *xa_review_lost(const struct xa_review *review)
{
    for (size_t i = 0; i < review->open_count; i++)
        if (!is_prepared(review, &review->open[i].id))
            return &review->open[i];
    return NULL;
}
