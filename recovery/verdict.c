/*
 * The verdict of verdict.h, in three passes over the tail: what stands in the store is compared with it; each
 * transaction is asked for a reason to keep it; and the longest run at the end without such a reason is
 * discarded. A cut takes everything behind it along, so one that must stay keeps all before it.
 */
#include "recovery/verdict.h"

#include "protocol/xalloc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const action_names[] = {"keep", "complete", "discard", "diverged", "behind"};
static const char *const overall_names[] = {"nothing", "cut", "refuse"};

static const char WHY_CONFIRMED[] = "the quorum has it";
static const char WHY_UNKNOWN_SOURCE[] = "ackgate knows nothing of this source";
static const char WHY_UNPROVEN[] = "it may have been sent: what was sent to whom is not known";
static const char WHY_SENT[] = "it was sent to a replica or binlog client";
static const char WHY_CLOSED[] = "the server was shut down in order: its engine has committed it";
static const char WHY_OLDER_FILE[] = "its file was closed by a later one: its engine has committed it";
static const char WHY_NOT_UNDONE[] = "cutting the binlog would not undo it in the engine";
static const char WHY_MAY_BE_LOST[] =
    "cutting the binlog would not undo it in the engine, and MariaDB's crash "
    "recovery may lose it: compare it with a replica";
static const char WHY_BEHIND_IT[] = "a transaction behind it has to stay";
static const char WHY_PARTIAL[] = "the listing is not complete";
static const char WHY_UNREADABLE[] = "the binlog cannot be read to its end";
static const char WHY_PURGED[] = "the source has purged the file of the confirmed position";
static const char WHY_OPERATOR_KEEPS[] = "an operator decided that it is completed";
static const char WHY_OPERATOR_CUTS[] = "an operator decided that it is discarded";
static const char WHY_NOT_SENT[] = "it was received and never sent to anybody";
static const char WHY_NOT_RECEIVED[] = "it never reached ackgate";
static const char WHY_OTHER_BYTES[] = "ackgate has received another transaction at this place";
static const char WHY_SAME_GTID[] = "ackgate knows its GTID from another place of the history";

const char *verdict_action_name(enum verdict_action action)
{
    return action_names[action];
}

bool verdict_action_parse(const char *name, enum verdict_action *ret_action)
{
    for (enum verdict_action action = VERDICT_KEEP; action < VERDICT_ACTION_END; action++) {
        if (strcmp(name, action_names[action]) == 0) {
            *ret_action = action;
            return true;
        }
    }
    return false;
}

const char *verdict_overall_name(enum verdict_overall overall)
{
    return overall_names[overall];
}

bool verdict_overall_parse(const char *name, enum verdict_overall *ret_overall)
{
    for (enum verdict_overall overall = VERDICT_NOTHING; overall < VERDICT_OVERALL_END; overall++) {
        if (strcmp(name, overall_names[overall]) == 0) {
            *ret_overall = overall;
            return true;
        }
    }
    return false;
}

void verdict_release(struct verdict *verdict)
{
    free(verdict->items);
    *verdict = (struct verdict){0};
}

__attribute__((format(printf, 2, 3))) static void say(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->reason, sizeof(verdict->reason), format, arguments);
    va_end(arguments);
}

static const char *name_of(const char *base, uint64_t file, char ret_name[BINLOG_NAME_MAX])
{
    if (base[0] == '\0' || file == 0 || file > BINLOG_NUMBER_MAX)
        snprintf(ret_name, BINLOG_NAME_MAX, "file %" PRIu64, file);
    else
        binlog_name_format(base, file, ret_name);
    return ret_name;
}

/* ---- is it the one that was followed ---- */

static bool refuse_other_server(const struct verdict_facts *facts, const struct tail *tail,
                                struct verdict *verdict)
{
    bool is_mysql = facts->flavor == FLAVOR_MYSQL;
    if (tail->flavor != facts->flavor)
        say(verdict, "it is a %s server, and ackgate followed a %s server: correct --datadir or --proxy",
            flavor_name(tail->flavor), flavor_name(facts->flavor));
    else if (is_mysql && tail->server_uuid[0] != '\0' && strcmp(tail->server_uuid, facts->server_uuid) != 0)
        say(verdict,
            "diverged: it is another server (server_uuid %s) than the one ackgate followed (%s): it must not "
            "start as source",
            tail->server_uuid, facts->server_uuid);
    else if (!is_mysql && tail->server_id != 0 && tail->server_id != facts->server_id)
        say(verdict,
            "diverged: it is another server (server_id %" PRIu32 ") than the one ackgate followed (%" PRIu32
            "): it must not start as source",
            tail->server_id, facts->server_id);
    else if (strcmp(tail->base, facts->base) != 0)
        say(verdict, "its binlog files are called %.200s and were called %.200s: set log_bin back",
            tail->base, facts->base);
    else
        return false;
    verdict->overall = VERDICT_REFUSE;
    return true;
}

static void say_behind(const struct tail *tail, struct position what, const char *why,
                       struct verdict *verdict)
{
    char end[BINLOG_NAME_MAX];
    char name[BINLOG_NAME_MAX];
    verdict->overall = VERDICT_REFUSE;
    say(verdict,
        "behind: its binlog ends at %s:%" PRIu64 ", before %s:%" PRIu64
        ", which %s: it has lost its tail and must not start as source. It may come back as a replica of "
        "ackgate",
        name_of(tail->base, tail->end.file, end), tail->end.offset, name_of(tail->base, what.file, name),
        what.offset, why);
}

static bool refuse_by_start(const struct verdict_facts *facts, const struct tail *tail,
                            struct verdict *verdict)
{
    char name[BINLOG_NAME_MAX];
    if (tail->file_count == 0 && !position_is_none(facts->confirmed)) {
        verdict->overall = VERDICT_REFUSE;
        say(verdict, "behind: it has no binlog files, and ackgate has confirmed transactions of it: it must "
                     "not start as source. It may come back as a replica of ackgate");
    } else if (tail->start == TAIL_START_BEYOND) {
        say_behind(tail, tail->from, "is confirmed", verdict);
    } else if (tail->start == TAIL_START_INSIDE) {
        verdict->overall = VERDICT_REFUSE;
        say(verdict,
            "diverged: no event of its binlog begins at %s:%" PRIu64
            ", where one does in ackgate's store: it must not start as source",
            name_of(tail->base, tail->from.file, name), tail->from.offset);
    }
    return verdict->overall == VERDICT_REFUSE;
}

/* ---- does it have what the store has ---- */

static bool is_same_txn(const struct tail_txn *a, const struct tail_txn *b)
{
    return a->file == b->file && a->start == b->start && a->end == b->end && a->crc == b->crc &&
           gtid_equal(&a->gtid, &b->gtid);
}

static void refuse_txn(const struct tail *tail, size_t i, const char *why, struct verdict *verdict)
{
    const struct tail_txn *txn = &tail->txns[i];
    char gtid[GTID_TEXT_MAX];
    char name[BINLOG_NAME_MAX];
    verdict->items[i] = (struct verdict_item){VERDICT_DIVERGED, why};
    if (verdict->overall == VERDICT_REFUSE)
        return;
    verdict->overall = VERDICT_REFUSE;
    say(verdict, "diverged: transaction %s at %s:%" PRIu64 ": %s: it must not start as source",
        gtid_format(&txn->gtid, gtid), name_of(tail->base, txn->file, name), txn->start, why);
}

/* All that is known by GTID, for telling a transaction that comes up twice. MySQL only: MariaDB's numbers may
 * go back where gtid_strict_mode is off. */
static void gather_known(const struct verdict_facts *facts, struct gtid_set *known)
{
    gtid_set_init(known);
    if (facts->flavor != FLAVOR_MYSQL)
        return;
    if (facts->before != NULL && facts->before->flavor == FLAVOR_MYSQL)
        gtid_set_copy(known, &facts->before->set);
    for (size_t i = 0; i < facts->stored_count; i++)
        if (facts->stored[i].gtid.flavor == FLAVOR_MYSQL)
            gtid_set_add(known, &facts->stored[i].gtid.mysql);
}

/* Compares transaction i with what the store has from `at` on; *at moves behind it. */
static void compare_one(const struct verdict_facts *facts, const struct tail *tail, size_t i,
                        const struct gtid_set *known, size_t *at, bool *ret_is_stored,
                        struct verdict *verdict)
{
    const struct tail_txn *txn = &tail->txns[i];
    bool has_next = *at < facts->stored_count;
    const struct tail_txn *next = has_next ? &facts->stored[*at] : NULL;
    *ret_is_stored = false;
    if (has_next && position_compare(tail_txn_start(next), tail_txn_start(txn)) <= 0) {
        while (*at < facts->stored_count &&
               position_compare(tail_txn_start(&facts->stored[*at]), tail_txn_start(txn)) <= 0)
            *at += 1;
        *ret_is_stored = true;
        if (!is_same_txn(next, txn))
            refuse_txn(tail, i, WHY_OTHER_BYTES, verdict);
    } else if (position_compare(tail_txn_end(txn), facts->store_end) <= 0) {
        refuse_txn(tail, i, WHY_OTHER_BYTES, verdict);
    } else if (txn->gtid.flavor == FLAVOR_MYSQL && gtid_set_contains(known, &txn->gtid.mysql)) {
        refuse_txn(tail, i, WHY_SAME_GTID, verdict);
    }
}

static bool is_whole(const struct tail *tail)
{
    return !tail->is_partial && tail->fault == TAIL_READABLE && tail->start == TAIL_START_FOUND;
}

static bool is_exposed(const struct verdict_facts *facts, const struct tail_txn *txn)
{
    return !facts->is_exposure_known || position_compare(tail_txn_start(txn), facts->exposed) < 0;
}

/* The store goes on where the source's tail has ended. */
static void consider_rest(const struct verdict_facts *facts, const struct tail *tail, size_t at,
                          struct verdict *verdict)
{
    if (verdict->overall == VERDICT_REFUSE || !is_whole(tail))
        return;
    if (position_compare(tail->end, facts->confirmed) < 0) {
        say_behind(tail, facts->confirmed, "is confirmed", verdict);
        return;
    }
    if (at < facts->stored_count && is_exposed(facts, &facts->stored[at])) {
        say_behind(tail, tail_txn_end(&facts->stored[at]), "may be on a replica", verdict);
        return;
    }
    if (position_compare(tail->end, facts->store_end) < 0) {
        verdict->has_store_cut = true;
        verdict->store_cut = tail->end;
    }
}

/* ---- what is to stay ---- */

static const struct verdict_override *find_override(const struct verdict_facts *facts,
                                                    const struct gtid *gtid)
{
    for (size_t i = facts->override_count; i > 0; i--)
        if (gtid_equal(&facts->overrides[i - 1].gtid, gtid) && !gtid_is_none(gtid))
            return &facts->overrides[i - 1];
    return NULL;
}

/* Why none of the tail may be cut; NULL: no reason. */
static const char *whole_tail_stays(const struct verdict_facts *facts, const struct tail *tail)
{
    if (!facts->is_known)
        return WHY_UNKNOWN_SOURCE;
    if (tail->is_closed)
        return WHY_CLOSED;
    if (tail->fault != TAIL_READABLE)
        return WHY_UNREADABLE;
    if (tail->start == TAIL_START_PURGED)
        return WHY_PURGED;
    return tail->is_partial || tail->start != TAIL_START_FOUND ? WHY_PARTIAL : NULL;
}

/* Kept in the binlog, it may still be gone from the tables: rows in Aria, a replaced table. */
static bool may_be_lost(const struct tail *tail, const struct tail_txn *txn)
{
    return tail->flavor == FLAVOR_MARIADB && (txn->kind == TXN_ROWS_COMMIT || txn->kind == TXN_ROWS);
}

/* Why a transaction that is not confirmed has to stay; NULL: no reason. */
static const char *stays(const struct verdict_facts *facts, const struct tail *tail,
                         const struct tail_txn *txn)
{
    const struct verdict_override *override = find_override(facts, &txn->gtid);
    if (override != NULL && !override->is_discard)
        return WHY_OPERATOR_KEEPS;
    if (tail->flavor == FLAVOR_MYSQL && txn->file < tail->files[tail->file_count - 1].number)
        return WHY_OLDER_FILE;
    if (!txn->is_undone)
        return may_be_lost(tail, txn) ? WHY_MAY_BE_LOST : WHY_NOT_UNDONE;
    if (override != NULL)
        return NULL;
    if (!facts->is_exposure_known)
        return WHY_UNPROVEN;
    return is_exposed(facts, txn) ? WHY_SENT : NULL;
}

static const char *why_discarded(const struct verdict_facts *facts, const struct tail_txn *txn,
                                 bool is_stored)
{
    if (find_override(facts, &txn->gtid) != NULL)
        return WHY_OPERATOR_CUTS;
    return is_stored ? WHY_NOT_SENT : WHY_NOT_RECEIVED;
}

/* From the end backwards: as soon as one stays, all before it do. */
static void decide(const struct verdict_facts *facts, const struct tail *tail, const bool *is_stored,
                   struct verdict *verdict)
{
    const char *all_stay = whole_tail_stays(facts, tail);
    bool has_stayed = false;
    for (size_t i = tail->txn_count; i > 0; i--) {
        const struct tail_txn *txn = &tail->txns[i - 1];
        struct verdict_item *item = &verdict->items[i - 1];
        if (item->action == VERDICT_DIVERGED) {
            has_stayed = true; /* the source is refused, nothing is cut */
            continue;
        }
        if (position_compare(tail_txn_end(txn), facts->confirmed) <= 0) {
            *item = (struct verdict_item){VERDICT_KEEP, WHY_CONFIRMED};
            continue;
        }
        const char *why = all_stay != NULL ? all_stay : stays(facts, tail, txn);
        if (why == NULL && has_stayed)
            why = WHY_BEHIND_IT;
        has_stayed = why != NULL;
        *item = has_stayed
                    ? (struct verdict_item){VERDICT_COMPLETE, why}
                    : (struct verdict_item){VERDICT_DISCARD, why_discarded(facts, txn, is_stored[i - 1])};
    }
}

/* ---- summing up ---- */

static bool is_any_fragile(const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->item_count; i++)
        if (verdict->items[i].action == VERDICT_COMPLETE && verdict->items[i].reason == WHY_MAY_BE_LOST)
            return true;
    return false;
}

static void sum_up(const struct verdict_facts *facts, const struct tail *tail, struct verdict *verdict)
{
    char name[BINLOG_NAME_MAX];
    size_t first = 0;
    for (size_t i = 0; i < verdict->item_count; i++) {
        verdict->kept += verdict->items[i].action == VERDICT_KEEP;
        verdict->completed += verdict->items[i].action == VERDICT_COMPLETE;
        if (verdict->items[i].action == VERDICT_DISCARD && verdict->discarded++ == 0)
            first = i;
    }
    if (verdict->overall == VERDICT_REFUSE)
        return;
    const char *warning =
        is_any_fragile(verdict)
            ? "; of those to be completed MariaDB's crash recovery may lose some (docs/recovery.md)"
            : "";
    if (verdict->discarded == 0) {
        say(verdict, "nothing to cut: %zu confirmed, %zu to be completed%s", verdict->kept,
            verdict->completed, warning);
        return;
    }
    verdict->overall = VERDICT_CUT;
    verdict->cut = tail_txn_start(&tail->txns[first]);
    verdict->has_store_cut = position_compare(verdict->cut, facts->store_end) < 0;
    verdict->store_cut = verdict->cut;
    say(verdict, "cut at %s:%" PRIu64 ": %zu confirmed, %zu to be completed, %zu discarded%s",
        name_of(tail->base, verdict->cut.file, name), verdict->cut.offset, verdict->kept, verdict->completed,
        verdict->discarded, warning);
}

static void compare(const struct verdict_facts *facts, const struct tail *tail, bool *ret_is_stored,
                    struct verdict *verdict)
{
    struct gtid_set known;
    size_t at = 0;
    gather_known(facts, &known);
    while (at < facts->stored_count && position_compare(tail_txn_end(&facts->stored[at]), tail->from) <= 0)
        at++;
    for (size_t i = 0; i < tail->txn_count; i++)
        compare_one(facts, tail, i, &known, &at, &ret_is_stored[i], verdict);
    consider_rest(facts, tail, at, verdict);
    gtid_set_release(&known);
}

void verdict_pass(const struct verdict_facts *facts, const struct tail *tail, struct verdict *ret_verdict)
{
    struct verdict verdict = {
        .items = xcalloc(tail->txn_count + 1, sizeof(*verdict.items)),
        .item_count = tail->txn_count,
    };
    bool *is_stored = xcalloc(tail->txn_count + 1, sizeof(*is_stored));
    bool is_other = facts->is_known && tail->file_count > 0 && refuse_other_server(facts, tail, &verdict);
    if (facts->is_known && !is_other && !refuse_by_start(facts, tail, &verdict))
        compare(facts, tail, is_stored, &verdict);
    decide(facts, tail, is_stored, &verdict);
    sum_up(facts, tail, &verdict);
    free(is_stored);
    *ret_verdict = verdict;
}
