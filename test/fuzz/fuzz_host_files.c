/* What ackgate-recover reads on the source's host beside the binlog: the server's option files, arguments,
 * its own config, the binlog index, MariaDB's error log, a password. The first byte says which. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recovery/binlog_index.h"
#include "recovery/recover_engine.h"
#include "recovery/recover_options.h"
#include "recovery/recover_value.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/memory_storage.h"

enum { WORDS_MAX = 16 };

static const char *const no_files[] = {NULL};

static void read_server_file(const char *path)
{
    struct recover_server server = {0};
    char *problem = NULL;
    enum result result = recover_server_read_file(&server, path, ".1", &problem);

    fuzz_check((result == RESULT_OK) == (problem == NULL));
    free(problem);
    recover_server_release(&server);
}

static void read_options(int argc, char **argv)
{
    struct recover_options options = {0};
    char *problem = NULL;
    enum result result = recover_options_read(argc, argv, no_files, &options, &problem);

    fuzz_check((result == RESULT_OK) == (problem == NULL));
    if (result == RESULT_OK && options.verb != RECOVER_HELP && options.verb != RECOVER_VERSION)
        fuzz_check(options.datadir != NULL && options.proxy_host != NULL && options.user != NULL);
    free(problem);
    recover_options_release(&options);
}

static void read_config(const char *path)
{
    char *argv[] = {(char *)"ackgate-recover", (char *)"check", (char *)"--config", (char *)path, NULL};

    read_options(4, argv);
}

/* A word a line. */
static void read_arguments(struct span text)
{
    char *argv[WORDS_MAX + 2] = {(char *)"ackgate-recover"};
    char *copy = xstrndup((const char *)text.data, text.length), *rest = copy;
    int argc = 1;

    while (argc <= WORDS_MAX && rest != NULL)
        argv[argc++] = strsep(&rest, "\n");
    read_options(argc, argv);
    free(copy);
}

static void read_log(struct span text)
{
    struct engine_report report, again;
    FILE *log = fmemopen((void *)(uintptr_t)text.data, text.length, "r");

    fuzz_check(log != NULL);
    recover_engine_read_log(log, &report);
    (void)fclose(log);
    char *formatted = engine_report_format(&report);
    fuzz_check(engine_report_parse(span_of_text(formatted), &again) == RESULT_OK);
    fuzz_check(strcmp(report.file, again.file) == 0 && report.offset == again.offset);
    free(formatted);
    engine_report_release(&again);
    engine_report_release(&report);
}

static void read_report(struct span text)
{
    struct engine_report report, again;

    if (engine_report_parse(text, &report) != RESULT_OK)
        return;
    char *formatted = engine_report_format(&report);
    fuzz_check(engine_report_parse(span_of_text(formatted), &again) == RESULT_OK);
    fuzz_check(strcmp(report.executed, again.executed) == 0 && strcmp(report.file, again.file) == 0);
    free(formatted);
    engine_report_release(&again);
    engine_report_release(&report);
}

static void check_index(const struct binlog_index *index)
{
    fuzz_check(index->end <= index->size);
    for (size_t i = 0; i < index->count; i++) {
        const struct binlog_index_line *line = &index->lines[i];
        fuzz_check(line->start < index->end && strlen(line->name) < BINLOG_NAME_MAX);
        fuzz_check(i == 0 || line->number > index->lines[i - 1].number);
        fuzz_check(binlog_index_find(index, line->number) == i);
    }
}

static void read_index(struct span text)
{
    static struct memory_storage storage;
    struct binlog_index index;
    struct storage_file *file;

    memory_storage_init(&storage, 1);
    enum result result = storage_open(&storage.base, "/d/b.index", STORAGE_CREATE, &file);
    if (result == RESULT_OK)
        result = storage_write(file, 0, text.data, text.length);
    fuzz_check(result == RESULT_OK);
    storage_close(&file);
    if (binlog_index_read(&storage.base, "/d/b.index", "/d", &index) == RESULT_OK)
        check_index(&index);
    binlog_index_release(&index);
    memory_storage_release(&storage);
}

static void read_password(const char *path)
{
    char *password = NULL, *problem = NULL;
    enum result result = recover_password_read(path, &password, &problem);

    fuzz_check((result == RESULT_OK) == (problem == NULL) && (result == RESULT_OK) == (password != NULL));
    free(password);
    free(problem);
}

/* As a file of the system's: inih and the option files want a path. */
static void read_file(uint8_t what, struct span text)
{
    char path[] = "/tmp/ackgate-fuzz-XXXXXX";
    int fd = mkstemp(path);

    fuzz_check(fd >= 0 && write(fd, text.data, text.length) == (ssize_t)text.length);
    (void)close(fd);
    if (what == 0)
        read_server_file(path);
    else if (what == 1)
        read_config(path);
    else
        read_password(path);
    (void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 2)
        return 0;
    struct span text = fuzz_copy((struct span){data + 1, length - 1});
    switch (data[0] % 7) {
    case 3:
        read_arguments(text);
        break;
    case 4:
        read_index(text);
        break;
    case 5:
        read_log(text);
        break;
    case 6:
        read_report(text);
        break;
    default:
        read_file(data[0] % 7, text);
        break;
    }
    fuzz_free(text);
    return 0;
}
