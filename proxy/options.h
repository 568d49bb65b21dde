/*
 * The command line of `ackgate`: which of its few jobs is asked for.
 *
 * Nothing is done here but understanding; main.c acts. Strings point into argv.
 */
#ifndef ACKGATE_PROXY_OPTIONS_H
#define ACKGATE_PROXY_OPTIONS_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stddef.h>

enum options_job {
    OPTIONS_RUN,     /* --config FILE */
    OPTIONS_CHECK,   /* --config FILE --check */
    OPTIONS_VERSION, /* --version */
    OPTIONS_HELP,    /* --help */
    OPTIONS_PASSWD,  /* passwd [--user U] */
    OPTIONS_JOURNAL  /* journal DIR [--json] */
};

struct options {
    enum options_job job;
    const char *config; /* RUN, CHECK */
    const char *user;   /* PASSWD; NULL: not given */
    const char *dir;    /* JOURNAL */
    bool is_json;       /* JOURNAL */
};

/* RESULT_MALFORMED: ret_error is a sentence for stderr, options are untouched. */
MUST_CHECK enum result options_parse(int argc, char *const *argv, struct options *ret_options,
                                     char *ret_error, size_t error_max);

extern const char options_help[];

#endif
