/* The source of source.h: sessions that commit, semi-sync, its life. */
#include "test/sim/source.h"

#include "protocol/xalloc.h"
#include "test/sim/client.h"
#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/schedule.h"
#include "test/sim/source_state.h"
#include "test/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DDL_PER_MILLE = 40, EXTRA_BYTES_MAX = 120 };

struct source_state source_state;

void source_reset(void)
{
    uint64_t life = source_state.life;
    gtid_state_release(&source_state.logged);
    source_state = (struct source_state){.flavor = world_setup()->flavor, .life = life};
    gtid_state_init(&source_state.logged, source_state.flavor);
    files_mkdir("/sim/s");
    files_mkdir(SOURCE_DIR);
    source_dump_reset();
}

bool source_is_up(void)
{
    return source_state.is_up;
}

uint64_t source_life(void)
{
    return source_state.life;
}

bool source_waits(void)
{
    return source_state.wait_count > 0;
}

bool source_is_locked(void)
{
    return source_state.is_up && source_state.flavor == FLAVOR_MARIADB && source_state.wait_count > 1;
}

void source_boot(void *unused)
{
    (void)unused;
    assert(!source_state.is_up);
    source_recover_files();
    source_new_file(source_last_file() + 1, false);
    source_state.is_up = true;
    source_state.is_semi_sync = true;
    source_state.wait_count = 0;
    source_state.is_sync_due = source_state.is_rotation_wanted = false;
    source_state.started_us = schedule_now_us();
    source_state.life++;
    world_note("source: up, file %llu", (unsigned long long)source_state.file);
}

/* ---- commits ---- */

static void note_synced(void)
{
    for (size_t i = 0; i < source_state.wait_count; i++) {
        source_state.waits[i].is_synced = true;
        truth_of(source_state.waits[i].uid)->is_synced = true;
    }
}

static void consider_rotation(void)
{
    bool must_wait = source_state.flavor == FLAVOR_MYSQL && source_state.wait_count > 0;
    if (!source_state.is_rotation_wanted || must_wait)
        return;
    source_state.is_rotation_wanted = false;
    source_new_file(source_state.file + 1, true);
    note_synced();
    source_dump_pump();
}

static void finish(const struct source_wait *wait)
{
    truth_on_engine_commit(wait->uid);
    if (wait->client != SOURCE_NO_CLIENT)
        client_on_answer(wait->client, wait->uid);
}

/* Those at the front that are synced and acked, or need no ack, are done. */
static void release(struct position up_to, bool is_let_go)
{
    size_t count = 0;
    while (count < source_state.wait_count && source_state.waits[count].is_synced &&
           position_compare(source_state.waits[count].end, up_to) <= 0) {
        if (is_let_go)
            truth_of(source_state.waits[count].uid)->is_let_go = true;
        finish(&source_state.waits[count++]);
    }
    source_state.wait_count -= count;
    memmove(source_state.waits, source_state.waits + count,
            source_state.wait_count * sizeof(*source_state.waits));
    consider_rotation();
}

void source_acked(struct position up_to)
{
    if (source_state.is_semi_sync)
        release(up_to, false);
}

static const struct position everything = {UINT64_MAX, UINT64_MAX};

static void on_sync_due(void *unused)
{
    (void)unused;
    source_state.is_sync_due = false;
    source_sync();
    note_synced();
    source_dump_pump();
    if (!source_state.is_semi_sync)
        release(everything, true);
}

static void write_txn(uint64_t uid, enum events_kind kind, uint64_t prepared)
{
    struct events events;
    struct truth_txn *txn = truth_of(uid);
    events_begin(&events, source_state.flavor, source_state.end);
    txn->gtid = source_gtid(source_state.next_seq++);
    txn->life = source_state.life;
    txn->kind = kind;
    txn->prepared = kind == EVENTS_XA_PREPARE ? uid : prepared;
    txn->is_undone = kind != EVENTS_DDL;
    txn->is_let_go = kind == EVENTS_DDL;
    txn->engine = kind == EVENTS_DDL ? ENGINE_COMMITTED : ENGINE_PREPARED;
    txn->start = (struct position){source_state.file, source_state.end};
    events_add_txn(&events, &(struct events_txn){kind, txn->gtid, uid, txn->prepared,
                                                 (size_t)dice_below(EXTRA_BYTES_MAX)});
    assert(events.length <= TRUTH_BYTES_MAX);
    memcpy(txn->bytes, events.data, events.length);
    txn->length = events.length;
    source_append(&events);
    txn->end = (struct position){source_state.file, source_state.end};
    gtid_state_add(&source_state.logged, &txn->gtid);
}

/* Some user XA transaction that is prepared, and that nobody is ending; 0: there is none. */
static uint64_t some_prepared(void)
{
    uint64_t found = 0;
    uint64_t seen = 0;
    for (uint64_t uid = 1; uid <= truth_count(); uid++) {
        bool is_free = truth_of(uid)->kind == EVENTS_XA_PREPARE && truth_of(uid)->xa_state == ENGINE_PREPARED;
        for (uint64_t later = uid + 1; is_free && later <= truth_count(); later++)
            is_free = truth_of(later)->prepared != uid || truth_of(later)->is_cut;
        if (is_free && dice_below(++seen) == 0)
            found = uid;
    }
    return found;
}

static void write_some(uint64_t uid)
{
    uint64_t prepared = 0;
    enum events_kind kind = dice_chance(DDL_PER_MILLE) ? EVENTS_DDL : EVENTS_ROWS;
    if (dice_chance(world_setup()->xa_per_mille)) {
        prepared = dice_chance(600) ? some_prepared() : 0;
        kind = prepared == 0 ? EVENTS_XA_PREPARE : dice_chance(600) ? EVENTS_XA_COMMIT : EVENTS_XA_ROLLBACK;
    }
    write_txn(uid, kind, prepared);
}

void source_commit(unsigned client)
{
    if (!source_state.is_up || source_state.wait_count == SOURCE_WAITS_MAX) {
        client_on_broken(client);
        return;
    }
    uint64_t uid = truth_add();
    write_some(uid);
    source_state.waits[source_state.wait_count++] =
        (struct source_wait){uid, client, truth_of(uid)->end, false};
    if (!source_state.is_sync_due)
        schedule_after(dice_between(50, 1500), GROUP_SOURCE, on_sync_due, NULL);
    source_state.is_sync_due = true;
}

void source_forget_client(unsigned client)
{
    for (size_t i = 0; i < source_state.wait_count; i++)
        if (source_state.waits[i].client == client)
            source_state.waits[i].client = SOURCE_NO_CLIENT;
}

/* ---- what befalls it ---- */

static void go_down(void)
{
    schedule_cancel_group(GROUP_SOURCE);
    source_state.is_up = false;
    source_state.wait_count = 0;
}

void source_die(bool is_power)
{
    go_down();
    source_dump_die();
    files_split(HOST_SOURCE, is_power);
    files_bury(HOST_SOURCE);
    clients_on_source_gone();
    world_figures()->source_deaths++;
    world_note("source: %s", is_power ? "power lost" : "killed");
}

void source_shut_down(void)
{
    struct events events;
    on_sync_due(NULL);
    release(everything, true);
    events_begin(&events, source_state.flavor, source_state.end);
    events_add_stop(&events);
    source_append(&events);
    source_sync();
    source_dump_pump();
    source_flip_in_use(source_state.file, false);
    go_down();
    source_drop_dump();
    world_note("source: shut down");
}

void source_set_semi_sync(bool is_on)
{
    source_state.is_semi_sync = is_on;
    if (!is_on)
        release(everything, true);
}

bool source_kill_waiting(void)
{
    if (source_state.wait_count == 0)
        return false;
    struct source_wait *wait = &source_state.waits[dice_below(source_state.wait_count)];
    if (wait->client == SOURCE_NO_CLIENT || truth_of(wait->uid)->prepared != 0)
        return false;
    client_on_broken(wait->client);
    wait->client = SOURCE_NO_CLIENT;
    if (source_state.flavor == FLAVOR_MARIADB && wait->is_synced) {
        truth_of(wait->uid)->is_let_go = true;
        truth_of(wait->uid)->engine = ENGINE_COMMITTED;
    }
    return true;
}

void source_rotate(void)
{
    source_state.is_rotation_wanted = true;
    consider_rotation();
}

/* ---- what it says of itself ---- */

/* XA RECOVER. */
static void fill_prepared(struct source_prepared *prepared)
{
    free(prepared->ids);
    *prepared = (struct source_prepared){.is_known = true};
    prepared->ids = xcalloc(truth_count() + 1, sizeof(*prepared->ids));
    for (uint64_t uid = 1; uid <= truth_count(); uid++)
        if (truth_of(uid)->kind == EVENTS_XA_PREPARE && truth_of(uid)->xa_state == ENGINE_PREPARED)
            prepared->ids[prepared->count++] = events_xa_id(uid);
}

/* XA COMMIT and XA ROLLBACK, a line each, without a word in the binlog. */
void source_repair_xa(const char *statements)
{
    char text[XA_ID_TEXT_MAX + 32];
    char name[XA_ID_TEXT_MAX];
    for (uint64_t uid = 1; uid <= truth_count(); uid++) {
        struct truth_txn *txn = truth_of(uid);
        struct xa_id id = events_xa_id(uid);
        if (txn->kind != EVENTS_XA_PREPARE || txn->xa_state != ENGINE_PREPARED)
            continue;
        xa_id_format(&id, name);
        snprintf(text, sizeof(text), "XA COMMIT %s\n", name);
        if (strstr(statements, text) != NULL)
            txn->xa_state = ENGINE_COMMITTED;
        snprintf(text, sizeof(text), "XA ROLLBACK %s\n", name);
        if (strstr(statements, text) != NULL)
            txn->xa_state = ENGINE_ROLLED_BACK;
        if (txn->xa_state != ENGINE_PREPARED)
            world_note("source: XA transaction %llu is ended", (unsigned long long)uid);
    }
}

void source_fill_facts(struct source_facts *ret_facts, bool with_tail)
{
    struct source_facts *facts = ret_facts;
    bool is_mysql = source_state.flavor == FLAVOR_MYSQL;
    strcpy(facts->address, "127.0.0.1");
    facts->flavor = source_state.flavor;
    strcpy(facts->version, is_mysql ? "9.7.4" : "10.11.19-MariaDB");
    strcpy(facts->server_uuid, is_mysql ? "3e11fa47-0100-0000-0000-000000000000" : "");
    facts->server_id = 1;
    strcpy(facts->base, "binlog");
    strcpy(facts->first_file, "binlog.000001");
    facts->has_tail = with_tail && !source_is_locked();
    snprintf(facts->last_file, sizeof(facts->last_file), "binlog.%06llu",
             (unsigned long long)source_state.file);
    facts->last_offset = source_state.synced_end;
    facts->uptime_s = (schedule_now_us() - source_state.started_us) / 1000000;
    if (!is_mysql)
        fill_prepared(&facts->prepared);
    if (is_mysql && facts->has_tail) {
        free(facts->executed);
        facts->executed = source_executed();
    }
}

char *source_executed(void)
{
    struct gtid_set set;
    if (source_state.flavor != FLAVOR_MYSQL)
        return xstrdup("");
    gtid_set_init(&set);
    for (uint64_t uid = 1; uid <= truth_count(); uid++)
        if (truth_of(uid)->engine == ENGINE_COMMITTED)
            gtid_set_add(&set, &truth_of(uid)->gtid.mysql);
    char *text = gtid_set_format(&set);
    gtid_set_release(&set);
    return text;
}

struct position source_engine_end(void)
{
    struct position end = POSITION_NONE;
    for (uint64_t uid = 1; uid <= truth_count(); uid++)
        if (truth_of(uid)->engine == ENGINE_COMMITTED && truth_of(uid)->is_undone)
            end = position_max(end, truth_of(uid)->end);
    return end;
}
