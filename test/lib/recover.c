/* Running ackgate-recover, see recover.h. */
#include "test/lib/recover.h"

#include <check.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/netns.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/server_template.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { ARGUMENTS_MAX = 64, SERVER_ARGUMENTS_MAX = 128, BLOCK_BYTES = 1 << 16 };

static const char *output = "";

const char *recover_output(void)
{
    return output;
}

static const char *password_file(const struct gate *gate)
{
    const char *path = place_format("%s/recover.password", gate->dir);

    if (access(path, F_OK) != 0)
        place_write_file(path, "admin-pw\n", 0600);
    return path;
}

static size_t usual_arguments(const struct gate *gate, const struct server *source, const char *verb,
                              const char **ret_argv)
{
    const char *program = getenv("ACKGATE_RECOVER");
    size_t count = 0;

    ret_argv[count++] = program ? program : "build/ackgate-recover";
    ret_argv[count++] = verb;
    ret_argv[count++] = place_format("--datadir=%s", source->datadir);
    ret_argv[count++] = place_format("--proxy=%s:%u", gate->host, gate->admin_port);
    ret_argv[count++] = "--user=admin";
    ret_argv[count++] = place_format("--password-file=%s", password_file(gate));
    ret_argv[count++] = place_format("--timeout=%.0fs", 10 * wait_factor());
    ret_argv[count++] = place_format("--error-log=%s", source->error_log);
    return count;
}

int recover_run(struct gate *gate, struct server *source, const char *verb, ...)
{
    static unsigned runs;
    const char *argv[ARGUMENTS_MAX];
    const char *log = place_format("%s/recover-%u.log", gate->dir, ++runs);
    size_t count = usual_arguments(gate, source, verb, argv);
    va_list more;

    va_start(more, verb);
    for (const char *argument; (argument = va_arg(more, const char *)) != NULL;) {
        ck_assert_uint_lt(count, ARGUMENTS_MAX - 1);
        argv[count++] = argument;
    }
    va_end(more);
    argv[count] = NULL;
    netns_enter(source->netns);
    int code = process_run(argv, log);
    netns_leave();
    output = place_text(log);
    return code;
}

void recover_must_at(struct place where, struct gate *gate, struct server *source, const char *verb)
{
    int code = recover_run(gate, source, verb, NULL);

    if (code != 0)
        fail_at(where, "ackgate-recover %s ended with %d: %s", verb, code, output);
}

void recover_and_start_at(struct place where, struct gate *gate, struct server *source)
{
    recover_must_at(where, gate, source, "apply");
    server_start_at(where, source);
    recover_must_at(where, gate, source, "verify");
}

void recover_run_server_at(struct place where, struct gate *gate, struct server *source,
                           const char *error_log)
{
    const char *argv[ARGUMENTS_MAX + SERVER_ARGUMENTS_MAX];
    size_t count = usual_arguments(gate, source, "run", argv);

    argv[count++] = place_format("--error-log=%s", error_log);
    argv[count++] = "--";
    (void)server_arguments(source, argv + count, SERVER_ARGUMENTS_MAX);
    source->pid = process_start(argv, source->error_log);
    server_wait_ready_at(where, source);
}

/* ---- what an operator would do ---- */

struct obeying {
    struct gate *gate;
    struct server *source;
    char state[32];
    char command[512]; /* "": none is asked for */
};

static bool is_open_or_asks(void *argument)
{
    static const char where[] = "In its data directory:  ";
    struct obeying *obeying = argument;
    char text[4096];

    sql_peek(gate_admin(obeying->gate), "SELECT state, reason FROM source", text, sizeof text);
    const char *command = strncmp(text, "refused", 7) == 0 ? strstr(text, where) : NULL;
    obeying->command[0] = '\0';
    if (command)
        (void)snprintf(obeying->command, sizeof obeying->command, "%s", command + strlen(where));
    return command != NULL || strncmp(text, "open", 4) == 0;
}

/* A folder with the source's own programs, in front of the system's; "" where those are its own. */
static const char *programs_of(const struct gate *gate, const struct server *source)
{
    static const char *const names[] = {"mariadb-binlog", "mariadb"};
    const char *dir = place_format("%s/programs", gate->dir);

    server_choose(false);
    for (size_t i = 0; i < 2; i++) {
        const char *argv[8];
        size_t count = server_program(source->family, names[i], argv, 8);
        if (source->family == FAMILY_MYSQL || count == 1)
            return "";
        (void)mkdir(dir, 0755);
        char *path = place_format("%s/%s", dir, names[i]);
        FILE *out = fopen(path, "w");
        ck_assert_msg(out != NULL, "%s: %m", path);
        (void)fprintf(out, "#!/bin/sh\nexec");
        for (size_t j = 0; j < count; j++)
            (void)fprintf(out, " %s", argv[j]);
        (void)fprintf(out, " \"$@\"\n");
        (void)fclose(out);
        (void)chmod(path, 0755);
    }
    return place_format("PATH=%s:$PATH; ", dir);
}

static void obey(const struct obeying *obeying, unsigned number)
{
    netns_enter(obeying->source->netns);
    (void)process_run(
        (const char *[]){"sh", "-c",
                         place_format("%scd %s && %s --no-defaults -uroot -h127.0.0.1 -P%u --skip-ssl",
                                      programs_of(obeying->gate, obeying->source), obeying->source->datadir,
                                      obeying->command, obeying->source->port),
                         NULL},
        place_format("%s/obey-%u.log", obeying->gate->dir, number));
    netns_leave();
}

bool recover_obey_now(struct gate *gate, struct server *source)
{
    static unsigned times;
    struct obeying obeying = {.gate = gate, .source = source};

    if (!is_open_or_asks(&obeying) || obeying.command[0] == '\0')
        return false;
    obey(&obeying, ++times);
    return true;
}

unsigned recover_obey_at(struct place where, struct gate *gate, struct server *source)
{
    struct obeying obeying = {.gate = gate, .source = source};
    unsigned times = 0;

    for (;;) {
        wait_until_at(where, is_open_or_asks, &obeying, 2 * WAIT_SECONDS, "an open source, or one that asks");
        if (obeying.command[0] == '\0')
            return times;
        obey(&obeying, ++times);
        WAIT_SQL(
            gate_admin(gate),
            place_format("SELECT state = 'refused' AND reason LIKE '%%%s%%' FROM source", obeying.command),
            "0");
    }
}

/* ---- fingerprints ---- */

static uint64_t fingerprint;

static void mix(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < length; i++)
        fingerprint = (fingerprint ^ at[i]) * 1099511628211u;
}

static void mix_file(const char *path)
{
    static char block[BLOCK_BYTES];
    FILE *file = fopen(path, "re");

    ck_assert_msg(file != NULL, "%s: %m", path);
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        mix(block, got);
    (void)fclose(file);
}

struct found {
    char **paths;
    size_t count;
};
static struct found found;

static int on_path(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)ftw;
    if (type == FTW_F) {
        found.paths = realloc(found.paths, (found.count + 1) * sizeof *found.paths);
        found.paths[found.count++] = place_format("%s", path);
    }
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *directory_fingerprint(const char *path)
{
    fingerprint = 14695981039346656037u;
    found = (struct found){0};
    ck_assert_int_eq(nftw(path, on_path, 16, FTW_PHYS), 0);
    qsort(found.paths, found.count, sizeof *found.paths, compare_paths);
    for (size_t i = 0; i < found.count; i++) {
        mix(found.paths[i], strlen(found.paths[i]));
        mix_file(found.paths[i]);
    }
    free(found.paths);
    return place_format("%zu files %016" PRIx64, found.count, fingerprint);
}
