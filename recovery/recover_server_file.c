/* The servers' option files: sections, keys, quotes, !include. */
#include "recovery/recover_server.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 10 /* of files that include files, as the servers have it */

struct reading {
    struct recover_server *server;
    const char *suffix;
    char **problem;
    unsigned depth;
};

static enum result read_file(struct reading *reading, const char *path);

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* [mysqld], [mysqld-9.7], [mariadb-10.11], … and the same with the group suffix. */
static bool is_server_section(const char *name, const char *suffix)
{
    static const char *const groups[] = {"mysqld", "server", "mariadb", "mariadbd"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (!has_prefix(name, groups[i]))
            continue;
        const char *rest = name + strlen(groups[i]);
        if (*rest == '\0' || (rest[0] == '-' && isdigit((unsigned char)rest[1])) ||
            (suffix != NULL && strcmp(rest, suffix) == 0))
            return true;
    }
    return false;
}

static void unescape(char *text)
{
    static const char from[] = "ntrbs\\\"'", to[] = "\n\t\r\b \\\"'";
    char *out = text;
    for (; *text != '\0'; text++) {
        const char *found = text[0] == '\\' && text[1] != '\0' ? strchr(from, text[1]) : NULL;
        if (found != NULL)
            text++;
        *out++ = found != NULL ? to[found - from] : *text;
    }
    *out = '\0';
}

/* Cuts a comment off, unless it stands in quotes, and then the quotes. */
static char *clean_value(char *value)
{
    char quote = '\0';
    for (char *at = value; *at != '\0'; at++) {
        if ((*at == '\'' || *at == '"') && (quote == '\0' || quote == *at))
            quote = quote == '\0' ? *at : '\0';
        if (*at == '#' && quote == '\0' && (at == value || isspace((unsigned char)at[-1]))) {
            *at = '\0';
            break;
        }
    }
    value = trim(value);
    size_t length = strlen(value);
    if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
        value[length - 1] = '\0';
        value++;
    }
    unescape(value);
    return value;
}

static enum result read_dir(struct reading *reading, const char *path)
{
    struct dirent **entries;
    enum result result = RESULT_OK;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        *reading->problem = xasprintf("%s: %s", path, strerror(errno));
        return RESULT_NOT_FOUND;
    }
    for (int i = 0; i < count; i++) {
        const char *end = strrchr(entries[i]->d_name, '.');
        if (result == RESULT_OK && end != NULL && strcmp(end, ".cnf") == 0) {
            char *file = xasprintf("%s/%s", path, entries[i]->d_name);
            result = read_file(reading, file);
            free(file);
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

static enum result take_directive(struct reading *reading, char *line)
{
    bool is_dir = has_prefix(line, "!includedir") && isspace((unsigned char)line[strlen("!includedir")]);
    bool is_file = has_prefix(line, "!include") && isspace((unsigned char)line[strlen("!include")]);
    if (is_dir)
        return read_dir(reading, trim(line + strlen("!includedir")));
    return is_file ? read_file(reading, trim(line + strlen("!include"))) : RESULT_OK;
}

static enum result take_line(struct reading *reading, char *line, bool *is_ours)
{
    line = trim(line);
    if (*line == '\0' || *line == '#' || *line == ';')
        return RESULT_OK;
    if (*line == '!')
        return take_directive(reading, line);
    if (*line == '[') {
        char *end = strchr(line, ']');
        if (end != NULL)
            *end = '\0';
        *is_ours = is_server_section(trim(line + 1), reading->suffix);
        return RESULT_OK;
    }
    if (!*is_ours)
        return RESULT_OK;
    char *equals = strchr(line, '=');
    char *value = equals == NULL ? NULL : clean_value(equals + 1);
    if (equals != NULL)
        *equals = '\0';
    else
        line = clean_value(line);
    line = trim(line);
    recover_server_take(reading->server, line, strlen(line), value);
    return RESULT_OK;
}

static enum result read_lines(struct reading *reading, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    bool is_ours = false;
    enum result result = RESULT_OK;
    while (result == RESULT_OK && getline(&line, &room, file) >= 0)
        result = take_line(reading, line, &is_ours);
    free(line);
    return result;
}

static enum result read_file(struct reading *reading, const char *path)
{
    if (reading->depth >= DEPTH_MAX) {
        *reading->problem = xasprintf("%s: !include goes deeper than %d files", path, DEPTH_MAX);
        return RESULT_MALFORMED;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *reading->problem = xasprintf("%s: %s", path, strerror(errno));
        return errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO;
    }
    reading->depth++;
    enum result result = read_lines(reading, file);
    reading->depth--;
    (void)fclose(file);
    return result;
}

enum result recover_server_read_file(struct recover_server *server, const char *path,
                                     const char *group_suffix, char **ret_problem)
{
    struct reading reading = {server, group_suffix, ret_problem, 0};
    return read_file(&reading, path);
}
