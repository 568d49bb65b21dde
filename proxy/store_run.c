/* Where the source's runs begin in the store, and where its crash recovery begins to read. */
#include "proxy/store_internal.h"

#include <fcntl.h>
#include <unistd.h>

static enum result open_scanner(const struct store *store, uint64_t file, struct store_scanner *scanner,
                                int *ret_fd)
{
    uint64_t end;
    enum result result = store_file_end(store, file, &end);
    if (result != RESULT_OK)
        return result;
    *ret_fd = store_open_file(store, file, O_RDONLY);
    if (*ret_fd < 0)
        return RESULT_IO;
    return store_scanner_init(scanner, *ret_fd, end);
}

static void close_scanner(struct store_scanner *scanner, int fd)
{
    store_scanner_release(scanner);
    if (fd >= 0)
        close(fd);
}

/* The format description of a server's first file has the time of its start. */
static enum result begins_run(const struct store *store, uint64_t file, bool *ret_does)
{
    struct store_scanner scanner = {0};
    struct store_event event;
    int fd = -1;
    enum result result = open_scanner(store, file, &scanner, &fd);
    if (result == RESULT_OK)
        result = store_scanner_next(&scanner, false, &event);
    *ret_does = result == RESULT_OK && scanner.format.created != 0;
    close_scanner(&scanner, fd);
    return result;
}

enum result store_run_start(const struct store *store, uint64_t before, uint64_t *ret_file)
{
    for (size_t i = store->index.count; i > 0; i--) {
        uint64_t file = store->index.files[i - 1].number;
        bool does;
        if (file >= before)
            continue;
        enum result result = begins_run(store, file, &does);
        if (result != RESULT_OK)
            return result;
        if (does) {
            *ret_file = file;
            return RESULT_OK;
        }
    }
    return RESULT_NOT_FOUND;
}

/* BINLOG_CHECKPOINT: u32 length | name. */
static void take_checkpoint(const struct store_event *event, uint64_t *file)
{
    struct reader reader;
    reader_init_span(&reader, event->body);
    struct span name = reader_bytes(&reader, reader_u32(&reader));
    if (reader_failed(&reader) || binlog_name_parse(name, NULL, file) != RESULT_OK)
        return; /* the file itself is a start, too */
}

enum result store_checkpoint(const struct store *store, uint64_t file, uint64_t *ret_file)
{
    struct store_scanner scanner = {0};
    uint64_t found = file;
    int fd = -1;
    enum result result = open_scanner(store, file, &scanner, &fd);
    while (result == RESULT_OK) {
        struct store_event event;
        result = store_scanner_next(&scanner, false, &event);
        if (result == RESULT_OK && event.header.type == BINLOG_MARIADB_CHECKPOINT)
            take_checkpoint(&event, &found);
    }
    close_scanner(&scanner, fd);
    if (result != RESULT_CLOSED)
        return result;
    *ret_file = found;
    return RESULT_OK;
}
