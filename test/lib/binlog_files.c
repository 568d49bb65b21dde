/* Comparing binlog files and running binlog clients, see binlog_files.h. */
#include "test/lib/binlog_files.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { BLOCK_BYTES = 1 << 20, FILES_SECONDS = 30 };

struct comparison {
    const char *one;
    const char *other;
    int64_t one_bytes; /* -1: cannot be opened */
    int64_t other_bytes;
    int64_t differ_at; /* -1: nowhere */
};

static int64_t file_bytes(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (int64_t)status.st_size : -1;
}

static int64_t first_difference(FILE *one, FILE *other)
{
    char *blocks = xmalloc(2 * BLOCK_BYTES);
    int64_t at = 0;

    for (;;) {
        size_t got = fread(blocks, 1, BLOCK_BYTES, one);
        size_t other_got = fread(blocks + BLOCK_BYTES, 1, BLOCK_BYTES, other);
        size_t i = 0;
        while (i < got && i < other_got && blocks[i] == blocks[BLOCK_BYTES + i])
            i++;
        if (i < got || i < other_got || got == 0) {
            free(blocks);
            return i < got || i < other_got ? at + (int64_t)i : -1;
        }
        at += (int64_t)got;
    }
}

static bool is_equal(void *arg)
{
    struct comparison *comparison = arg;

    comparison->one_bytes = file_bytes(comparison->one);
    comparison->other_bytes = file_bytes(comparison->other);
    if (comparison->one_bytes < 0 || comparison->one_bytes != comparison->other_bytes)
        return false;
    FILE *one = fopen(comparison->one, "re"), *other = fopen(comparison->other, "re");
    ck_assert_msg(one && other, "open %s and %s: %m", comparison->one, comparison->other);
    comparison->differ_at = first_difference(one, other);
    (void)fclose(one);
    (void)fclose(other);
    return comparison->differ_at < 0;
}

static void compare(struct place where, const char *one, const char *other, double seconds)
{
    struct comparison comparison = {.one = one, .other = other, .differ_at = -1};

    if (!wait_for(is_equal, &comparison, seconds))
        fail_at(where, "%s (%" PRId64 " bytes) and %s (%" PRId64 " bytes) differ, first at offset %" PRId64,
                one, comparison.one_bytes, other, comparison.other_bytes, comparison.differ_at);
}

void assert_equal_files_at(struct place where, const char *one, const char *other)
{
    compare(where, one, other, 0);
}

const char *store_path(const struct gate *gate, const char *file)
{
    return place_format("%s/store/%s", gate->data_dir, file);
}

void assert_same_files_at(struct place where, struct gate *gate, struct server *source, const char *first)
{
    const struct sql_rows *rows = sql_rows_at(where, server_admin_at(where, source), "SHOW BINARY LOGS");
    bool is_wanted = !first;

    for (size_t i = 0; i < rows->rows; i++) {
        const char *name = sql_cell(rows, i, "Log_name");
        is_wanted = is_wanted || strcmp(name, first) == 0;
        if (is_wanted)
            compare(where, place_format("%s/%s", source->datadir, name), store_path(gate, name),
                    FILES_SECONDS);
        else if (file_bytes(store_path(gate, name)) >= 0)
            fail_at(where, "the store has %s, and should begin with %s", name, first);
    }
}

static void binlog_argv(enum family family, uint16_t port, const char *const *arguments,
                        const char **ret_argv)
{
    bool is_mysql = family == FAMILY_MYSQL;
    size_t count = server_program(family, is_mysql ? "mysqlbinlog" : "mariadb-binlog", ret_argv, 7);

    ret_argv[count++] = "--no-defaults";
    if (port) {
        if (!arguments[0] || strncmp(arguments[0], "--read-from-remote-", 19) != 0)
            ret_argv[count++] = "--read-from-remote-server";
        ret_argv[count++] = "--host=127.0.0.1";
        ret_argv[count++] = place_format("--port=%u", port);
        ret_argv[count++] = "--user=repl";
        ret_argv[count++] = "--password=repl-pw";
        ret_argv[count++] = is_mysql ? "--get-server-public-key" : "--skip-ssl";
    }
    for (size_t i = 0; arguments[i]; i++) {
        ck_assert_uint_lt(i, BINLOG_ARGUMENTS_MAX);
        ret_argv[count++] = arguments[i];
    }
    ret_argv[count] = NULL;
}

int binlog_client_run(enum family family, uint16_t port, const char *output, const char *const *arguments)
{
    const char *argv[16 + BINLOG_ARGUMENTS_MAX];

    binlog_argv(family, port, arguments, argv);
    return process_run(argv, output);
}

pid_t binlog_client_start(enum family family, uint16_t port, const char *output, const char *const *arguments)
{
    const char *argv[16 + BINLOG_ARGUMENTS_MAX];

    binlog_argv(family, port, arguments, argv);
    return process_start(argv, output);
}
