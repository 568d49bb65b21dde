/*
 * ackgate-recover: runs on the source's host before its server starts, asks ackgate what of the binlog's tail
 * nobody else has, and cuts that off, so that the server's own crash recovery rolls it back.
 *
 * The environment variable ACKGATE_RECOVER_STOP_AT is for tests only (storage_stop.h).
 */
#include "protocol/xalloc.h"
#include "recovery/recover_options.h"
#include "recovery/recover_say.h"
#include "recovery/recover_source.h"
#include "recovery/recover_user.h"
#include "recovery/recover_value.h"
#include "recovery/recover_watch.h"
#include "recovery/sql_client.h"
#include "recovery/storage_posix.h"
#include "recovery/storage_stop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const option_files[] = {"/etc/my.cnf", "/etc/mysql/my.cnf", NULL};

static struct storage *open_storage(void)
{
    const char *stop = getenv("ACKGATE_RECOVER_STOP_AT");
    unsigned long change = stop == NULL ? 0 : strtoul(stop, NULL, 10);
    return change == 0 ? storage_posix() : storage_stop_at(change);
}

/* The server's end is then ours: signals and exit code are its own. */
static int become_server(const struct recover_options *options, const char *password, bool is_watched)
{
    char *problem;
    bool is_ready = recover_user_return() == RESULT_OK &&
                    (!is_watched || recover_watch_start(options, password) == RESULT_OK);
    if (is_ready) {
        (void)fflush(stdout);
        execvp(options->command[0], options->command);
    }
    problem = xasprintf("%s: %s", options->command[0], strerror(errno));
    int code = recover_say_error(options->is_json, RECOVER_EXIT_USAGE, problem);
    free(problem);
    return code;
}

static int work(const struct recover_options *options, const char *password)
{
    struct storage *storage = open_storage();
    int code;
    if (recover_user_become_owner(options->datadir) != RESULT_OK) {
        char *problem = xasprintf("data directory %s: %s", options->datadir, strerror(errno));
        code = recover_say_error(options->is_json, RECOVER_EXIT_UNREADABLE, problem);
        free(problem);
        return code;
    }
    if (options->verb == RECOVER_VERIFY)
        return recover_verify(options, password, storage);
    code = recover_source(options, password, storage, options->verb != RECOVER_CHECK);
    if (options->verb != RECOVER_RUN || code != RECOVER_EXIT_SAFE)
        return code;
    return become_server(options, password, recover_needs_verify(options, storage));
}

static int run(const struct recover_options *options)
{
    char *password = NULL, *problem = NULL;
    if (options->password_file != NULL &&
        recover_password_read(options->password_file, &password, &problem) != RESULT_OK) {
        int code = recover_say_error(options->is_json, RECOVER_EXIT_USAGE, problem);
        free(problem);
        return code;
    }
    sql_client_library_init();
    int code = work(options, password == NULL ? "" : password);
    free(password);
    return code;
}

int main(int argc, char **argv)
{
    struct recover_options options;
    char *problem;
    if (recover_options_read(argc, argv, option_files, &options, &problem) != RESULT_OK) {
        fprintf(stderr, "ackgate-recover: %s\n%s", problem, recover_usage);
        free(problem);
        return RECOVER_EXIT_USAGE;
    }
    int code = RECOVER_EXIT_SAFE;
    if (options.verb == RECOVER_HELP)
        fputs(recover_usage, stdout);
    else if (options.verb == RECOVER_VERSION)
        printf("ackgate-recover %s\n", ACKGATE_VERSION);
    else
        code = run(&options);
    recover_options_release(&options);
    return code;
}
