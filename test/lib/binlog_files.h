/* Binlog files compared, and the servers' own binlog clients run against a source or against ackgate. */
#ifndef ACKGATE_TEST_BINLOG_FILES_H
#define ACKGATE_TEST_BINLOG_FILES_H

#include <sys/types.h>

#include "test/lib/gate.h"
#include "test/lib/server.h"

/* The path of a file in ackgate's store. */
const char *store_path(const struct gate *gate, const char *file);
/* Waits until ackgate's store has the files that the source lists, from `first` on (NULL: all), byte for byte
 * the same. Asks the source for its list, so it must run. */
#define assert_same_files(gate, source, first) assert_same_files_at(HERE, gate, source, first)
void assert_same_files_at(struct place where, struct gate *gate, struct server *source, const char *first);
/* Asserts that two files hold the same bytes. */
#define assert_equal_files(one, other) assert_equal_files_at(HERE, one, other)
void assert_equal_files_at(struct place where, const char *one, const char *other);

enum { BINLOG_ARGUMENTS_MAX = 12 };

/* Runs mysqlbinlog or mariadb-binlog with these arguments (NULL-terminated), stdout and stderr to `output`;
 * returns its exit code. port 0: on local files; otherwise it reads from that port as repl,
 * with --read-from-remote-server unless the first argument says it in another way. */
int binlog_client_run(enum family family, uint16_t port, const char *output, const char *const *arguments);
/* The same in the background. */
pid_t binlog_client_start(enum family family, uint16_t port, const char *output,
                          const char *const *arguments);

#endif
