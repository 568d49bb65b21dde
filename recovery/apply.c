/* The steps of apply.h. */
#include "recovery/apply.h"

#include "protocol/xalloc.h"
#include "recovery/binlog_dir.h"
#include "recovery/binlog_file.h"
#include "recovery/cut_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct apply {
    const struct apply_request *request;
    struct apply_report *report;
    char **problem;
    char *path;    /* of the file that is cut */
    uint64_t size; /* of it, before */
    bool in_use;   /* its flag, before */
    struct cut_ranges kept, torn;
};

static enum result fail_with(struct apply *apply, const char *doing, const char *path, enum result result)
{
    bool is_os = result == RESULT_IO || result == RESULT_FULL;
    *apply->problem = xasprintf("%s %s: %s", doing, path, is_os ? strerror(errno) : result_text(result));
    return result;
}

static struct storage *storage_of(const struct apply *apply)
{
    return apply->request->storage;
}

static bool is_later(const struct apply *apply, size_t i)
{
    return apply->request->tail->files[i].number > apply->request->cut.file;
}

static bool has_later(const struct apply *apply)
{
    const struct tail *tail = apply->request->tail;
    return tail->file_count > 0 && is_later(apply, tail->file_count - 1);
}

/* ---- what goes ---- */

/* Reads on from here, and splits the rest into whole events and what is none. */
static enum result split_rest(struct apply *apply, struct binlog_file *file, const char *path)
{
    struct binlog_file_event event;
    uint64_t from = file->at;
    enum result result = RESULT_OK;
    while (result == RESULT_OK)
        result = binlog_file_next(file, &event);
    if (result == RESULT_IO)
        return fail_with(apply, "read", path, result);
    cut_ranges_add(&apply->kept, path, from, file->at);
    cut_ranges_add(&apply->torn, path, file->at, file->size);
    return RESULT_OK;
}

static enum result take_lead(struct apply *apply, struct binlog_file *file)
{
    uint8_t lead[BINLOG_FILE_LEAD_MAX];
    size_t length;
    enum result result = binlog_file_lead(file, lead, &length);
    if (result != RESULT_OK)
        return fail_with(apply, "read", apply->path, result);
    cut_ranges_set_lead(&apply->kept, (struct span){lead, length});
    return RESULT_OK;
}

/* The tail has no transaction there any more: an earlier run was killed, and a loss of power then has torn
 * what it had left. */
static bool is_behind_all(const struct apply *apply)
{
    return position_equal(apply->request->cut, apply->request->tail->end);
}

/* The file that is cut. The kept copy begins with its magic and format description. */
static enum result look_at_file(struct apply *apply)
{
    struct binlog_file file;
    struct binlog_file_event event;
    uint64_t offset = apply->request->cut.offset;
    enum result result = binlog_file_open(storage_of(apply), apply->path, &file);
    if (result != RESULT_OK)
        return fail_with(apply, "read", apply->path, result);
    apply->size = file.size;
    apply->in_use = file.in_use;
    if (file.is_encrypted || file.size < offset || offset < BINLOG_START + file.format_length)
        result = RESULT_CONFLICT;
    if (result == RESULT_OK && file.size > offset && !is_behind_all(apply)) {
        binlog_file_seek(&file, offset);
        result = binlog_file_next(&file, &event);
        if (result != RESULT_IO && (result != RESULT_OK || !binlog_gtid_is_type(event.header.type)))
            result = RESULT_CONFLICT;
    }
    if (result != RESULT_OK) {
        (void)fail_with(apply, "cut in", apply->path, result);
    } else {
        binlog_file_seek(&file, offset);
        result = split_rest(apply, &file, apply->path);
        if (result == RESULT_OK)
            result = take_lead(apply, &file);
    }
    binlog_file_close(&file);
    return result;
}

static enum result look_at_later(struct apply *apply, uint64_t number, uint64_t size)
{
    struct binlog_file file;
    char *path = binlog_dir_path(apply->request->index, number);
    enum result result = binlog_file_open(storage_of(apply), path, &file);
    if (result == RESULT_OK) {
        binlog_file_seek(&file, BINLOG_START);
        result = split_rest(apply, &file, path);
        binlog_file_close(&file);
    } else if (result == RESULT_IO || result == RESULT_NOT_FOUND) {
        (void)fail_with(apply, "read", path, result);
    } else {
        cut_ranges_add(&apply->torn, path, 0, size); /* no header: nothing that could be read as a binlog */
        result = RESULT_OK;
    }
    free(path);
    return result;
}

/* ---- the steps ---- */

static enum result keep(struct apply *apply)
{
    const char *dir = apply->request->tail->keep_dir;
    char *parent = path_directory(dir);
    char *torn_name = xasprintf("%s.torn", apply->request->kept_as);
    enum result result = storage_make_dir(storage_of(apply), dir);
    if (result == RESULT_OK)
        result = storage_sync_dir(storage_of(apply), parent);
    if (result == RESULT_OK)
        result = cut_ranges_keep(&apply->kept, storage_of(apply), dir, apply->request->kept_as,
                                 &apply->report->kept_as);
    if (result == RESULT_OK && apply->torn.count > 0)
        result = cut_ranges_keep(&apply->torn, storage_of(apply), dir, torn_name, &apply->report->torn_as);
    if (result != RESULT_OK)
        (void)fail_with(apply, "keep a copy in", dir, result);
    free(torn_name);
    free(parent);
    return result;
}

static enum result set_in_use(struct apply *apply)
{
    uint8_t header[BINLOG_HEADER_BYTES];
    struct storage_file *file;
    size_t got = 0;
    if (apply->in_use)
        return RESULT_OK;
    enum result result = storage_open(storage_of(apply), apply->path, STORAGE_WRITE, &file);
    if (result == RESULT_OK) {
        result = storage_read(file, BINLOG_START, header, sizeof header, &got);
        if (result == RESULT_OK && got != sizeof header)
            result = RESULT_IO;
        if (result == RESULT_OK) {
            binlog_event_set_in_use(header, true);
            result = storage_write(file, BINLOG_START, header, sizeof header);
        }
        if (result == RESULT_OK)
            result = storage_sync(file);
        storage_close(&file);
    }
    return result == RESULT_OK ? result : fail_with(apply, "mark", apply->path, result);
}

static enum result truncate_file(struct apply *apply, const char *path, uint64_t size)
{
    struct storage_file *file;
    enum result result = storage_open(storage_of(apply), path, STORAGE_WRITE, &file);
    if (result == RESULT_OK) {
        result = storage_truncate(file, size);
        if (result == RESULT_OK)
            result = storage_sync(file);
        storage_close(&file);
    }
    return result == RESULT_OK ? result : fail_with(apply, "cut", path, result);
}

static enum result cut_index(struct apply *apply)
{
    const struct binlog_index *index = apply->request->index;
    size_t line = binlog_index_find(index, apply->request->cut.file + 1);
    uint64_t end = line == index->count ? index->end : index->lines[line].start;
    return truncate_file(apply, index->path, end);
}

static enum result remove_later(struct apply *apply)
{
    const struct tail *tail = apply->request->tail;
    enum result result = RESULT_OK;
    for (size_t i = tail->file_count; result == RESULT_OK && i > 0 && is_later(apply, i - 1); i--) {
        char *path = binlog_dir_path(apply->request->index, tail->files[i - 1].number);
        result = storage_remove(storage_of(apply), path);
        if (result == RESULT_NOT_FOUND)
            result = RESULT_OK;
        if (result != RESULT_OK)
            (void)fail_with(apply, "remove", path, result);
        apply->report->removed_files += result == RESULT_OK;
        free(path);
    }
    if (result != RESULT_OK)
        return result;
    const struct binlog_index *index = apply->request->index;
    char *dir = path_directory(index->lines[index->count - 1].path);
    result = storage_sync_dir(storage_of(apply), dir);
    if (result != RESULT_OK)
        (void)fail_with(apply, "sync", dir, result);
    free(dir);
    return result;
}

/* What an earlier run has cut or removed may not be on disk yet, so those steps are always done. */
static enum result carry_out(struct apply *apply)
{
    bool has_rest = apply->size > apply->request->cut.offset || has_later(apply);
    enum result result = has_rest ? keep(apply) : RESULT_OK;
    if (result == RESULT_OK && has_rest)
        result = set_in_use(apply);
    if (result == RESULT_OK)
        result = cut_index(apply);
    if (result == RESULT_OK)
        result = remove_later(apply);
    if (result == RESULT_OK)
        result = truncate_file(apply, apply->path, apply->request->cut.offset);
    if (result == RESULT_OK)
        apply->report->cut_bytes = apply->size - apply->request->cut.offset;
    return result;
}

static enum result look(struct apply *apply)
{
    const struct tail *tail = apply->request->tail;
    enum result result = look_at_file(apply);
    for (size_t i = 0; result == RESULT_OK && i < tail->file_count; i++) {
        if (is_later(apply, i))
            result = look_at_later(apply, tail->files[i].number, tail->files[i].size_bytes);
    }
    return result;
}

enum result apply_cut(const struct apply_request *request, struct apply_report *ret_report,
                      char **ret_problem)
{
    struct apply_report report = {0};
    struct apply apply = {.request = request, .report = &report, .problem = ret_problem};
    apply.path = binlog_dir_path(request->index, request->cut.file);
    enum result result = look(&apply);
    if (result == RESULT_OK)
        result = carry_out(&apply);
    if (result == RESULT_OK)
        *ret_report = report;
    else
        apply_report_release(&report);
    cut_ranges_release(&apply.kept);
    cut_ranges_release(&apply.torn);
    free(apply.path);
    return result;
}

void apply_report_release(struct apply_report *report)
{
    free(report->kept_as);
    free(report->torn_as);
    *report = (struct apply_report){0};
}
