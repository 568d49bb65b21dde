/* The servers' own client programs, see client_program.h. */
#include "test/lib/client_program.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/process.h"

enum { ARGUMENTS_MAX = 48 };

static const char *output_path(void)
{
    static char dir[108];
    static unsigned runs;

    if (!dir[0])
        place_make_dir("clients", dir, sizeof dir);
    return place_format("%s/out-%u", dir, runs++);
}

const char *client_run_at(struct place where, int expected, const char *const *argv)
{
    const char *log = output_path();
    int code = process_run(argv, log);
    char *text = place_read_file(log, NULL);

    if (code != expected)
        fail_at(where, "%s ends with %d: %.2000s", argv[0], code, text);
    char *kept = place_format("%s", text);
    free(text);
    return kept;
}

static const char *program_name(enum family family, const char *name)
{
    if (family == FAMILY_MYSQL)
        return place_format("mysql%s", name);
    return *name ? place_format("mariadb-%s", name) : "mariadb";
}

static size_t add_login(enum family family, const struct client_login *login, const char **argv)
{
    bool is_mysql = family == FAMILY_MYSQL;
    size_t count = 0;

    argv[count++] = "--no-defaults";
    argv[count++] = "--host=127.0.0.1";
    argv[count++] = place_format("--port=%u", login->port);
    argv[count++] = place_format("--user=%s", login->user);
    argv[count++] = place_format("--password=%s", login->password);
    if (login->tls_ca) {
        argv[count++] = is_mysql ? "--ssl-mode=VERIFY_IDENTITY" : "--ssl-verify-server-cert";
        argv[count++] = place_format("--ssl-ca=%s", login->tls_ca);
    } else {
        argv[count++] = is_mysql ? "--ssl-mode=DISABLED" : "--skip-ssl";
        if (is_mysql)
            argv[count++] = "--get-server-public-key";
    }
    return count;
}

const char *client_commands(enum family family)
{
    return family == FAMILY_MYSQL ? "--commands" : "--no-beep";
}

const char *client_program_run(struct place where, enum family family, const char *name,
                               const struct client_login *login, int expected, const char *const *arguments)
{
    const char *argv[ARGUMENTS_MAX];

    size_t count = server_program(family, program_name(family, name), argv, ARGUMENTS_MAX);
    count += add_login(family, login, argv + count);
    if (family == FAMILY_MYSQL && strcmp(name, "dump") == 0)
        argv[count++] = "--set-gtid-purged=OFF";
    for (size_t i = 0; arguments[i]; i++) {
        ck_assert_uint_lt(count + 1, ARGUMENTS_MAX);
        argv[count++] = arguments[i];
    }
    argv[count] = NULL;
    return client_run_at(where, expected, argv);
}
