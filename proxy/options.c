/* The command line of options.h. */
#include "proxy/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char options_help[] =
    "Usage:\n"
    "  ackgate --config FILE            run in the foreground\n"
    "  ackgate --config FILE --check    say what is wrong with the config; exit 0 or 1\n"
    "  ackgate passwd [--user NAME]     read a password, print the lines for the config\n"
    "  ackgate journal DIR [--json]     print the journal in DIR, one record a line\n"
    "  ackgate --version\n"
    "  ackgate --help\n"
    "\n"
    "Signals: HUP reloads the config, USR1 opens the log file anew, TERM ends when the\n"
    "sessions have (or after shutdown_timeout), INT ends at once.\n"
    "Exit: 0 after a clean stop, 1 wrong config or usage, 2 could not start.\n";

struct parsing {
    int argc;
    char *const *argv;
    int at;
    char *error;
    size_t error_max;
};

__attribute__((format(printf, 2, 3))) static enum result fail(struct parsing *parsing, const char *format,
                                                              ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parsing->error, parsing->error_max, format, arguments);
    va_end(arguments);
    return RESULT_MALFORMED;
}

/* "--name VALUE" or "--name=VALUE": true when this is the option; *ret_value is NULL when the value is
 * missing. */
static bool take_value(struct parsing *parsing, const char *name, const char **ret_value)
{
    const char *argument = parsing->argv[parsing->at];
    size_t length = strlen(name);
    if (strncmp(argument, name, length) != 0 || (argument[length] != '\0' && argument[length] != '='))
        return false;
    if (argument[length] == '=')
        *ret_value = argument + length + 1;
    else
        *ret_value = parsing->at + 1 < parsing->argc ? parsing->argv[++parsing->at] : NULL;
    return true;
}

static enum result parse_passwd(struct parsing *parsing, struct options *options)
{
    options->job = OPTIONS_PASSWD;
    for (; parsing->at < parsing->argc; parsing->at++) {
        if (!take_value(parsing, "--user", &options->user))
            return fail(parsing,
                        "passwd: what is %s? Only --user NAME is known; the password is read from the "
                        "terminal or stdin",
                        parsing->argv[parsing->at]);
        if (options->user == NULL || options->user[0] == '\0')
            return fail(parsing, "passwd: --user needs a name");
    }
    return RESULT_OK;
}

static enum result parse_journal(struct parsing *parsing, struct options *options)
{
    options->job = OPTIONS_JOURNAL;
    for (; parsing->at < parsing->argc; parsing->at++) {
        const char *argument = parsing->argv[parsing->at];
        if (strcmp(argument, "--json") == 0)
            options->is_json = true;
        else if (argument[0] == '-')
            return fail(parsing, "journal: unknown option %s", argument);
        else if (options->dir != NULL)
            return fail(parsing, "journal: one directory only");
        else
            options->dir = argument;
    }
    return options->dir != NULL ? RESULT_OK : fail(parsing, "journal: which directory? ackgate journal DIR");
}

static enum result parse_daemon(struct parsing *parsing, struct options *options)
{
    for (; parsing->at < parsing->argc; parsing->at++) {
        const char *argument = parsing->argv[parsing->at];
        if (strcmp(argument, "--check") == 0)
            options->job = OPTIONS_CHECK;
        else if (!take_value(parsing, "--config", &options->config))
            return fail(parsing, "unknown option %s; see ackgate --help", argument);
        else if (options->config == NULL || options->config[0] == '\0')
            return fail(parsing, "--config needs a file");
    }
    return options->config != NULL ? RESULT_OK : fail(parsing, "--config FILE is needed; see ackgate --help");
}

/* These win over everything else on the line. */
static bool find_word(const struct parsing *parsing, const char *word)
{
    for (int i = 1; i < parsing->argc; i++) {
        if (strcmp(parsing->argv[i], word) == 0)
            return true;
    }
    return false;
}

enum result options_parse(int argc, char *const *argv, struct options *ret_options, char *ret_error,
                          size_t error_max)
{
    struct parsing parsing = {argc, argv, 2, ret_error, error_max};
    struct options options = {.job = OPTIONS_RUN};
    enum result result = RESULT_OK;
    if (find_word(&parsing, "--help") || find_word(&parsing, "-h")) {
        options.job = OPTIONS_HELP;
    } else if (find_word(&parsing, "--version")) {
        options.job = OPTIONS_VERSION;
    } else if (argc > 1 && strcmp(argv[1], "passwd") == 0) {
        result = parse_passwd(&parsing, &options);
    } else if (argc > 1 && strcmp(argv[1], "journal") == 0) {
        result = parse_journal(&parsing, &options);
    } else {
        parsing.at = 1;
        result = parse_daemon(&parsing, &options);
    }
    if (result == RESULT_OK)
        *ret_options = options;
    return result;
}
