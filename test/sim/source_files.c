/* The source's binlog on its disk, and what a start after a crash makes of it. */
#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/source_state.h"
#include "test/sim/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAGS_AT = BINLOG_MAGIC_BYTES + 17, INDEX_LINE_BYTES = 16 }; /* "./binlog.000001\n" */

static const char index_path[] = SOURCE_DIR "/binlog.index";

void source_path(uint64_t file, char ret_path[SOURCE_NAME_MAX])
{
    snprintf(ret_path, SOURCE_NAME_MAX, SOURCE_DIR "/binlog.%06llu", (unsigned long long)file);
}

struct gtid source_gtid(uint64_t seq)
{
    static const struct gtid_origin origin = {
        .uuid = {0x3e, 0x11, 0xfa, 0x47, 1}
    };
    return source_state.flavor == FLAVOR_MYSQL ? gtid_of_mysql(&origin, (int64_t)seq)
                                               : gtid_of_mariadb(0, 1, seq);
}

static int open_file(uint64_t file)
{
    char path[SOURCE_NAME_MAX];
    source_path(file, path);
    return files_open(path, O_RDWR | O_CREAT);
}

void source_append(const struct events *events)
{
    int fd = open_file(source_state.file);
    files_write(fd, events->data, events->length, source_state.end);
    files_close(fd);
    source_state.end += events->length;
}

static void sync_file(uint64_t file)
{
    int fd = open_file(file);
    files_sync(fd);
    files_close(fd);
}

void source_sync(void)
{
    sync_file(source_state.file);
    source_state.synced_end = source_state.end;
}

void source_flip_in_use(uint64_t file, bool in_use)
{
    uint8_t flags;
    int fd = open_file(file);
    files_read(fd, &flags, 1, FLAGS_AT);
    flags = (uint8_t)(in_use ? flags | BINLOG_FLAG_IN_USE : flags & ~BINLOG_FLAG_IN_USE);
    files_write(fd, &flags, 1, FLAGS_AT);
    files_sync(fd);
    files_close(fd);
}

static void add_to_index(uint64_t file)
{
    char line[SOURCE_NAME_MAX];
    uint64_t size;
    bool is_dir;
    int fd = files_open(index_path, O_RDWR | O_CREAT);
    files_size(fd, &size, &is_dir);
    int length = snprintf(line, sizeof(line), "./binlog.%06llu\n", (unsigned long long)file);
    files_write(fd, line, (size_t)length, size);
    files_sync(fd);
    files_close(fd);
    fd = files_open(SOURCE_DIR, O_RDONLY);
    files_sync(fd);
    files_close(fd);
}

static void end_by_rotation(uint64_t next)
{
    char name[SOURCE_NAME_MAX];
    struct events events;
    snprintf(name, sizeof(name), "binlog.%06llu", (unsigned long long)next);
    events_begin(&events, source_state.flavor, source_state.end);
    events_add_rotate(&events, name);
    source_append(&events);
    source_sync();
    source_flip_in_use(source_state.file, false);
}

void source_new_file(uint64_t file, bool by_rotation)
{
    struct events events;
    char checkpoint[SOURCE_NAME_MAX];
    uint64_t oldest = source_state.wait_count > 0 ? source_state.waits[0].end.file : file;
    snprintf(checkpoint, sizeof(checkpoint), "binlog.%06llu", (unsigned long long)oldest);
    if (by_rotation)
        end_by_rotation(file);
    source_state.file = file;
    source_state.end = 0;
    events_begin(&events, source_state.flavor, 0);
    events_add_head(&events, &(struct events_head){&source_state.logged, !by_rotation, checkpoint});
    source_append(&events);
    source_sync();
    add_to_index(file);
}

uint64_t source_last_file(void)
{
    const uint8_t *data;
    size_t length;
    uint64_t file = 0;
    if (!files_look(index_path, false, &data, &length))
        return 0;
    for (size_t at = 0; at + INDEX_LINE_BYTES <= length; at += INDEX_LINE_BYTES)
        file = strtoull((const char *)data + at + 9, NULL, 10);
    return file;
}

struct span source_file_bytes(uint64_t file)
{
    char path[SOURCE_NAME_MAX];
    const uint8_t *data;
    size_t length;
    source_path(file, path);
    return files_look(path, false, &data, &length) ? (struct span){data, length} : (struct span){NULL, 0};
}

/* ---- walking ---- */

struct walked {
    uint64_t groups_end; /* behind the last whole transaction, or what stands before the first */
    uint64_t events_end;
};

static struct walked walk_file(uint64_t file, source_txn_fn *fn, void *argument)
{
    struct span bytes = source_file_bytes(file);
    struct group group = {0};
    struct binlog_event_header header;
    struct span event;
    struct walked walked = {BINLOG_START, BINLOG_START};
    uint64_t at = BINLOG_START;
    while (at < bytes.length &&
           event_next((struct span){bytes.data + at, bytes.length - at}, &event, &header) &&
           binlog_event_check(event) == RESULT_OK && header.log_pos == (uint32_t)(at + event.length)) {
        bool ends = group_take(&group, event, at);
        at += event.length;
        if (ends && fn != NULL)
            fn(argument, group.uid, (struct position){file, group.start}, (struct position){file, at});
        if (!group.is_open)
            walked.groups_end = at;
        walked.events_end = at;
    }
    return walked;
}

void source_walk(source_txn_fn *fn, void *argument)
{
    uint64_t last = source_last_file();
    for (uint64_t file = 1; file <= last; file++)
        walk_file(file, fn, argument);
}

/* ---- at a start ---- */

static void note_logged(void *argument, uint64_t uid, struct position start, struct position end)
{
    bool *is_logged = argument;
    (void)start;
    (void)end;
    is_logged[uid] = true;
    gtid_state_add(&source_state.logged, &truth_of(uid)->gtid);
}

/* MariaDB does not redo what its binlog says of users' XA transactions: what an XA PREPARE has prepared is
 * gone after a crash in front of the engine, and what was to be ended is still prepared. */
static void recover_one(struct truth_txn *txn, bool is_kept)
{
    bool is_xa = txn->prepared != 0;
    if (txn->engine != ENGINE_PREPARED)
        return;
    txn->engine =
        is_kept && !(is_xa && source_state.flavor == FLAVOR_MARIADB) ? ENGINE_COMMITTED : ENGINE_ROLLED_BACK;
    if (is_xa && txn->engine == ENGINE_COMMITTED)
        truth_apply_xa(txn);
}

/* The engine takes what is prepared and whole in the binlog, and rolls back the rest; everything, when the
 * newest file says that it was closed in good order. */
static void recover_engine(const bool *is_logged, bool is_in_use)
{
    for (uint64_t uid = 1; uid <= truth_count(); uid++) {
        struct truth_txn *txn = truth_of(uid);
        recover_one(txn, is_in_use && is_logged[uid]);
        if (!is_logged[uid] && !txn->is_undone && !txn->is_synced)
            txn->engine = ENGINE_ROLLED_BACK; /* the servers' own business: what they do before the binlog */
        if (!is_logged[uid])
            truth_on_cut(uid);
    }
}

static void shorten(uint64_t file, uint64_t size)
{
    int fd = open_file(file);
    files_truncate(fd, size);
    files_sync(fd);
    files_close(fd);
}

static uint64_t sequence_of(const struct gtid *gtid)
{
    return gtid->flavor == FLAVOR_MYSQL ? (uint64_t)gtid->mysql.gno : gtid->mariadb.seq;
}

static uint64_t first_free(const bool *is_logged)
{
    uint64_t next = 1;
    for (uint64_t uid = 1; uid <= truth_count(); uid++) {
        const struct truth_txn *txn = truth_of(uid);
        bool is_known =
            is_logged[uid] || (source_state.flavor == FLAVOR_MYSQL && txn->engine == ENGINE_COMMITTED);
        if (is_known && sequence_of(&txn->gtid) >= next)
            next = sequence_of(&txn->gtid) + 1;
    }
    return next;
}

void source_recover_files(void)
{
    static bool is_logged[TRUTH_TXNS_MAX + 1];
    uint64_t last = source_last_file();
    memset(is_logged, 0, sizeof(is_logged));
    gtid_state_clear(&source_state.logged);
    source_walk(note_logged, is_logged);
    struct span bytes = last == 0 ? (struct span){NULL, 0} : source_file_bytes(last);
    bool is_in_use = bytes.length > FLAGS_AT && (bytes.data[FLAGS_AT] & BINLOG_FLAG_IN_USE) != 0;
    recover_engine(is_logged, is_in_use);
    source_state.next_seq = first_free(is_logged);
    if (!is_in_use)
        return;
    sync_file(last); /* what a kill left in the cache */
    struct walked walked = walk_file(last, NULL, NULL);
    bool is_mysql = source_state.flavor == FLAVOR_MYSQL;
    uint64_t end = is_mysql ? walked.groups_end : walked.events_end;
    if (end < bytes.length)
        shorten(last, end);
    if (is_mysql)
        source_flip_in_use(last, false);
}
