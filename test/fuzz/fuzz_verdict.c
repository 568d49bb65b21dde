/* A source's tail as text, the verdict on it, and the plan that ackgate-recover makes of that. What is
 * confirmed is never discarded, nor what was sent; the plan of each verdict is one that the tool carries out.
 * Five bytes say what is known: flags, how far is confirmed, sent and stored (as transactions of the tail),
 * and which stored one is another. Then the text. */
#include "recovery/plan.h"
#include "recovery/tail_text.h"
#include "recovery/verdict.h"
#include "test/fuzz/fuzz.h"

enum flag {
    IS_UNKNOWN = 1,     /* nothing was followed before */
    IS_UNSURE = 2,      /* what was sent is not known */
    IS_OTHER = 4,       /* another server */
    HAS_OVERRIDE = 8,   /* of the last transaction */
    OVERRIDE_CUTS = 16, /* and it is to be discarded */
};

struct known {
    uint8_t flags;
    size_t confirmed, exposed, stored;
    size_t other;
};

static struct position end_of(const struct tail *tail, size_t count)
{
    return count == 0 ? tail->from : tail_txn_end(&tail->txns[count - 1]);
}

static size_t at_most(size_t count, const struct tail *tail)
{
    return count < tail->txn_count ? count : tail->txn_count;
}

static void check_items(const struct verdict_facts *facts, const struct tail *tail,
                        const struct verdict *verdict)
{
    fuzz_check(verdict->item_count == tail->txn_count);
    for (size_t i = 0; i < verdict->item_count; i++) {
        if (verdict->items[i].action != VERDICT_DISCARD)
            continue;
        struct position start = tail_txn_start(&tail->txns[i]);
        fuzz_check(facts->is_known && position_compare(facts->confirmed, start) <= 0);
        fuzz_check(facts->override_count > 0 ||
                   (facts->is_exposure_known && position_compare(facts->exposed, start) <= 0));
        fuzz_check(position_compare(verdict->cut, start) <= 0);
    }
}

static void check_plan(const struct tail *tail, const struct verdict *verdict)
{
    char gtid[GTID_TEXT_MAX], file[BINLOG_NAME_MAX] = "", start[24], end[24];
    bool is_cut = verdict->overall == VERDICT_CUT;
    const char *problem = "";
    char *kept_as = xasprintf("%s/kept", tail->keep_dir);
    struct plan plan;

    plan_init(&plan);
    if (is_cut)
        binlog_name_format(tail->base, verdict->cut.file, file);
    (void)snprintf(start, sizeof start, "%llu", (unsigned long long)(is_cut ? verdict->cut.offset : 0));
    const char *first[PLAN_COLUMNS] = {
        "", file, start, "0", verdict_overall_name(verdict->overall), verdict->reason, is_cut ? kept_as : ""};
    enum result result = plan_take_row(&plan, tail, first, &problem);
    for (size_t i = 0; result == RESULT_OK && i < verdict->item_count; i++) {
        const struct tail_txn *txn = &tail->txns[i];
        binlog_name_format(tail->base, txn->file, file);
        (void)snprintf(start, sizeof start, "%llu", (unsigned long long)txn->start);
        (void)snprintf(end, sizeof end, "%llu", (unsigned long long)txn->end);
        const char *cells[PLAN_COLUMNS] = {
            gtid_format(&txn->gtid, gtid), file, start, end, verdict_action_name(verdict->items[i].action),
            verdict->items[i].reason,      NULL};
        result = plan_take_row(&plan, tail, cells, &problem);
    }
    if (result == RESULT_OK)
        result = plan_finish(&plan, tail, &problem);
    if (result != RESULT_OK)
        fprintf(stderr, "no plan: %s\n", problem);
    fuzz_check(result == RESULT_OK);
    plan_release(&plan);
    free(kept_as);
}

/* What the store has of it: its first ones, and one of them with other bytes or another GTID. */
static struct tail_txn *make_stored(const struct tail *tail, const struct known *known)
{
    struct tail_txn *stored = xcalloc(tail->txn_count + 1, sizeof *stored);

    if (known->stored > 0)
        memcpy(stored, tail->txns, known->stored * sizeof *stored);
    if (known->other < known->stored)
        stored[known->other].crc ^= 1;
    return stored;
}

static void pass(const struct tail *tail, const struct known *known)
{
    struct tail_txn *stored = make_stored(tail, known);
    struct verdict_override override = {.is_discard = (known->flags & OVERRIDE_CUTS) != 0};
    struct verdict verdict;
    struct verdict_facts facts = {
        .is_known = (known->flags & IS_UNKNOWN) == 0,
        .flavor = tail->flavor,
        .server_uuid = tail->server_uuid,
        .server_id = tail->server_id + ((known->flags & IS_OTHER) != 0),
        .base = tail->base,
        .confirmed = end_of(tail, known->confirmed),
        .is_exposure_known = (known->flags & IS_UNSURE) == 0,
        .exposed = end_of(tail, known->exposed),
        .store_end = end_of(tail, known->stored),
        .stored = stored,
        .stored_count = known->stored,
        .overrides = &override,
    };

    if (tail->txn_count > 0 && (known->flags & HAS_OVERRIDE) != 0) {
        override.gtid = tail->txns[tail->txn_count - 1].gtid;
        facts.override_count = 1;
    }
    verdict_pass(&facts, tail, &verdict);
    if (verdict.overall == VERDICT_CUT)
        check_items(&facts, tail, &verdict);
    check_plan(tail, &verdict);
    verdict_release(&verdict);
    free(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct tail tail;
    size_t line = 0;

    if (length < 5)
        return 0;
    struct span text = fuzz_copy((struct span){data + 5, length - 5});
    tail_init(&tail);
    if (tail_parse(text, &tail, &line) == RESULT_OK) {
        struct known known = {.flags = data[0], .other = data[4]};
        known.confirmed = at_most(data[1], &tail);
        known.stored = at_most(known.confirmed + data[3], &tail);
        known.exposed = at_most(known.confirmed + data[2], &tail);
        if (known.exposed > known.stored)
            known.exposed = known.stored;
        if (tail.keep_dir[0] != '\0' && tail.base[0] != '\0')
            pass(&tail, &known);
    } else {
        fuzz_check(line > 0);
    }
    tail_release(&tail);
    fuzz_free(text);
    return 0;
}
