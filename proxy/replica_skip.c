/* The decisions of replica_skip.h, as sql/rpl_binlog_sender.cc and sql/sql_repl.cc of the servers make them.
 */
#include "proxy/replica_skip.h"

#include "protocol/xalloc.h"

#include <stdlib.h>

static void entries_set(struct skip_entries *entries, const struct gtid_list *list)
{
    free(entries->items);
    entries->items = xcalloc(list->count + 1, sizeof(*entries->items));
    entries->count = 0;
    for (size_t i = 0; i < list->count; i++) {
        /* of several servers in a domain the last one is the position */
        const struct gtid_mariadb *last = gtid_list_last(list, list->gtids[i].domain);
        if (last == &list->gtids[i])
            entries->items[entries->count++] = (struct skip_entry){.gtid = *last};
    }
}

static struct skip_entry *entries_find(const struct skip_entries *entries, uint32_t domain)
{
    for (size_t i = 0; i < entries->count; i++)
        if (entries->items[i].gtid.domain == domain)
            return &entries->items[i];
    return NULL;
}

static void entries_remove(struct skip_entries *entries, struct skip_entry *entry)
{
    *entry = entries->items[--entries->count];
}

void replica_skip_release(struct replica_skip *skip)
{
    gtid_set_release(&skip->have);
    free(skip->start.items);
    free(skip->until.items);
    *skip = (struct replica_skip){0};
}

void replica_skip_set_mysql(struct replica_skip *skip, struct gtid_set *have)
{
    skip->flavor = FLAVOR_MYSQL;
    gtid_set_move(&skip->have, have);
}

void replica_skip_set_mariadb(struct replica_skip *skip, const struct gtid_list *start)
{
    skip->flavor = FLAVOR_MARIADB;
    entries_set(&skip->start, start);
}

void replica_skip_set_until(struct replica_skip *skip, const struct gtid_list *until,
                            const struct gtid_list *start)
{
    skip->has_until = true;
    entries_set(&skip->until, until);
    /* a domain whose UNTIL the replica has reached already needs nothing more */
    for (size_t i = skip->until.count; i > 0; i--)
        if (gtid_list_contains(start, &skip->until.items[i - 1].gtid))
            entries_remove(&skip->until, &skip->until.items[i - 1]);
}

void replica_skip_begin_file(struct replica_skip *skip, const struct gtid_list *file_start,
                             const struct gtid_list *known)
{
    for (size_t i = skip->start.count; i > 0; i--) {
        struct skip_entry *entry = &skip->start.items[i - 1];
        const struct gtid_mariadb *reached =
            gtid_list_find(file_start, entry->gtid.domain, entry->gtid.server);
        entry->is_unknown = gtid_list_last(known, entry->gtid.domain) == NULL;
        if (reached != NULL && reached->seq >= entry->gtid.seq)
            entries_remove(&skip->start, entry);
    }
}

static bool decode_gtid(const struct walk *walk, const struct walk_event *event, struct gtid *ret_gtid)
{
    struct binlog_gtid decoded;
    if (!binlog_gtid_is_type(event->header.type) ||
        binlog_gtid_decode(&event->header, walk_event_body(walk, event), &decoded) != RESULT_OK)
        return false;
    *ret_gtid = decoded.gtid;
    return true;
}

static enum skip_verdict until_verdict(const struct replica_skip *skip, const struct gtid_mariadb *gtid)
{
    if (!skip->has_until)
        return SKIP_SEND;
    const struct skip_entry *entry = entries_find(&skip->until, gtid->domain);
    bool is_beyond = entry == NULL || (entry->gtid.server == gtid->server && gtid->seq > entry->gtid.seq);
    return is_beyond ? SKIP_LEAVE_OUT : SKIP_SEND;
}

static enum skip_verdict mariadb_verdict(const struct replica_skip *skip, const struct gtid_mariadb *gtid)
{
    const struct skip_entry *entry = entries_find(&skip->start, gtid->domain);
    if (entry == NULL)
        return until_verdict(skip, gtid);
    if (entry->is_unknown)
        return SKIP_REFUSE;
    if (entry->gtid.server != gtid->server || gtid->seq <= entry->gtid.seq)
        return SKIP_LEAVE_OUT;
    return skip->is_strict ? SKIP_REFUSE : until_verdict(skip, gtid);
}

/* Events that tell about files, and are never part of a transaction. */
static bool is_of_file(uint8_t type)
{
    return type == BINLOG_ROTATE || type == BINLOG_STOP || type == BINLOG_FORMAT_DESCRIPTION;
}

enum skip_verdict replica_skip_verdict(const struct replica_skip *skip, const struct walk *walk,
                                       const struct walk_event *event)
{
    uint8_t type = event->header.type;
    if (type == BINLOG_MARIADB_ANNOTATE_ROWS && skip->leaves_annotations_out)
        return SKIP_LEAVE_OUT;
    if (skip->flavor == FLAVOR_UNKNOWN || is_of_file(type))
        return SKIP_SEND;
    struct gtid gtid;
    if (!decode_gtid(walk, event, &gtid))
        return skip->leaves_out ? SKIP_LEAVE_OUT : SKIP_SEND;
    if (gtid.flavor != skip->flavor)
        return SKIP_SEND;
    if (skip->flavor == FLAVOR_MARIADB)
        return mariadb_verdict(skip, &gtid.mariadb);
    return gtid_set_contains(&skip->have, &gtid.mysql) ? SKIP_LEAVE_OUT : SKIP_SEND;
}

static void reach_start(struct replica_skip *skip, const struct gtid_mariadb *gtid)
{
    struct skip_entry *entry = entries_find(&skip->start, gtid->domain);
    if (entry != NULL && entry->gtid.server == gtid->server && gtid->seq >= entry->gtid.seq)
        entries_remove(&skip->start, entry);
}

static void reach_until(struct replica_skip *skip, const struct gtid_mariadb *gtid)
{
    struct skip_entry *entry = entries_find(&skip->until, gtid->domain);
    if (entry == NULL || entry->gtid.server != gtid->server || gtid->seq < entry->gtid.seq)
        return;
    entries_remove(&skip->until, entry);
}

void replica_skip_sent(struct replica_skip *skip, const struct walk *walk, const struct walk_event *event)
{
    struct gtid gtid;
    skip->leaves_out = false;
    if (skip->flavor != FLAVOR_MARIADB || !decode_gtid(walk, event, &gtid) || gtid.flavor != FLAVOR_MARIADB)
        return;
    reach_start(skip, &gtid.mariadb);
    reach_until(skip, &gtid.mariadb);
}

void replica_skip_left_out(struct replica_skip *skip, const struct walk *walk, const struct walk_event *event,
                           enum txn_step step)
{
    struct gtid gtid;
    if (event->header.type == BINLOG_MARIADB_ANNOTATE_ROWS && !skip->leaves_out)
        return;
    skip->leaves_out = step == TXN_STEP_BEGINS || step == TXN_STEP_INSIDE;
    if (skip->flavor != FLAVOR_MARIADB || !decode_gtid(walk, event, &gtid) || gtid.flavor != FLAVOR_MARIADB)
        return;
    if (entries_find(&skip->start, gtid.mariadb.domain) != NULL)
        reach_start(skip, &gtid.mariadb);
    else
        reach_until(skip, &gtid.mariadb);
}

bool replica_skip_may_change(const struct replica_skip *skip)
{
    return skip->start.count > 0 || skip->until.count > 0;
}

bool replica_skip_is_until_over(const struct replica_skip *skip)
{
    return skip->has_until && skip->until.count == 0 && skip->start.count == 0;
}
