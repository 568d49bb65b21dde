/* Child processes, see process.h. */
#include "test/lib/process.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/lib/janitor.h"
#include "test/lib/wait.h"

/* socket: what becomes descriptor 3, or -1. */
static void become(const char *const *argv, const char *log, int socket, pid_t parent)
{
    char own_pid[24];
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int in = open("/dev/null", O_RDONLY);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(127);
    if (socket >= 0) {
        (void)snprintf(own_pid, sizeof own_pid, "%d", (int)getpid());
        if (dup2(socket, 3) < 0 || fcntl(3, F_SETFD, 0) < 0 || setenv("LISTEN_PID", own_pid, 1) < 0 ||
            setenv("LISTEN_FDS", "1", 1) < 0)
            _exit(127);
    }
    (void)close_range(socket >= 0 ? 4 : 3, ~0U, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execvp(argv[0], (char *const *)(const void *)argv);
    (void)fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static pid_t fork_and_become(const char *const *argv, const char *log, int socket)
{
    pid_t parent = getpid();

    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, log, socket, parent);
    return pid;
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

pid_t process_start(const char *const *argv, const char *log)
{
    return process_start_with_socket(argv, log, -1);
}

pid_t process_start_with_socket(const char *const *argv, const char *log, int socket)
{
    pid_t pid = fork_and_become(argv, log, socket);

    ck_assert_msg(pid > 0, "fork: %m");
    janitor_watch_process(pid);
    return pid;
}

int process_run(const char *const *argv, const char *log)
{
    int status = 0;

    pid_t pid = fork_and_become(argv, log, -1);
    if (pid < 0)
        return 127;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return exit_code(status);
}

void process_must_run_at(struct place where, const char *log, const char *const *argv)
{
    int code = process_run(argv, log);

    if (code != 0)
        fail_at(where, "%s ended with %d, see %s", argv[0], code, log);
}

bool process_has_ended(pid_t pid, int *ret_code)
{
    int status = 0;

    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0)
        return false;
    if (ret_code)
        *ret_code = ended == pid ? exit_code(status) : 127;
    janitor_forget_process(pid);
    return true;
}

struct wait_end {
    pid_t pid;
    int code;
};

static bool has_ended(void *arg)
{
    struct wait_end *end = arg;

    return process_has_ended(end->pid, &end->code);
}

bool process_wait(pid_t pid, double seconds, int *ret_code)
{
    struct wait_end end = {.pid = pid};

    if (!wait_for(has_ended, &end, seconds))
        return false;
    if (ret_code)
        *ret_code = end.code;
    return true;
}

void process_kill(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)kill(pid, SIGCONT);
    ck_assert_msg(process_wait(pid, 30, NULL), "process %d does not end after SIGKILL", (int)pid);
}
