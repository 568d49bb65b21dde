/* What the texts of ackgate-recover's options mean, and its password file. */
#ifndef ACKGATE_RECOVERY_RECOVER_VALUE_H
#define ACKGATE_RECOVERY_RECOVER_VALUE_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Like 500ms, 10s, 2min, 1h; a bare number is seconds. False: it is none, or over a day. */
bool recover_duration_parse(const char *text, uint64_t *ret_ms);

/*
 * HOST, HOST:PORT, [ADDRESS]:PORT, or the path of a socket. *host is freed and replaced, *port is left as it
 * is when the text has none. False: it is none; nothing is changed.
 */
bool recover_endpoint_parse(const char *text, char **host, unsigned *port);

/*
 * The first line of a password file, the caller frees it. The file must be readable by nobody else, root's by
 * its group too. RESULT_MALFORMED: *ret_problem is an allocated sentence.
 */
MUST_CHECK enum result recover_password_read(const char *path, char **ret_password, char **ret_problem);

#endif
