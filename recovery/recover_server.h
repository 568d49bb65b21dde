/*
 * What the source's own server was told on its command line and in its option files, as far as the tool needs
 * it: where its data, its binlog and its error log are.
 *
 * Follows the servers' rules: `-` and `_` are alike, the later one wins, arguments come after files;
 * --no-defaults, --defaults-file, --defaults-extra-file and --defaults-group-suffix count as first
 * arguments; option files have sections, quotes, comments, !include and !includedir. Reference manual, "Using
 * Option Files". Blocks on files, reads nothing else.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_SERVER_H
#define ACKGATE_RECOVERY_RECOVER_SERVER_H

#include "protocol/error.h"

#include <stddef.h>

/* Zeroed is empty; what was not given is NULL. Owned. */
struct recover_server {
    char *datadir;
    char *log_bin; /* "" when given without a value */
    char *log_bin_index;
    char *log_error;
    char *socket;
    char *innodb_data_home_dir;
    char *innodb_data_file_path;
    char *basedir;
};

void recover_server_release(struct recover_server *server);

/*
 * Reads the arguments behind the program's name, and the option files that they name; without a name the
 * usual places (paths in defaults, NULL-terminated; those that do not exist are passed over).
 * RESULT_NOT_FOUND or RESULT_IO: a named file cannot be read, RESULT_MALFORMED: !include goes too deep;
 * *ret_problem then says it, allocated.
 */
MUST_CHECK enum result recover_server_read(struct recover_server *server, const char *const *arguments,
                                           size_t count, const char *const *defaults, char **ret_problem);

/* Takes an option if it is one of those above. name without dashes in front; value may be NULL. */
void recover_server_take(struct recover_server *server, const char *name, size_t name_length,
                         const char *value);

/* One option file with what it includes. group_suffix may be NULL. */
MUST_CHECK enum result recover_server_read_file(struct recover_server *server, const char *path,
                                                const char *group_suffix, char **ret_problem);

#endif
