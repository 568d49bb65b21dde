/*
 * `run` on MariaDB: a process beside the server reads what that writes to its error log at its start, and
 * reports to ackgate, as verify does, once the server is ready. So `run` is all that a container needs.
 *
 * The log is followed as a file if the server has one, else the server's stderr goes through the process, for
 * as long as the server lives. It is no child of the server (forked twice), and ends by itself.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_WATCH_H
#define ACKGATE_RECOVERY_RECOVER_WATCH_H

#include "recovery/recover_options.h"

/* Called by the process that becomes the server, right before. RESULT_IO: errno; nothing is watched. */
MUST_CHECK enum result recover_watch_start(const struct recover_options *options, const char *password);

#endif
