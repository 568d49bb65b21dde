/* The listing of binlog_dir.h. */
#include "recovery/binlog_dir.h"

#include "protocol/xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *binlog_dir_path(const struct binlog_index *index, uint64_t number)
{
    char name[BINLOG_NAME_MAX];
    size_t line = binlog_index_find(index, number);
    if (line < index->count && index->lines[line].number == number)
        return xstrdup(index->lines[line].path);
    const struct binlog_index_line *newest = &index->lines[index->count - 1];
    binlog_name_format(index->base, number, name);
    return xasprintf("%.*s%s", (int)(newest->name - newest->path), newest->path, name);
}

struct listing {
    const char *base;
    uint64_t *numbers;
    size_t count;
};

static void add_number(struct listing *listing, uint64_t number)
{
    if ((listing->count & (listing->count + 1)) == 0) /* room is always one less than a power of two */
        listing->numbers = xrealloc(listing->numbers, (2 * listing->count + 1) * sizeof *listing->numbers);
    listing->numbers[listing->count++] = number;
}

static void on_name(void *argument, const char *name)
{
    struct listing *listing = argument;
    struct span base;
    uint64_t number;
    if (binlog_name_parse(span_of_text(name), &base, &number) == RESULT_OK &&
        span_is_text(base, listing->base))
        add_number(listing, number);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static enum result file_size(struct storage *storage, const char *path, uint64_t *ret_size)
{
    struct storage_file *file;
    enum result result = storage_open(storage, path, STORAGE_READ, &file);
    if (result == RESULT_OK) {
        result = storage_size(file, ret_size);
        storage_close(&file);
    }
    return result;
}

static enum result fail_with(char **ret_problem, const char *path, enum result result)
{
    *ret_problem = xasprintf("%s: %s", path, result == RESULT_IO ? strerror(errno) : result_text(result));
    return result;
}

static enum result add_sizes(struct storage *storage, const struct binlog_index *index,
                             const struct listing *listing, struct tail *tail, char **ret_problem)
{
    size_t first = listing->count > TAIL_FILES_MAX ? listing->count - TAIL_FILES_MAX : 0;
    for (size_t i = first; i < listing->count; i++) {
        uint64_t size;
        if (i > 0 && listing->numbers[i] == listing->numbers[i - 1])
            continue;
        char *path = binlog_dir_path(index, listing->numbers[i]);
        enum result result = file_size(storage, path, &size);
        if (result == RESULT_OK)
            tail_add_file(tail, listing->numbers[i], size);
        else if (result != RESULT_NOT_FOUND) /* it matters only when it has to be read */
            (void)fail_with(ret_problem, path, result);
        free(path);
        if (result != RESULT_OK && result != RESULT_NOT_FOUND)
            return result;
    }
    return RESULT_OK;
}

enum result binlog_dir_list(struct storage *storage, const struct binlog_index *index, struct tail *tail,
                            char **ret_problem)
{
    struct listing listing = {.base = index->base};
    char *dir = path_directory(index->lines[index->count - 1].path);
    enum result result = storage_list(storage, dir, on_name, &listing);
    if (result != RESULT_OK)
        (void)fail_with(ret_problem, dir, result);
    for (size_t i = 0; i < index->count; i++)
        add_number(&listing, index->lines[i].number);
    if (result == RESULT_OK)
        qsort(listing.numbers, listing.count, sizeof *listing.numbers, compare_numbers);
    if (result == RESULT_OK)
        result = add_sizes(storage, index, &listing, tail, ret_problem);
    free(listing.numbers);
    free(dir);
    return result;
}
