/* Data directories to copy from: initialised once per family and version, with the fixture's accounts,
 * plugins and an empty history, and kept under build/templates for all later runs. */
#ifndef ACKGATE_TEST_SERVER_TEMPLATE_H
#define ACKGATE_TEST_SERVER_TEMPLATE_H

#include "test/lib/server.h"

/* Copies the family's template to `datadir`, which must not exist; makes the template first when it is
 * missing. Programs that run at the same time wait for the one that makes it. */
void server_template_copy(enum family family, const char *datadir, const char *log);

/* The absolute path of build/. */
const char *server_build_dir(void);

/* The arguments all servers of a family are run with; returns how many were put. */
size_t server_base_arguments(enum family family, const char **ret_argv, size_t max);

/* Which release of MariaDB the calls that follow are about, see server_program.c. */
void server_choose(bool is_replica);
/* Where it is unpacked, and its messages and scripts in there; NULL: the system's. */
const char *server_mariadb_dir(void);
const char *server_mariadb_share(void);

#endif
