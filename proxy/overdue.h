/*
 * Commits that the source itself holds longer than app.commit_wait.
 *
 * With semi-sync the source does not answer a commit before ackgate has acked it, so there is no OK here that
 * could be held or replaced. While transactions wait too long, the source is asked, a few times a second and
 * on a helper thread, which of its sessions wait for semi-sync; those of ours among them whose command has
 * run for longer get error 1180 (app_give_up). Without app.commit_wait, and while nothing waits too long,
 * nothing is asked. source.user needs the PROCESS privilege for it.
 *
 * Which transaction a session waits for is told by the binlog where its events name the session; MariaDB's
 * rows do not, and then it is the one, or the range of those, that were written since the command began.
 */
#ifndef ACKGATE_PROXY_OVERDUE_H
#define ACKGATE_PROXY_OVERDUE_H

#include "proxy/app.h"
#include "proxy/core.h"

struct overdue;

/* All of these outlive it. */
struct overdue *overdue_new(struct loop *loop, const struct config *config, const struct core *core,
                            struct app *app);
void overdue_free(
    struct overdue **overdue); /* waits for a running question, at most source.connect_timeout */
void overdue_set_commit_wait(struct overdue *overdue, uint64_t commit_wait_ms); /* 0: for ever */

#endif
