/* The tool's command line and config file. */
#include "recovery/recover_options.h"

#include "protocol/xalloc.h"
#include "recovery/recover_tls.h"
#include "recovery/recover_value.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_MS 60000u
#define PORT_DEFAULT       3318u

static const char SECTION[] = "recover";
static const char DATADIR_DEFAULT[] = "/var/lib/mysql";

const char recover_usage[] =
    "ackgate-recover check|apply|verify|run [OPTION…] [-- SERVER ARGUMENT…]\n"
    "  check   say what is to be cut off the source's binlog, change nothing\n"
    "  apply   cut it; to be run before the server's first start after a crash\n"
    "  verify  after the start: tell ackgate what the server's engine has committed\n"
    "  run     apply, and then become the server that is named behind --\n"
    "Where the source's files are (else from the server's arguments behind --, or from its option files):\n"
    "  --datadir DIR  --defaults-file FILE  --log-bin BASE  --log-bin-index FILE\n"
    "How ackgate's admin port is reached:\n"
    "  --proxy HOST:PORT  --user USER  --password-file FILE  --timeout 60s  --if-unreachable stop|start\n"
    "  --tls " TLS_CLIENT_MODES "\n"
    "  --tls-ca FILE  --tls-cert FILE  --tls-key FILE  --tls-min-version " TLS_VERSIONS "\n"
    "For verify:\n"
    "  --error-log FILE (MariaDB; - is stdin)  --socket PATH --source-user USER --source-password-file FILE\n"
    "  (MySQL)\n"
    "  --config FILE has all of these in its section [recover]; --json  --help  --version\n"
    "Exit code: 0 safe to start, 1 usage, 2 must not start, 3 ackgate not reachable or files not readable\n";

/* One table for both sources; is_path: a text that is kept as it is. */
struct option {
    const char *name; /* with '_' */
    size_t member;
    bool is_text;
};

#define FILE_OF(name, where)                                                                                 \
    {                                                                                                        \
#name, offsetof(struct recover_options, where), true                                                 \
    }
#define TEXT(name)                                                                                           \
    {                                                                                                        \
#name, offsetof(struct recover_options, name), true                                                  \
    }
#define OTHER(name)                                                                                          \
    {                                                                                                        \
#name, 0, false                                                                                      \
    }

static const struct option known[] = {
    TEXT(datadir),
    TEXT(defaults_file),
    TEXT(log_bin),
    TEXT(log_bin_index),
    TEXT(error_log),
    TEXT(socket),
    TEXT(source_user),
    TEXT(source_password_file),
    TEXT(user),
    TEXT(password_file),
    TEXT(config),
    OTHER(proxy),
    OTHER(timeout),
    OTHER(if_unreachable),
    OTHER(json),
    FILE_OF(tls_ca, tls.ca),
    OTHER(tls),
    FILE_OF(tls_cert, tls.cert),
    FILE_OF(tls_key, tls.key),
    OTHER(tls_min_version),
};
enum { KNOWN = sizeof known / sizeof known[0] };

struct taking {
    struct recover_options *options;
    bool is_file;
    bool given[KNOWN]; /* on the command line: the file's does not count */
    char **problem;
};

static const struct option *find_option(const char *name, size_t length)
{
    for (size_t i = 0; i < KNOWN; i++) {
        const char *other = known[i].name;
        size_t at = 0;
        while (at < length && other[at] != '\0' && (name[at] == '-' ? '_' : name[at]) == other[at])
            at++;
        if (at == length && other[at] == '\0')
            return &known[i];
    }
    return NULL;
}

static bool parse_switch(const char *value, bool *ret_is_on)
{
    bool is_on = value == NULL || strcmp(value, "on") == 0 || strcmp(value, "1") == 0;
    if (!is_on && strcmp(value, "off") != 0 && strcmp(value, "0") != 0)
        return false;
    *ret_is_on = is_on;
    return true;
}

static bool take_other(struct recover_options *options, const struct option *option, const char *value)
{
    if (strcmp(option->name, "json") == 0)
        return parse_switch(value, &options->is_json);
    if (strncmp(option->name, "tls", 3) == 0)
        return recover_tls_take(&options->tls, option->name, value);
    if (strcmp(option->name, "proxy") == 0)
        return recover_endpoint_parse(value, &options->proxy_host, &options->proxy_port);
    if (strcmp(option->name, "timeout") == 0)
        return recover_duration_parse(value, &options->timeout_ms);
    options->starts_if_unreachable = strcmp(value, "start") == 0;
    return options->starts_if_unreachable || strcmp(value, "stop") == 0;
}

static enum result take(struct taking *taking, const struct option *option, const char *value)
{
    size_t i = (size_t)(option - known);
    if (taking->is_file && taking->given[i])
        return RESULT_OK;
    taking->given[i] = taking->given[i] || !taking->is_file;
    if (!option->is_text) {
        if (take_other(taking->options, option, value))
            return RESULT_OK;
    } else if (value[0] != '\0') {
        char **member = (char **)(void *)((char *)taking->options + option->member);
        free(*member);
        *member = xstrdup(value);
        return RESULT_OK;
    }
    *taking->problem = xasprintf("%s cannot be \"%s\"", option->name, value == NULL ? "" : value);
    return RESULT_MALFORMED;
}

/* --name value, --name=value; *at moves on. */
static enum result take_argument(struct taking *taking, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    const struct option *option = find_option(name, equals == NULL ? strlen(name) : (size_t)(equals - name));
    const char *value = equals == NULL ? NULL : equals + 1;
    if (option == NULL) {
        *taking->problem = xasprintf("unknown option %s", argv[*at]);
        return RESULT_MALFORMED;
    }
    if (value == NULL && strcmp(option->name, "json") != 0) {
        if (*at + 1 >= argc || strcmp(argv[*at + 1], "--") == 0) {
            *taking->problem = xasprintf("%s needs a value", argv[*at]);
            return RESULT_MALFORMED;
        }
        value = argv[++*at];
    }
    return take(taking, option, value);
}

static bool parse_verb(const char *text, enum recover_verb *ret_verb)
{
    static const char *const verbs[] = {"check", "apply", "verify", "run", "--help", "--version"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(text, verbs[i]) == 0) {
            *ret_verb = (enum recover_verb)i;
            return true;
        }
    }
    return false;
}

static enum result take_arguments(struct taking *taking, int argc, char **argv)
{
    struct recover_options *options = taking->options;
    if (argc < 2 || !parse_verb(argv[1], &options->verb)) {
        *taking->problem = xasprintf("say what to do: check, apply, verify or run");
        return RESULT_MALFORMED;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            options->verb = RECOVER_HELP;
        } else if (strcmp(argv[i], "--") == 0) {
            options->command = argv + i + 1;
            break;
        } else if (strncmp(argv[i], "--", 2) != 0) {
            *taking->problem = xasprintf("unknown argument %s", argv[i]);
            return RESULT_MALFORMED;
        } else {
            enum result result = take_argument(taking, argc, argv, &i);
            if (result != RESULT_OK)
                return result;
        }
    }
    if (options->command != NULL && options->command[0] == NULL)
        options->command = NULL;
    if (options->verb != RECOVER_RUN || options->command != NULL)
        return RESULT_OK;
    *taking->problem = xasprintf("run needs the server's program behind --");
    return RESULT_MALFORMED;
}

/* inih's callback: 0 is an error, and ends the reading. */
static int on_key(void *argument, const char *section, const char *key, const char *value)
{
    struct taking *taking = argument;
    const struct option *option = find_option(key, strlen(key));
    if (*taking->problem != NULL)
        return 0;
    if (strcmp(section, SECTION) != 0)
        *taking->problem = xasprintf("there is no section [%s], only [%s]", section, SECTION);
    else if (option == NULL || strcmp(key, "config") == 0)
        *taking->problem = xasprintf("unknown key %s", key);
    else
        return take(taking, option, value) == RESULT_OK;
    return 0;
}

static enum result read_config(struct taking *taking)
{
    const char *path = taking->options->config;
    taking->is_file = true;
    int line = ini_parse(path, on_key, taking);
    if (line == 0)
        return RESULT_OK;
    char *why = *taking->problem;
    if (line < 0)
        *taking->problem = xasprintf("%s: %s", path, strerror(errno));
    else
        *taking->problem = xasprintf("%s:%d: %s", path, line, why == NULL ? "not understood" : why);
    free(why);
    return RESULT_MALFORMED;
}

/* Option files in the usual places are another server's when the data directory was named. */
static enum result read_server(struct recover_options *options, const char *const *defaults,
                               char **ret_problem)
{
    const char *none = NULL;
    size_t count = 0;
    enum result result = RESULT_OK;
    if (options->command != NULL) {
        const char *const *arguments = (const char *const *)options->command + 1;
        while (arguments[count] != NULL)
            count++;
        result = recover_server_read(&options->server, arguments, count, defaults, ret_problem);
    } else if (options->defaults_file != NULL) {
        result = recover_server_read_file(&options->server, options->defaults_file, NULL, ret_problem);
    } else if (options->datadir == NULL) {
        result = recover_server_read(&options->server, &none, 0, defaults, ret_problem);
    }
    return result == RESULT_OK ? RESULT_OK : RESULT_MALFORMED;
}

static void default_to(char **member, const char *value)
{
    if (*member == NULL && value != NULL)
        *member = xstrdup(value);
}

static void fill_in(struct recover_options *options)
{
    default_to(&options->datadir, options->server.datadir);
    default_to(&options->datadir, DATADIR_DEFAULT);
    default_to(&options->log_bin, options->server.log_bin);
    default_to(&options->log_bin_index, options->server.log_bin_index);
    default_to(&options->error_log, options->server.log_error);
    default_to(&options->socket, options->server.socket);
    default_to(&options->proxy_host, "127.0.0.1");
    default_to(&options->user, "admin");
    char *real = realpath(options->datadir, NULL);
    if (real == NULL) /* whoever opens it will say why */
        return;
    free(options->datadir);
    options->datadir = real;
}

enum result recover_options_read(int argc, char **argv, const char *const *defaults,
                                 struct recover_options *options, char **ret_problem)
{
    struct taking taking = {.options = options, .problem = ret_problem};
    *options = (struct recover_options){.timeout_ms = TIMEOUT_DEFAULT_MS, .proxy_port = PORT_DEFAULT};
    *ret_problem = NULL;
    enum result result = take_arguments(&taking, argc, argv);
    if (result == RESULT_OK && (options->verb == RECOVER_HELP || options->verb == RECOVER_VERSION))
        return RESULT_OK;
    if (result == RESULT_OK && options->config != NULL)
        result = read_config(&taking);
    if (result == RESULT_OK)
        result = recover_tls_check(&options->tls, ret_problem);
    if (result == RESULT_OK)
        result = read_server(options, defaults, ret_problem);
    if (result == RESULT_OK)
        fill_in(options);
    else
        recover_options_release(options);
    return result;
}

void recover_options_release(struct recover_options *options)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (known[i].is_text)
            free(*(char **)(void *)((char *)options + known[i].member));
    }
    free(options->proxy_host);
    recover_server_release(&options->server);
    *options = (struct recover_options){0};
}
