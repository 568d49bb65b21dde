/* Sees to it that nothing outlives a test: a small process beside the test's that ends the processes the test
 * has started and removes its directories once the test's process is gone, in whatever way it went.
 *
 * Started at the first use in a process. After a failed test it prints the tails of the logs it knows. KEEP=1
 * keeps the directories (their names are printed), KEEP=failed only those of failed tests. */
#ifndef ACKGATE_TEST_JANITOR_H
#define ACKGATE_TEST_JANITOR_H

#include <sys/types.h>

void janitor_watch_process(pid_t pid);
void janitor_forget_process(pid_t pid);
void janitor_remove_dir(const char *dir);
/* A log whose tail tells why a test failed, under this title. */
void janitor_show_log(const char *title, const char *path);

#endif
