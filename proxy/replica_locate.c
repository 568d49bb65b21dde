/* The search of replica_locate.h. */
#include "proxy/replica_locate.h"

enum { SLICE_BYTES = 4 * 1024 * 1024, READ_BYTES = 256 * 1024 };

void replica_locate_to(struct replica_locate *locate, enum flavor flavor, struct position target)
{
    *locate = (struct replica_locate){.target = target};
    walk_init(&locate->walk, flavor, (struct position){target.file, BINLOG_START});
}

void replica_locate_gtids(struct replica_locate *locate, enum flavor flavor, struct position file_start)
{
    *locate = (struct replica_locate){.target = POSITION_NONE};
    walk_init(&locate->walk, flavor, file_start);
}

static bool is_at_target(const struct replica_locate *locate)
{
    return !position_is_none(locate->target) && position_compare(locate->walk.at, locate->target) >= 0;
}

/* RESULT_OK: the event is the first that the replica lacks. RESULT_AGAIN: it has been passed. */
static enum result pass_event(struct replica_locate *locate, struct replica_skip *skip,
                              const struct walk_event *event)
{
    struct walk before = locate->walk;
    if (!position_is_none(locate->target)) {
        walk_take(&locate->walk, event);
        if (event->header.type == BINLOG_FORMAT_DESCRIPTION)
            locate->format_end = locate->walk.at.offset;
        return RESULT_AGAIN;
    }
    enum skip_verdict verdict = replica_skip_verdict(skip, &before, event);
    if (verdict == SKIP_REFUSE)
        return RESULT_DIVERGED;
    if (verdict != SKIP_LEAVE_OUT && binlog_gtid_is_type(event->header.type))
        return RESULT_OK;
    enum txn_step step = walk_take(&locate->walk, event);
    locate->has_passed = locate->has_passed || step == TXN_STEP_BEGINS;
    if (verdict == SKIP_LEAVE_OUT)
        replica_skip_left_out(skip, &before, event, step);
    return RESULT_AGAIN;
}

static enum result pass_window(struct replica_locate *locate, struct replica_skip *skip, struct span bytes)
{
    struct walk_event event;
    while (!is_at_target(locate)) {
        enum result result = walk_peek(&locate->walk, bytes, &event);
        if (result != RESULT_OK)
            return result; /* RESULT_AGAIN: its head is in the next window */
        result = pass_event(locate, skip, &event);
        if (result != RESULT_AGAIN || !event.is_whole)
            return result;
        bytes = (struct span){bytes.data + event.header.length, bytes.length - event.header.length};
    }
    return RESULT_OK;
}

enum result replica_locate_step(struct replica_locate *locate, struct store *store, struct replica_skip *skip,
                                uint8_t scratch[WALK_HEAD_BYTES])
{
    for (size_t walked = 0; walked < SLICE_BYTES; walked += READ_BYTES) {
        if (is_at_target(locate))
            return position_equal(locate->walk.at, locate->target) ? RESULT_OK : RESULT_NOT_FOUND;
        struct span bytes;
        enum result result = walk_read(&locate->walk, store, READ_BYTES, scratch, &bytes);
        if (result == RESULT_CLOSED && position_is_none(locate->target)) {
            locate->walk.at = (struct position){locate->walk.at.file + 1, BINLOG_START};
            locate->has_passed = false;
            continue;
        }
        if (result == RESULT_AGAIN)
            return RESULT_OK; /* the replica has everything */
        if (result != RESULT_OK)
            return result;
        result = pass_window(locate, skip, bytes);
        if (result != RESULT_AGAIN && !is_at_target(locate))
            return result;
    }
    return RESULT_AGAIN;
}
