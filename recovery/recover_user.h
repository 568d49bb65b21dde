/*
 * Works as the data directory's owner when the tool runs as root: what it writes then belongs to the server's
 * user, and no link that this user put there leads root anywhere. `run` becomes root again for the server,
 * which drops it by itself.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_USER_H
#define ACKGATE_RECOVERY_RECOVER_USER_H

#include "protocol/error.h"

/* Nothing is done for others than root, and for a directory that is root's. RESULT_IO: errno has the reason.
 */
MUST_CHECK enum result recover_user_become_owner(const char *dir);
MUST_CHECK enum result recover_user_return(void);

#endif
