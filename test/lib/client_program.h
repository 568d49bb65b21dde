/* The servers' own client programs against any port: the command line, dump, slap, import and the rest.
 *
 *     const struct client_login login = {.port = t->gate->app_port, .user = "app", .password = "app-pw"};
 *     const char *text = CLIENT_RUN(FAMILY_MYSQL, "dump", &login, "--databases", "d");
 */
#ifndef ACKGATE_TEST_CLIENT_PROGRAM_H
#define ACKGATE_TEST_CLIENT_PROGRAM_H

#include <stdint.h>

#include "test/lib/fail.h"
#include "test/lib/server.h"

struct client_login {
    uint16_t port;
    const char *user;
    const char *password;
    const char *tls_ca; /* the server's certificate is verified with it; NULL: without TLS */
};

/* MySQL's "mysql" is MariaDB's "mariadb", "mysqldump" its "mariadb-dump": name is "", "dump", "slap" …
 * Returns what it writes to both outputs; it must end with the expected code. The arguments end with NULL. */
const char *client_program_run(struct place where, enum family family, const char *name,
                               const struct client_login *login, int expected, const char *const *arguments);
#define CLIENT_RUN(family, name, login, ...)                                                                 \
    client_program_run(HERE, family, name, login, 0, (const char *const[]){__VA_ARGS__, NULL})
/* The option with which the command line takes commands of its own from -e: source, status, … */
const char *client_commands(enum family family);
/* Any other program, searched in PATH. */
const char *client_run_at(struct place where, int expected, const char *const *argv);
#define CLIENT_RUN_OTHER(...) client_run_at(HERE, 0, (const char *const[]){__VA_ARGS__, NULL})

#endif
