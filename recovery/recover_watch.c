/* The process beside the server: recover_watch.h. */
#include "recovery/recover_watch.h"

#include "recovery/recover_engine.h"
#include "recovery/recover_source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct timespec pause_time = {0, 200000000};

struct watch {
    const struct recover_options *options;
    const char *password;
    pid_t server;
    bool is_reported;
    struct engine_report report;
};

static bool has_log_file(const struct recover_options *options)
{
    return options->error_log != NULL && options->error_log[0] != '\0' &&
           strcmp(options->error_log, "-") != 0;
}

static void take_line(struct watch *watch, const char *line)
{
    bool is_ready = recover_engine_read_line(line, &watch->report);
    if (!is_ready || watch->is_reported)
        return;
    watch->is_reported = true;
    (void)recover_verify_tell(watch->options, watch->password, &watch->report);
    (void)fflush(NULL);
}

/* ---- a log file ---- */

static bool is_alive(const struct watch *watch)
{
    return kill(watch->server, 0) == 0 || errno == EPERM;
}

/* All whole lines that there are. */
static void take_lines(struct watch *watch, FILE *log)
{
    char *line = NULL;
    size_t room = 0;
    long at = ftell(log);
    clearerr(log);
    for (ssize_t length; (length = getline(&line, &room, log)) > 0 && line[length - 1] == '\n';
         at = ftell(log))
        take_line(watch, line);
    (void)fseek(log, at, SEEK_SET);
    free(line);
}

static void follow_file(struct watch *watch, long from)
{
    FILE *log = NULL;
    for (bool is_last = false; !is_last && !watch->is_reported;) {
        is_last = !is_alive(watch);
        if (log == NULL) {
            log = recover_engine_open_log(watch->options->datadir, watch->options->error_log);
            if (log != NULL)
                (void)fseek(log, from, SEEK_SET);
        }
        if (log != NULL)
            take_lines(watch, log);
        if (!watch->is_reported)
            (void)nanosleep(&pause_time, NULL);
    }
    if (log != NULL)
        (void)fclose(log);
}

/* Where what this start will write begins. */
static long log_end(const struct recover_options *options)
{
    FILE *log = recover_engine_open_log(options->datadir, options->error_log);
    long end = 0;
    if (log == NULL)
        return 0;
    if (fseek(log, 0, SEEK_END) == 0)
        end = ftell(log);
    (void)fclose(log);
    return end;
}

/* ---- the server's stderr ---- */

static void pass_on(struct watch *watch, int fd)
{
    char *line = NULL;
    size_t room = 0;
    FILE *log = fdopen(fd, "r");
    if (log == NULL)
        return;
    for (ssize_t length; (length = getline(&line, &room, log)) > 0;) {
        if (write(STDERR_FILENO, line, (size_t)length) < 0 && errno == EBADF)
            break;
        take_line(watch, line);
    }
    free(line);
    (void)fclose(log);
}

/* Signals for the server's group are not for it: it ends when the server has. */
static void be_deaf(void)
{
    (void)setsid();
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

/* ---- beginning ---- */

_Noreturn static void watch_server(const struct recover_options *options, const char *password, pid_t server,
                                   int fd, long log_from)
{
    struct watch watch = {.options = options, .password = password, .server = server};
    if (fd >= 0)
        be_deaf();
    if (fd >= 0)
        pass_on(&watch, fd);
    else
        follow_file(&watch, log_from);
    engine_report_release(&watch.report);
    _exit(0);
}

/* The first child ends at once, so that the second one is nobody's. */
static enum result fork_twice(const struct recover_options *options, const char *password, int fd,
                              int other_fd)
{
    pid_t server = getpid();
    long log_from = fd < 0 ? log_end(options) : 0;
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return RESULT_IO;
    if (child == 0) {
        if (other_fd >= 0)
            close(other_fd);
        if (fork() == 0)
            watch_server(options, password, server, fd, log_from);
        _exit(0);
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return RESULT_OK;
}

enum result recover_watch_start(const struct recover_options *options, const char *password)
{
    int ends[2];
    if (has_log_file(options))
        return fork_twice(options, password, -1, -1);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return RESULT_IO;
    enum result result = fork_twice(options, password, ends[0], ends[1]);
    if (result == RESULT_OK && dup2(ends[1], STDERR_FILENO) < 0)
        result = RESULT_IO;
    int reason = errno;
    close(ends[0]);
    close(ends[1]);
    errno = reason;
    return result;
}
