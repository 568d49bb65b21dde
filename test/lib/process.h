/* Child processes of a test: started with their output in a file, ended by pid, gone when the test's process
 * is. */
#ifndef ACKGATE_TEST_PROCESS_H
#define ACKGATE_TEST_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "test/lib/fail.h"

/* Runs argv[0] (searched in PATH); stdout and stderr are appended to `log`, stdin is empty. To be called from
 * the thread that lives as long as the child shall: the kernel ends the child with it. */
pid_t process_start(const char *const *argv, const char *log);
/* The same with a socket as $LISTEN_FDS hands it over, after sd_listen_fds(3). */
pid_t process_start_with_socket(const char *const *argv, const char *log, int socket);
/* Runs to the end and returns the exit code (128 + signal if killed). */
int process_run(const char *const *argv, const char *log);
/* The same, failing the test unless the exit code is 0; the argument list ends with NULL. */
#define process_must_run(log, ...) process_must_run_at(HERE, log, (const char *const[]){__VA_ARGS__, NULL})
void process_must_run_at(struct place where, const char *log, const char *const *argv);

/* Waits for the end at most `seconds`; false if it still runs. */
bool process_wait(pid_t pid, double seconds, int *ret_code);
/* SIGKILL and reap. */
void process_kill(pid_t pid);
/* Reaps without waiting: true if the process has ended. */
bool process_has_ended(pid_t pid, int *ret_code);

#endif
