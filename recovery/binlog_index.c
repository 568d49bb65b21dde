/* Reading base.index. */
#include "recovery/binlog_index.h"

#include "protocol/xalloc.h"

#include <stdlib.h>
#include <string.h>

char *path_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static enum result read_whole(struct storage *storage, const char *path, char **ret_text, size_t *ret_length)
{
    struct storage_file *file;
    uint64_t size = 0;
    enum result result = storage_open(storage, path, STORAGE_READ, &file);
    if (result != RESULT_OK)
        return result;
    result = storage_size(file, &size);
    if (result == RESULT_OK && size > BINLOG_INDEX_MAX)
        result = RESULT_TOO_LARGE;
    if (result == RESULT_OK) {
        char *text = xmalloc((size_t)size + 1);
        result = storage_read(file, 0, text, (size_t)size, ret_length);
        if (result == RESULT_OK)
            *ret_text = text;
        else
            free(text);
    }
    storage_close(&file);
    return result;
}

static char *path_in(const char *datadir, const char *line, size_t length)
{
    if (length > 0 && line[0] == '/')
        return xstrndup(line, length);
    if (length > 2 && line[0] == '.' && line[1] == '/') {
        line += 2;
        length -= 2;
    }
    return xasprintf("%s/%.*s", datadir, (int)length, line);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static enum result add_line(struct binlog_index *index, const char *datadir, const char *line, size_t length,
                            uint64_t start)
{
    if (length == 0 || length >= BINLOG_NAME_MAX || memchr(line, '\0', length) != NULL)
        return RESULT_DAMAGED;
    char *path = path_in(datadir, line, length);
    struct binlog_index_line added = {.path = path, .name = name_of(path), .start = start};
    struct span base;
    if (binlog_name_parse(span_of_text(added.name), &base, &added.number) != RESULT_OK ||
        (index->count > 0 &&
         (!span_is_text(base, index->base) || added.number <= index->lines[index->count - 1].number))) {
        free(path);
        return RESULT_DAMAGED;
    }
    if (index->count == 0) {
        free(index->base);
        index->base = xstrndup((const char *)base.data, base.length);
    }
    index->lines = xrealloc(index->lines, (index->count + 1) * sizeof *index->lines);
    index->lines[index->count++] = added;
    return RESULT_OK;
}

static enum result parse(struct binlog_index *index, const char *datadir, const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        const char *end = memchr(text + at, '\n', length - at);
        if (end == NULL)
            break;
        enum result result = add_line(index, datadir, text + at, (size_t)(end - text) - at, at);
        if (result != RESULT_OK)
            return result;
        at = (size_t)(end - text) + 1;
    }
    index->end = at;
    index->size = length;
    return RESULT_OK;
}

enum result binlog_index_read(struct storage *storage, const char *path, const char *datadir,
                              struct binlog_index *index)
{
    char *text, *found = xstrdup(path);
    size_t length;
    *index = (struct binlog_index){0};
    enum result result = read_whole(storage, found, &text, &length);
    if (result == RESULT_NOT_FOUND) {
        free(found);
        found = xasprintf("%s_crash_safe", path);
        result = read_whole(storage, found, &text, &length);
    }
    if (result != RESULT_OK) {
        free(found);
        return result;
    }
    index->path = found;
    index->base = xstrdup("");
    result = parse(index, datadir, text, length);
    free(text);
    if (result != RESULT_OK)
        binlog_index_release(index);
    return result;
}

void binlog_index_release(struct binlog_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        free(index->lines[i].path);
    free(index->lines);
    free(index->base);
    free(index->path);
    *index = (struct binlog_index){0};
}

size_t binlog_index_find(const struct binlog_index *index, uint64_t number)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->lines[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
