/* Texts of options, and the password file. */
#include "recovery/recover_value.h"

#include "protocol/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DURATION_MAX_MS 86400000u
#define PASSWORD_MAX    1024

bool recover_duration_parse(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {
        {"",    1000   },
        {"ms",  1      },
        {"s",   1000   },
        {"min", 60000  },
        {"h",   3600000},
    };
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || number > DURATION_MAX_MS)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0 && number * units[i].ms <= DURATION_MAX_MS) {
            *ret_ms = number * units[i].ms;
            return true;
        }
    }
    return false;
}

bool recover_endpoint_parse(const char *text, char **host, unsigned *port)
{
    const char *begin = text, *end = text + strlen(text), *digits = NULL;
    unsigned long number = *port;
    if (text[0] == '[') {
        begin = text + 1;
        end = strchr(begin, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        digits = end[1] == ':' ? end + 2 : NULL;
    } else if (text[0] != '/' && strchr(text, ':') != NULL) {
        end = strchr(text, ':');
        digits = end + 1;
    }
    if (digits != NULL) {
        char *rest;
        number = strtoul(digits, &rest, 10);
        if (digits[0] < '0' || digits[0] > '9' || *rest != '\0' || number == 0 || number > 65535)
            return false;
    }
    if (end == begin)
        return false;
    free(*host);
    *host = xstrndup(begin, (size_t)(end - begin));
    *port = (unsigned)number;
    return true;
}

enum result recover_password_read(const char *path, char **ret_password, char **ret_problem)
{
    struct stat status;
    char line[PASSWORD_MAX];
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        *ret_problem = xasprintf("password_file %s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        *ret_problem = xasprintf("password_file %s is not a file", path);
    } else if ((status.st_mode & (status.st_uid == 0 ? 0027 : 0077)) != 0) {
        *ret_problem = xasprintf("password_file %s can be read by others: chmod 600 it (or 640, when it "
                                 "belongs to root)",
                                 path);
    } else if (fgets(line, sizeof line, file) == NULL) {
        *ret_problem = xasprintf("password_file %s is empty", path);
    } else {
        line[strcspn(line, "\r\n")] = '\0';
        *ret_password = xstrdup(line);
        explicit_bzero(line, sizeof line);
    }
    if (file != NULL)
        (void)fclose(file);
    return *ret_problem == NULL ? RESULT_OK : RESULT_MALFORMED;
}
