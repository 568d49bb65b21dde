/* The list of files of store_index.h and its text. */
#include "proxy/store_index.h"

#include "protocol/xalloc.h"
#include "proxy/disk_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char index_name[] = "ackgate-store.index";
static const char index_name_new[] = "ackgate-store.index.new";
static const char head_word[] = "ackgate-store ";
enum { FORMAT_VERSION = 1 };

enum { INDEX_BYTES_MAX = 1024 * 1024 * 1024, CRC_DIGITS = 8 };

void store_index_init(struct store_index *index)
{
    *index = (struct store_index){.flavor = FLAVOR_UNKNOWN};
}

void store_index_release(struct store_index *index)
{
    store_index_drop(index, 0, index->count);
    free(index->files);
    store_index_init(index);
}

struct store_file *store_index_add(struct store_index *index, uint64_t number)
{
    assert(index->count == 0 || number > index->files[index->count - 1].number);
    if (index->count == index->room) {
        index->room = index->room == 0 ? 16 : index->room * 2;
        index->files = xrealloc(index->files, index->room * sizeof(*index->files));
    }
    struct store_file *file = &index->files[index->count++];
    *file = (struct store_file){.number = number};
    gtid_state_init(&file->start, index->flavor);
    return file;
}

struct store_file *store_index_find(const struct store_index *index, uint64_t number)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->files[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < index->count && index->files[low].number == number;
    return is_found ? &index->files[low] : NULL;
}

void store_index_drop(struct store_index *index, size_t first, size_t count)
{
    assert(first + count <= index->count);
    if (count == 0)
        return;
    for (size_t i = first; i < first + count; i++)
        gtid_state_release(&index->files[i].start);
    size_t after = index->count - first - count;
    memmove(&index->files[first], &index->files[first + count], after * sizeof(*index->files));
    index->count -= count;
}

/* ---- text ---- */

static uint32_t line_crc(const char *line, size_t length)
{
    return (uint32_t)crc32(0, (const Bytef *)line, (uInt)length);
}

static void print_line(FILE *out, char *line)
{
    fprintf(out, "%08" PRIx32 " %s\n", line_crc(line, strlen(line)), line);
    free(line);
}

static char *format_file(const struct store_index *index, const struct store_file *file)
{
    char name[BINLOG_NAME_MAX];
    binlog_name_format(index->base, file->number, name);
    char size[24] = "-";
    if (file->is_closed)
        snprintf(size, sizeof(size), "%" PRIu64, file->size_bytes);
    char *state = file->has_start ? gtid_state_format(&file->start) : NULL;
    char *line = xasprintf("%s %" PRIu32 " %" PRIu64 " %s%s %s", size, file->first_time, file->epoch,
                           state == NULL ? "-" : "=", state == NULL ? "" : state, name);
    free(state);
    return line;
}

static char *format_index(const struct store_index *index, size_t *ret_length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_length);
    assert(out != NULL);
    print_line(out, xasprintf("%s%d %s", head_word, FORMAT_VERSION, flavor_name(index->flavor)));
    for (size_t i = 0; i < index->count; i++)
        print_line(out, format_file(index, &index->files[i]));
    int reason = fclose(out);
    assert(reason == 0);
    (void)reason;
    return text;
}

static bool parse_number(const char **at, uint64_t max, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    if (**at < '0' || **at > '9')
        return false;
    uint64_t number = strtoull(*at, &end, 10);
    if (errno != 0 || *end != ' ' || number > max)
        return false;
    *at = end + 1;
    *ret_number = number;
    return true;
}

/* "-" or a size; then time and epoch. */
static bool parse_figures(const char **at, struct store_file *file)
{
    uint64_t time = 0;
    file->is_closed = **at != '-';
    if (!file->is_closed) {
        if ((*at)[1] != ' ')
            return false;
        *at += 2;
    } else if (!parse_number(at, INT64_MAX, &file->size_bytes)) {
        return false;
    }
    if (!parse_number(at, UINT32_MAX, &time) || !parse_number(at, UINT64_MAX, &file->epoch))
        return false;
    file->first_time = (uint32_t)time;
    return true;
}

static bool parse_state(const char **at, struct store_file *file)
{
    const char *end = strchr(*at, ' ');
    if (end == NULL)
        return false;
    struct span text = {(const uint8_t *)*at, (size_t)(end - *at)};
    file->has_start = text.data[0] == '=';
    *at = end + 1;
    if (!file->has_start)
        return span_is_text(text, "-");
    text.data++;
    text.length--;
    return file->start.flavor == FLAVOR_UNKNOWN ? text.length == 0
                                                : gtid_state_parse(&file->start, text) == RESULT_OK;
}

/* The name tells the number; all names have one base, the numbers follow each other. */
static bool parse_name(struct store_index *index, const char *text, uint64_t *ret_number)
{
    struct span base;
    uint64_t number;
    char copy[BINLOG_BASE_MAX];
    if (binlog_name_parse(span_of_text(text), &base, &number) != RESULT_OK ||
        span_copy_text(base, copy, sizeof(copy)) != RESULT_OK)
        return false;
    if (index->base[0] == '\0')
        memcpy(index->base, copy, sizeof(copy));
    bool is_next = index->count == 0 || number > index->files[index->count - 1].number;
    if (strcmp(index->base, copy) != 0 || !is_next)
        return false;
    *ret_number = number;
    return true;
}

static bool parse_file(struct store_index *index, const char *line)
{
    struct store_file file = {0};
    gtid_state_init(&file.start, index->flavor);
    bool is_good =
        parse_figures(&line, &file) && parse_state(&line, &file) && parse_name(index, line, &file.number);
    if (!is_good) {
        gtid_state_release(&file.start);
        return false;
    }
    *store_index_add(index, file.number) = file;
    return true;
}

static bool parse_head(struct store_index *index, const char *line, unsigned long *ret_version)
{
    char *end = NULL;
    if (strncmp(line, head_word, strlen(head_word)) != 0)
        return false;
    line += strlen(head_word);
    *ret_version = strtoul(line, &end, 10);
    if (end == line || *end != ' ' || *ret_version != FORMAT_VERSION)
        return false;
    line = end + 1;
    for (enum flavor flavor = FLAVOR_UNKNOWN; flavor <= FLAVOR_MARIADB; flavor++) {
        if (strcmp(line, flavor_name(flavor)) == 0) {
            index->flavor = flavor;
            return true;
        }
    }
    return false;
}

/* Cuts the line's checksum off and checks it; NULL: wrong. */
static const char *check_line(const char *line)
{
    char *end = NULL;
    unsigned long crc = strtoul(line, &end, 16);
    if (end != line + CRC_DIGITS || *end != ' ')
        return NULL;
    return crc == line_crc(end + 1, strlen(end + 1)) ? end + 1 : NULL;
}

/* text ends with a NUL and is taken apart. Without a right first line nothing is believed. *ret_version is
 * that of the format, when it can be read. */
static bool parse_index(struct store_index *index, char *text, unsigned long *ret_version)
{
    bool is_intact = true;
    bool is_first = true;
    char *rest = text;
    char *line = strsep(&rest, "\n");
    for (; rest != NULL; line = strsep(&rest, "\n")) {
        const char *checked = check_line(line);
        if (is_first && (checked == NULL || !parse_head(index, checked, ret_version)))
            return false;
        if (!is_first && (checked == NULL || !parse_file(index, checked)))
            is_intact = false;
        is_first = false;
    }
    return is_intact && !is_first && line[0] == '\0';
}

/* ---- the file ---- */

enum result store_index_save(const struct store_index *index, int dir_fd)
{
    size_t length = 0;
    char *text = format_index(index, &length);
    int fd = openat(dir_fd, index_name_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    enum result result = fd < 0 ? RESULT_IO : RESULT_OK;
    if (result == RESULT_OK)
        result = disk_io_write(fd, (struct span){(const uint8_t *)text, length}, 0);
    if (result == RESULT_OK && disk_io.fdatasync(fd) != 0)
        result = RESULT_IO;
    if (result == RESULT_OK && renameat(dir_fd, index_name_new, dir_fd, index_name) != 0)
        result = RESULT_IO;
    if (result == RESULT_OK && fsync(dir_fd) != 0)
        result = RESULT_IO;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    free(text);
    errno = reason;
    return result;
}

enum result store_index_load(struct store_index *index, int dir_fd, bool *ret_is_intact)
{
    int fd = openat(dir_fd, index_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO;
    struct stat status;
    enum result result = fstat(fd, &status) == 0 ? RESULT_OK : RESULT_IO;
    if (result == RESULT_OK && (status.st_size < 0 || status.st_size > INDEX_BYTES_MAX))
        result = RESULT_TOO_LARGE;
    char *text = NULL;
    unsigned long version = 0;
    if (result == RESULT_OK) {
        text = xcalloc(1, (size_t)status.st_size + 1);
        result = disk_io_read(fd, (uint8_t *)text, (size_t)status.st_size, 0);
    }
    if (result == RESULT_OK)
        *ret_is_intact = parse_index(index, text, &version);
    if (result == RESULT_OK && version > FORMAT_VERSION)
        result = RESULT_UNSUPPORTED;
    int reason = errno;
    free(text);
    close(fd);
    errno = reason;
    return result;
}
