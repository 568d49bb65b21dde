/* The cut of torn_end.h. */
#include "recovery/torn_end.h"

#include "protocol/xalloc.h"
#include "recovery/binlog_dir.h"
#include "recovery/cut_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum result keep(const struct torn_end_request *request, const char *path, uint64_t size,
                        char **ret_kept_as)
{
    const struct tail *tail = request->tail;
    struct cut_ranges ranges = {0};
    char name[BINLOG_NAME_MAX];
    char *parent = path_directory(tail->keep_dir);
    binlog_name_format(tail->base, tail->torn.file, name);
    char *kept = xasprintf("%s/%s-%" PRIu64 ".torn", tail->keep_dir, name, tail->torn.offset);
    cut_ranges_add(&ranges, path, tail->torn.offset, size);
    enum result result = storage_make_dir(request->storage, tail->keep_dir);
    if (result == RESULT_OK)
        result = storage_sync_dir(request->storage, parent);
    if (result == RESULT_OK)
        result = cut_ranges_keep(&ranges, request->storage, tail->keep_dir, kept, ret_kept_as);
    cut_ranges_release(&ranges);
    free(kept);
    free(parent);
    return result;
}

static enum result cut(const struct torn_end_request *request, const char *path, char **ret_kept_as)
{
    struct storage_file *file;
    uint64_t size;
    enum result result = storage_open(request->storage, path, STORAGE_WRITE, &file);
    if (result != RESULT_OK)
        return result;
    result = storage_size(file, &size);
    if (result == RESULT_OK)
        result = keep(request, path, size, ret_kept_as);
    if (result == RESULT_OK)
        result = storage_truncate(file, request->tail->torn.offset);
    if (result == RESULT_OK)
        result = storage_sync(file);
    storage_close(&file);
    return result;
}

enum result torn_end_cut(const struct torn_end_request *request, char **ret_kept_as, char **ret_problem)
{
    const struct tail *tail = request->tail;
    char *kept_as = NULL;
    if (tail->flavor != FLAVOR_MARIADB || position_is_none(tail->torn)) {
        *ret_kept_as = NULL;
        return RESULT_OK;
    }
    char *path = binlog_dir_path(request->index, tail->torn.file);
    enum result result = cut(request, path, &kept_as);
    if (result == RESULT_OK) {
        *ret_kept_as = kept_as;
    } else {
        *ret_problem = xasprintf("cut the torn end of %s: %s", path, strerror(errno));
        free(kept_as);
    }
    free(path);
    return result;
}
