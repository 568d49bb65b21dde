/*
 * What ackgate-recover was told: its command line, its own config file, and the server's arguments and option
 * files behind those (recover_server.h).
 *
 *   ackgate-recover check|apply|verify|run [OPTION…] [-- SERVER ARGUMENT…]
 *
 * An option on the command line goes before the same one in the config file, and that before what the server
 * was told. The config file has one section, [recover], with the options' names, `-` or `_`. Passwords are in
 * files of their own, never in options.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_OPTIONS_H
#define ACKGATE_RECOVERY_RECOVER_OPTIONS_H

#include "recovery/recover_server.h"
#include "recovery/tls_settings.h"

#include <stdbool.h>
#include <stdint.h>

enum recover_verb {
    RECOVER_CHECK,  /* says what apply would do */
    RECOVER_APPLY,  /* before the server starts */
    RECOVER_VERIFY, /* after it has started */
    RECOVER_RUN,    /* apply, and then become the server */
    RECOVER_HELP,
    RECOVER_VERSION,
};

/* Owned; what was not given is NULL. */
struct recover_options {
    enum recover_verb verb;
    char *config;
    char *datadir; /* never NULL after reading, but for HELP and VERSION */
    char *defaults_file;
    char *log_bin;
    char *log_bin_index;
    char *error_log; /* verify: "-" is stdin */
    char *socket;    /* verify: of the source */
    char *source_user;
    char *source_password_file;
    char *proxy_host; /* never NULL either */
    unsigned proxy_port;
    char *user; /* never NULL either */
    char *password_file;
    struct tls_settings tls; /* towards the admin port */
    uint64_t timeout_ms;
    bool starts_if_unreachable;
    bool is_json;
    struct recover_server server;
    char **command; /* behind "--", NULL-terminated, borrowed from argv; NULL: there is none */
};

/*
 * RESULT_OK, or RESULT_MALFORMED with an allocated sentence in *ret_problem. defaults: where the server's
 * option files are looked for when nothing names them, NULL-terminated.
 */
MUST_CHECK enum result recover_options_read(int argc, char **argv, const char *const *defaults,
                                            struct recover_options *options, char **ret_problem);
void recover_options_release(struct recover_options *options);

extern const char recover_usage[];

#endif
