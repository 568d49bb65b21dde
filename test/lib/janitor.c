/* The process that cleans up after a test, see janitor.h.
 *
 * The test's process holds the writing end of a pipe and writes one line for each thing to look after; the
 * kernel closes it when the process ends, which is the janitor's start signal. "E" says that the end was a
 * good one: Check leaves a failed test with _exit(), so the atexit handler that writes it only runs after
 * success. */
#include "test/lib/janitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/lib/process.h"
#include "test/lib/wait.h"

enum { ITEMS_MAX = 512, TAIL_LINES = 25 };

struct janitor {
    char *items[ITEMS_MAX]; /* lines as they came: D dir, P pid, L title<tab>path */
    size_t count;
    bool is_good_end;
};

static int pipe_fd = -1;
static pid_t pipe_owner;

/* Room again: a long test starts more processes than there are items. */
static void forget_process(struct janitor *janitor, const char *pid)
{
    for (size_t i = 0; i < janitor->count; i++) {
        if (janitor->items[i][0] != 'P' || strcmp(janitor->items[i] + 2, pid) != 0)
            continue;
        free(janitor->items[i]);
        janitor->count--;
        memmove(&janitor->items[i], &janitor->items[i + 1], (janitor->count - i) * sizeof janitor->items[0]);
        return;
    }
}

static void take_line(struct janitor *janitor, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == 'E') {
        janitor->is_good_end = true;
    } else if (line[0] == 'F') {
        forget_process(janitor, line + 2);
    } else if (janitor->count < ITEMS_MAX) {
        janitor->items[janitor->count++] = strdup(line);
    }
}

/* A zombie counts as gone: who inherits it may take its time. */
static bool is_alive(pid_t pid)
{
    char path[40], state = '?';

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool is_read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    (void)fclose(file);
    return is_read && state != 'Z' && state != 'X';
}

/* The children have been told by the kernel already (process_start() asks for that), so this mostly waits. */
static void end_process(pid_t pid)
{
    for (unsigned waited_ms = 0; is_alive(pid) && waited_ms < 10000; waited_ms += 10) {
        if (waited_ms == 500)
            (void)kill(pid, SIGKILL);
        sleep_ms(10);
    }
}

static void show_tail(const char *title, const char *path)
{
    char lines[TAIL_LINES][400];
    size_t count = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return;
    while (fgets(lines[count % TAIL_LINES], sizeof lines[0], file))
        count++;
    (void)fclose(file);
    (void)fprintf(stderr, "--- %s: the end of %s\n", title, path);
    for (size_t i = count > TAIL_LINES ? count - TAIL_LINES : 0; i < count; i++)
        (void)fprintf(stderr, "%s%s", lines[i % TAIL_LINES], strchr(lines[i % TAIL_LINES], '\n') ? "" : "\n");
}

static void remove_dir(const char *dir, bool is_good_end)
{
    const char *keep = getenv("KEEP");
    const char *const argv[] = {"rm", "-rf", "--one-file-system", "--", dir, NULL};

    if (keep && *keep && (strcmp(keep, "failed") != 0 || !is_good_end))
        (void)fprintf(stderr, "kept: %s\n", dir);
    else
        (void)process_run(argv, "/dev/null");
}

static void clean_up(struct janitor *janitor)
{
    for (size_t i = 0; i < janitor->count; i++)
        if (janitor->items[i][0] == 'P')
            end_process((pid_t)strtol(janitor->items[i] + 2, NULL, 10));
    for (size_t i = 0; i < janitor->count && !janitor->is_good_end; i++) {
        char *path = strchr(janitor->items[i], '\t');
        if (janitor->items[i][0] == 'L' && path) {
            *path = '\0';
            show_tail(janitor->items[i] + 2, path + 1);
        }
    }
    for (size_t i = 0; i < janitor->count; i++)
        if (janitor->items[i][0] == 'D')
            remove_dir(janitor->items[i] + 2, janitor->is_good_end);
}

/* Everything else is closed, so that the janitor holds neither the test's sockets nor the runner's pipes
 * open. */
static void close_inherited(int keep_fd)
{
    int null_fd = open("/dev/null", O_RDWR);

    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    (void)dup2(keep_fd, 3);
    (void)close_range(4, UINT_MAX, 0);
}

static void run_janitor(int fd)
{
    static struct janitor janitor;
    static char line[PATH_MAX + 64];

    /* Check ends a test's whole process group */
    (void)setsid();
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_NAME, "test-janitor");
    close_inherited(fd);
    FILE *lines = fdopen(3, "r");
    while (lines && fgets(line, sizeof line, lines))
        take_line(&janitor, line);
    clean_up(&janitor);
    _exit(0);
}

static void say_good_end(void)
{
    if (pipe_owner == getpid() && pipe_fd >= 0 && write(pipe_fd, "E\n", 2) != 2)
        (void)fprintf(stderr, "janitor: %m\n");
}

/* Twice forked, so that the janitor is nobody's child in the test. */
static void start_janitor(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        abort();
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() != 0)
            _exit(0);
        (void)close(fds[1]);
        run_janitor(fds[0]);
    }
    (void)waitpid(pid, NULL, 0);
    (void)close(fds[0]);
    pipe_fd = fds[1];
    pipe_owner = getpid();
    (void)atexit(say_good_end);
}

static void tell(const char *kind, const char *text, const char *more)
{
    char line[PATH_MAX + 64];

    if (pipe_owner != getpid())
        start_janitor();
    int length = snprintf(line, sizeof line, "%s %s%s%s\n", kind, text, more ? "\t" : "", more ? more : "");
    if (write(pipe_fd, line, (size_t)length) != length)
        (void)fprintf(stderr, "janitor: %m\n");
}

void janitor_watch_process(pid_t pid)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%d", (int)pid);
    tell("P", text, NULL);
}

void janitor_forget_process(pid_t pid)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%d", (int)pid);
    tell("F", text, NULL);
}

void janitor_remove_dir(const char *dir)
{
    tell("D", dir, NULL);
}

void janitor_show_log(const char *title, const char *path)
{
    tell("L", title, path);
}
