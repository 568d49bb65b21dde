/*
 * The walk over the files of binlog_tail.h.
 *
 * First what there is: names and sizes, and the newest file's header. Then the place to begin at. Then event
 * by event; a file whose reading stops before its end is torn when nothing whole stands behind that place,
 * else damaged.
 */
#include "recovery/binlog_tail.h"

#include "protocol/xalloc.h"
#include "recovery/binlog_dir.h"
#include "recovery/binlog_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AUTO_CNF_MAX 4096u

struct walk {
    const struct binlog_tail_request *request;
    struct tail *tail;
    char **problem;
    struct txn_tracker tracker;
    size_t line;      /* of the file that is open */
    bool is_over;     /* nothing more is to be read */
    bool is_mixed_up; /* whole events in an order that cannot be */
    uint64_t begin;   /* offset in the first file */
};

static enum result fail_with(const struct walk *walk, const char *path, enum result result)
{
    *walk->problem = xasprintf("%s: %s", path, result == RESULT_IO ? strerror(errno) : result_text(result));
    return result;
}

/* ---- what there is ---- */

static void take_flavor(struct tail *tail, const struct binlog_file *file)
{
    /* only MySQL encrypts the whole file, and so the format description */
    tail->flavor = file->format_length == 0 ? FLAVOR_MYSQL : file->format.flavor;
}

/* The newest file that has a header; a crash may leave one without. */
static enum result read_newest(struct walk *walk)
{
    const struct binlog_index *index = walk->request->index;
    for (size_t line = index->count; line-- > 0;) {
        struct binlog_file file;
        enum result result = binlog_file_open(walk->request->storage, index->lines[line].path, &file);
        if (result == RESULT_TRUNCATED && line > 0)
            continue;
        if (result != RESULT_OK)
            return fail_with(walk, index->lines[line].path, result);
        take_flavor(walk->tail, &file);
        walk->tail->server_id = file.server_id;
        walk->tail->is_closed = line == index->count - 1 && file.format_length != 0 && !file.in_use;
        binlog_file_close(&file);
        return RESULT_OK;
    }
    return RESULT_OK;
}

/* MySQL's DATADIR/auto.cnf: server-uuid=… */
static void read_uuid(const struct walk *walk)
{
    static const char key[] = "server-uuid=";
    char text[AUTO_CNF_MAX + 1];
    size_t length = 0;
    struct storage_file *file;
    char *path = xasprintf("%s/auto.cnf", walk->request->datadir);
    if (storage_open(walk->request->storage, path, STORAGE_READ, &file) == RESULT_OK) {
        if (storage_read(file, 0, text, AUTO_CNF_MAX, &length) != RESULT_OK)
            length = 0;
        storage_close(&file);
    }
    free(path);
    text[length] = '\0';
    const char *found = strstr(text, key);
    uint8_t uuid[UUID_BYTES];
    if (found == NULL || strlen(found) < strlen(key) + UUID_TEXT_BYTES)
        return;
    struct span value = {(const uint8_t *)found + strlen(key), UUID_TEXT_BYTES};
    if (uuid_parse(value, uuid) == RESULT_OK)
        uuid_format(uuid, walk->tail->server_uuid);
}

/* ---- where to begin ---- */

/* Whether an event begins at this offset, by the chain of lengths from the file's first event on. */
static enum result is_boundary(struct binlog_file *file, uint64_t offset, bool *ret_is)
{
    struct binlog_file_event event;
    enum result result = RESULT_OK;
    binlog_file_seek(file, BINLOG_START + file->format_length);
    while (result == RESULT_OK && file->at < offset)
        result = binlog_file_next(file, &event);
    *ret_is = file->at == offset;
    return result == RESULT_IO ? result : RESULT_OK;
}

static enum result check_begin(struct walk *walk, struct binlog_file *file)
{
    struct binlog_file_event event;
    bool is_event = true, is_first = walk->begin == BINLOG_START;
    if (file->is_encrypted || is_first || walk->begin == file->size)
        return RESULT_OK;
    if (walk->begin < BINLOG_START + file->format_length || walk->begin > file->size) {
        walk->tail->start = TAIL_START_INSIDE;
        return RESULT_OK;
    }
    binlog_file_seek(file, walk->begin);
    enum result result = binlog_file_next(file, &event);
    if (result != RESULT_OK && result != RESULT_IO)
        result = is_boundary(file, walk->begin, &is_event);
    if (result == RESULT_OK && !is_event)
        walk->tail->start = TAIL_START_INSIDE;
    return result;
}

/* Until something is listed, as far as is known. */
static struct position newest_end(const struct walk *walk)
{
    struct position end = {walk->request->index->lines[walk->request->index->count - 1].number, 0};
    for (size_t i = 0; i < walk->tail->file_count; i++) {
        if (walk->tail->files[i].number == end.file)
            end.offset = walk->tail->files[i].size_bytes;
    }
    return end;
}

/* Settles start and from; is_over when nothing is to be listed. */
static void find_begin(struct walk *walk)
{
    const struct binlog_index *index = walk->request->index;
    struct tail *tail = walk->tail;
    tail->end = newest_end(walk);
    struct position from = walk->request->from;
    size_t line = binlog_index_find(index, from.file);
    tail->from = from;
    tail->start = TAIL_START_FOUND;
    walk->line = line;
    walk->begin = from.offset;
    if (position_is_none(from)) {
        tail->start = TAIL_START_NONE;
    } else if (line == index->count) {
        tail->start = TAIL_START_BEYOND;
    } else if (index->lines[line].number != from.file) {
        tail->start = TAIL_START_PURGED;
        tail->from = (struct position){index->lines[line].number, BINLOG_START};
        walk->begin = BINLOG_START;
    }
    if (walk->begin < BINLOG_START)
        walk->begin = BINLOG_START;
    walk->is_over = tail->start == TAIL_START_NONE || tail->start == TAIL_START_BEYOND;
}

/* ---- event by event ---- */

static struct position position_in(const struct walk *walk, uint64_t offset)
{
    return (struct position){walk->request->index->lines[walk->line].number, offset};
}

static void add_txn(struct walk *walk, uint32_t crc)
{
    const struct txn *txn = &walk->tracker.txn;
    struct tail_txn added = {
        .gtid = txn->gtid,
        .file = walk->request->index->lines[walk->line].number,
        .start = txn->start,
        .end = txn->end,
        .kind = txn->kind,
        .is_undone = txn_is_undone_by_cut(txn),
        .crc = crc,
    };
    (void)tail_add_txn(walk->tail, &added);
}

/* A GTID of the other family; anonymous ones have none. */
static bool is_foreign(const struct walk *walk)
{
    const struct gtid *gtid = &walk->tracker.txn.gtid;
    return !gtid_is_none(gtid) && gtid->flavor != walk->tail->flavor;
}

/* RESULT_CLOSED at the file's end, else why the next event is none. */
static enum result read_events(struct walk *walk, struct binlog_file *file)
{
    for (;;) {
        struct binlog_file_event event;
        enum txn_step step;
        if (!walk->tracker.open)
            file->crc32c = 0;
        enum result result = binlog_file_next(file, &event);
        if (result != RESULT_OK)
            return result;
        result = txn_tracker_step(&walk->tracker, &event.header, event.body, event.start, &step);
        if (result == RESULT_OK && step == TXN_STEP_BEGINS && is_foreign(walk))
            result = RESULT_MALFORMED;
        if (result != RESULT_OK) {
            walk->is_mixed_up = true;
            return result;
        }
        if (step == TXN_STEP_ENDS)
            add_txn(walk, file->crc32c);
        if (!walk->tracker.open)
            walk->tail->end = position_in(walk, file->at);
    }
}

/* The file could not be read to its end: torn, or damaged. */
static enum result on_stop(struct walk *walk, struct binlog_file *file)
{
    bool is_newest = walk->line == walk->request->index->count - 1;
    bool is_found = false;
    uint64_t next;
    enum result result = RESULT_OK;
    /* MariaDB leaves a torn end where it is and begins a new file; MySQL cuts it off */
    if (walk->is_mixed_up || (!is_newest && walk->tail->flavor != FLAVOR_MARIADB))
        is_found = true;
    else
        result = binlog_file_find(file, file->at + 1, &is_found, &next);
    if (is_found) {
        walk->tail->fault = TAIL_DAMAGED;
        walk->is_over = true;
    } else if (result == RESULT_OK) {
        walk->tail->torn = position_in(walk, file->at);
    }
    return result;
}

/* A server that has started has ended all that its older files hold: its recovery, or the shutdown before it,
 * has committed that in the engine, and no cut undoes it any more. */
static void note_start(struct walk *walk, const struct binlog_file *file)
{
    if (file->format.created == 0) /* rotated to */
        return;
    for (size_t i = 0; i < walk->tail->txn_count; i++)
        walk->tail->txns[i].is_undone = false;
}

static enum result read_open_file(struct walk *walk, struct binlog_file *file)
{
    note_start(walk, file);
    enum result result = check_begin(walk, file);
    if (result != RESULT_OK)
        return result;
    if (walk->tail->start == TAIL_START_INSIDE || file->is_encrypted) {
        walk->is_over = true;
        walk->tail->fault = file->is_encrypted ? TAIL_ENCRYPTED : TAIL_READABLE;
        return RESULT_OK;
    }
    txn_tracker_reset(&walk->tracker);
    txn_tracker_set_format(&walk->tracker, &file->format);
    binlog_file_seek(file, walk->begin > BINLOG_START ? walk->begin : BINLOG_START + file->format_length);
    walk->tail->end = position_in(walk, file->at);
    result = read_events(walk, file);
    if (result == RESULT_CLOSED)
        return RESULT_OK;
    return result == RESULT_IO ? result : on_stop(walk, file);
}

/* A file without a header: left by a crash when it is the newest and holds nothing. */
static enum result on_headless(struct walk *walk, const char *path)
{
    bool is_newest = walk->line == walk->request->index->count - 1;
    if (walk->begin > BINLOG_START)
        walk->tail->start = is_newest ? TAIL_START_BEYOND : TAIL_START_INSIDE;
    else if (!is_newest)
        return fail_with(walk, path, RESULT_TRUNCATED);
    walk->is_over = true;
    return RESULT_OK;
}

static enum result read_file(struct walk *walk)
{
    struct binlog_file file;
    const char *path = walk->request->index->lines[walk->line].path;
    enum result result = binlog_file_open(walk->request->storage, path, &file);
    if (result == RESULT_TRUNCATED)
        return on_headless(walk, path);
    if (result != RESULT_OK)
        return fail_with(walk, path, result);
    if (!file.is_encrypted && file.format.flavor != walk->tail->flavor) {
        result = RESULT_MALFORMED;
    } else if (walk->begin > file.size && walk->line == walk->request->index->count - 1) {
        walk->tail->start = TAIL_START_BEYOND;
        walk->is_over = true;
    } else {
        result = read_open_file(walk, &file);
    }
    binlog_file_close(&file);
    return result == RESULT_OK ? RESULT_OK : fail_with(walk, path, result);
}

enum result binlog_tail_read(const struct binlog_tail_request *request, struct tail *ret_tail,
                             char **ret_problem)
{
    struct walk walk = {.request = request, .tail = ret_tail, .problem = ret_problem};
    const struct binlog_index *index = request->index;
    read_uuid(&walk);
    if (index->count == 0) {
        ret_tail->start = position_is_none(request->from) ? TAIL_START_NONE : TAIL_START_BEYOND;
        ret_tail->from = request->from;
        return RESULT_OK;
    }
    enum result result = span_copy_text(span_of_text(index->base), ret_tail->base, sizeof ret_tail->base);
    assert(result == RESULT_OK);
    result = binlog_dir_list(request->storage, index, ret_tail, ret_problem);
    if (result == RESULT_OK)
        result = read_newest(&walk);
    txn_tracker_init(&walk.tracker, ret_tail->flavor);
    if (result == RESULT_OK)
        find_begin(&walk);
    for (; result == RESULT_OK && !walk.is_over && walk.line < index->count; walk.line++) {
        result = read_file(&walk);
        walk.begin = BINLOG_START;
    }
    return result;
}
