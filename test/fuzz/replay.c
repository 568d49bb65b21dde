/* Runs a fuzz target over its corpus, without a fuzzer: build/unit/corpus_<target> [FILE|FOLDER…], by default
 * test/fuzz/corpus/<target>, and the real binlogs of test/golden for those that read binlogs. What crashed
 * once is a file there for ever. */
#include <dirent.h>
#include <sys/stat.h>

#include "test/fuzz/fuzz.h"

static unsigned files;

static void run_file(const char *path)
{
    struct stat status;
    FILE *in = fopen(path, "rbe");

    fuzz_check(in != NULL && fstat(fileno(in), &status) == 0);
    uint8_t *bytes = xmalloc((size_t)status.st_size + 1);
    size_t length = fread(bytes, 1, (size_t)status.st_size, in);
    (void)fclose(in);
    struct span exact = fuzz_copy((struct span){bytes, length});
    free(bytes);
    (void)LLVMFuzzerTestOneInput(exact.data, exact.length);
    fuzz_free(exact);
    files++;
}

static void run_path(const char *path)
{
    struct dirent *entry;
    char file[512];
    DIR *folder = opendir(path);

    if (folder == NULL) {
        run_file(path);
        return;
    }
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.') {
            (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
            run_file(file);
        }
    (void)closedir(folder);
}

static void run_corpus(const char *program)
{
    const char *name = strstr(program, "corpus_");
    char path[256];

    fuzz_check(name != NULL);
    name += strlen("corpus_");
    (void)snprintf(path, sizeof path, "test/fuzz/corpus/%s", name);
    run_path(path);
    if (strcmp(name, "binlog") == 0 || strcmp(name, "tail") == 0)
        run_path("test/golden");
    if (strcmp(name, "config") == 0)
        run_path("conf/ackgate.cnf");
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    if (argc == 1)
        run_corpus(argv[0]);
    printf("%u passed, 0 failed\n", files);
    return 0;
}
