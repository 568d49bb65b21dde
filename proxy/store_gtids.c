/*
 * Which file a replica is served from, by the GTIDs that it has: store_find_gtids().
 *
 * A file can serve it when all before that file is among them; the newest such file skips most. What it has
 * and the history here has not is a fork, and must not be served.
 */
#include "proxy/store_internal.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(char *ret_offending, size_t offending_max, char *text)
{
    assert(offending_max > 0);
    size_t length = strlen(text);
    if (length < offending_max)
        memcpy(ret_offending, text, length + 1);
    else
        snprintf(ret_offending, offending_max, "%.*s…", (int)(offending_max > 4 ? offending_max - 4 : 0),
                 text);
    free(text);
}

/* ---- MySQL ---- */

static void say_difference(const struct gtid_set *a, const struct gtid_set *b, char *ret_offending,
                           size_t offending_max)
{
    struct gtid_set rest;
    gtid_set_init(&rest);
    gtid_set_copy(&rest, a);
    gtid_set_subtract(&rest, b);
    say(ret_offending, offending_max, gtid_set_format(&rest));
    gtid_set_release(&rest);
}

static enum result find_mysql(const struct store *store, const struct gtid_set *have,
                              struct position *ret_from, char *ret_offending, size_t offending_max)
{
    if (!gtid_set_contains_set(&store->gtids.set, have)) {
        say_difference(have, &store->gtids.set, ret_offending, offending_max);
        return RESULT_DIVERGED;
    }
    for (size_t i = store->index.count; i > 0; i--) {
        const struct store_file *file = &store->index.files[i - 1];
        if (gtid_set_contains_set(have, &file->start.set)) {
            *ret_from = (struct position){file->number, BINLOG_START};
            return RESULT_OK;
        }
    }
    say_difference(&store->index.files[0].start.set, have, ret_offending, offending_max);
    return RESULT_GONE;
}

/* ---- MariaDB ---- */

struct look_up {
    struct gtid_mariadb gtid;
    bool is_found;
};

static bool is_another(void *argument, uint64_t file, const struct txn *txn)
{
    (void)file;
    struct look_up *look_up = argument;
    const struct gtid_mariadb *seen = &txn->gtid.mariadb;
    look_up->is_found = txn->gtid.flavor == FLAVOR_MARIADB && seen->domain == look_up->gtid.domain &&
                        seen->server == look_up->gtid.server && seen->seq == look_up->gtid.seq;
    return !look_up->is_found;
}

/* The GTID is after the oldest file's start and not after the end: it stands in the last file whose start
 * lacks it, or nowhere. */
static enum result look_up_mariadb(const struct store *store, const struct gtid_mariadb *gtid)
{
    size_t i = store->index.count - 1;
    while (gtid_list_contains(&store->index.files[i].start.list, gtid)) {
        assert(i > 0);
        i--;
    }
    uint64_t end;
    bool is_stopped;
    struct look_up look_up = {.gtid = *gtid};
    enum result result = store_file_end(store, store->index.files[i].number, &end);
    if (result == RESULT_OK)
        result = store_scan_file(store, store->index.files[i].number, BINLOG_START, end, is_another, &look_up,
                                 &is_stopped);
    if (result != RESULT_OK)
        return result;
    return look_up.is_found ? RESULT_OK : RESULT_DIVERGED;
}

static bool is_recent(const struct store *store, const struct gtid_mariadb *gtid)
{
    size_t count = store->recent_count < STORE_RECENT ? (size_t)store->recent_count : STORE_RECENT;
    for (size_t i = 0; i < count; i++) {
        const struct gtid_mariadb *seen = &store->recent[i];
        if (seen->seq == gtid->seq && seen->server == gtid->server && seen->domain == gtid->domain)
            return true;
    }
    return false;
}

/* Known without reading a file: it is the last one at the start or the end of one. */
static bool is_at_an_edge(const struct store *store, const struct gtid_mariadb *gtid)
{
    for (size_t i = store->index.count; i > 0; i--) {
        const struct gtid_mariadb *last =
            gtid_list_find(&store->index.files[i - 1].start.list, gtid->domain, gtid->server);
        if (last != NULL && last->seq == gtid->seq)
            return true;
    }
    const struct gtid_mariadb *last = gtid_list_find(&store->gtids.list, gtid->domain, gtid->server);
    return last != NULL && last->seq == gtid->seq;
}

static enum result check_mariadb(const struct store *store, const struct gtid_mariadb *gtid)
{
    const struct gtid_mariadb *before =
        gtid_list_find(&store->index.files[0].start.list, gtid->domain, gtid->server);
    if (!gtid_list_contains(&store->gtids.list, gtid))
        return RESULT_DIVERGED;
    if (before != NULL && gtid->seq < before->seq)
        return RESULT_GONE;
    if (is_at_an_edge(store, gtid) || is_recent(store, gtid))
        return RESULT_OK;
    return look_up_mariadb(store, gtid);
}

/* The domains of the oldest file's start of which the replica lacks something. */
static void say_gone(const struct gtid_list *start, const struct gtid_list *have, char *ret_offending,
                     size_t offending_max)
{
    struct gtid_list missing;
    gtid_list_init(&missing);
    for (size_t i = 0; i < start->count; i++) {
        struct gtid_list one = {.gtids = &start->gtids[i], .count = 1, .room = 1};
        const struct gtid_mariadb *last = gtid_list_last(start, start->gtids[i].domain);
        if (last == &start->gtids[i] && !gtid_list_serves(&one, have))
            gtid_list_update(&missing, last);
    }
    say(ret_offending, offending_max, gtid_list_format(&missing));
    gtid_list_release(&missing);
}

static enum result find_mariadb(const struct store *store, const struct gtid_list *have,
                                struct position *ret_from, char *ret_offending, size_t offending_max)
{
    for (size_t i = 0; i < have->count; i++) {
        enum result result = check_mariadb(store, &have->gtids[i]);
        if (result == RESULT_OK)
            continue;
        struct gtid gtid = {.flavor = FLAVOR_MARIADB, .mariadb = have->gtids[i]};
        char text[GTID_TEXT_MAX];
        say(ret_offending, offending_max, xstrdup(gtid_format(&gtid, text)));
        return result;
    }
    for (size_t i = store->index.count; i > 0; i--) {
        const struct store_file *file = &store->index.files[i - 1];
        if (gtid_list_serves(&file->start.list, have)) {
            *ret_from = (struct position){file->number, BINLOG_START};
            return RESULT_OK;
        }
    }
    say_gone(&store->index.files[0].start.list, have, ret_offending, offending_max);
    return RESULT_GONE;
}

enum result store_find_gtids(const struct store *store, const struct gtid_state *have,
                             struct position *ret_from, char *ret_offending, size_t offending_max)
{
    bool is_empty = gtid_state_is_empty(have);
    if (store_is_empty(store) || (!is_empty && have->flavor != store->index.flavor)) {
        if (is_empty)
            return RESULT_NOT_FOUND;
        say(ret_offending, offending_max, gtid_state_format(have));
        return RESULT_DIVERGED;
    }
    struct gtid_state none;
    gtid_state_init(&none, store->index.flavor);
    const struct gtid_state *known = is_empty ? &none : have;
    if (store->index.flavor == FLAVOR_MYSQL)
        return find_mysql(store, &known->set, ret_from, ret_offending, offending_max);
    return find_mariadb(store, &known->list, ret_from, ret_offending, offending_max);
}
