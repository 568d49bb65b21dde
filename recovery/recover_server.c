/* The server's arguments, in the order in which the server reads them. */
#include "recovery/recover_server.h"

#include "protocol/xalloc.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void recover_server_release(struct recover_server *server)
{
    free(server->datadir);
    free(server->log_bin);
    free(server->log_bin_index);
    free(server->log_error);
    free(server->socket);
    free(server->innodb_data_home_dir);
    free(server->innodb_data_file_path);
    free(server->basedir);
    *server = (struct recover_server){0};
}

/* Whether a name is this option, with '-' and '_' alike. */
static bool is_option(const char *name, size_t length, const char *option)
{
    if (strlen(option) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((name[i] == '-' ? '_' : name[i]) != option[i])
            return false;
    }
    return true;
}

void recover_server_take(struct recover_server *server, const char *name, size_t name_length,
                         const char *value)
{
    const struct {
        const char *option;
        char **member;
        bool may_be_empty;
    } table[] = {
        {"datadir",               &server->datadir,               false},
        {"log_bin",               &server->log_bin,               true },
        {"log_bin_index",         &server->log_bin_index,         false},
        {"log_error",             &server->log_error,             true },
        {"socket",                &server->socket,                false},
        {"innodb_data_home_dir",  &server->innodb_data_home_dir,  false},
        {"innodb_data_file_path", &server->innodb_data_file_path, false},
        {"basedir",               &server->basedir,               false},
    };
    if (name_length > 6 && is_option(name, 6, "loose_")) {
        name += 6;
        name_length -= 6;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!is_option(name, name_length, table[i].option))
            continue;
        bool has_value = value != NULL && value[0] != '\0';
        if (!has_value && !table[i].may_be_empty)
            return;
        free(*table[i].member);
        *table[i].member = xstrdup(has_value ? value : "");
    }
}

/* The value of --name=value, NULL when the argument is not that. */
static const char *value_of(const char *argument, const char *option)
{
    if (strncmp(argument, "--", 2) != 0)
        return NULL;
    const char *equals = strchr(argument, '=');
    if (equals == NULL || !is_option(argument + 2, (size_t)(equals - argument) - 2, option))
        return NULL;
    return equals + 1;
}

/* Options whose value may stand in the next argument. */
static bool takes_next(const char *name, size_t length)
{
    static const char *const options[] = {
        "datadir", "log_bin_index", "socket", "innodb_data_home_dir", "basedir",
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (is_option(name, length, options[i]))
            return true;
    }
    return false;
}

static void take_arguments(struct recover_server *server, const char *const *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *argument = arguments[i], *next = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(argument, "-h") == 0 && next != NULL) {
            recover_server_take(server, "datadir", strlen("datadir"), next);
            i++;
        } else if (strncmp(argument, "-h", 2) == 0 && argument[2] != '\0') {
            recover_server_take(server, "datadir", strlen("datadir"), argument + 2);
        }
        if (strncmp(argument, "--", 2) != 0)
            continue;
        const char *name = argument + 2, *equals = strchr(name, '=');
        size_t length = equals == NULL ? strlen(name) : (size_t)(equals - name);
        const char *value = equals == NULL ? NULL : equals + 1;
        if (equals == NULL && next != NULL && takes_next(name, length)) {
            value = next;
            i++;
        }
        recover_server_take(server, name, length, value);
    }
}

struct defaults {
    bool none;
    const char *file, *extra, *suffix;
};

static struct defaults find_defaults(const char *const *arguments, size_t count)
{
    struct defaults found = {0};
    for (size_t i = 0; i < count; i++) {
        const char *value;
        if (strcmp(arguments[i], "--no-defaults") == 0)
            found.none = true;
        if ((value = value_of(arguments[i], "defaults_file")) != NULL)
            found.file = value;
        if ((value = value_of(arguments[i], "defaults_extra_file")) != NULL)
            found.extra = value;
        if ((value = value_of(arguments[i], "defaults_group_suffix")) != NULL)
            found.suffix = value;
    }
    return found;
}

static enum result read_defaults(struct recover_server *server, const struct defaults *found,
                                 const char *const *defaults, char **ret_problem)
{
    enum result result = RESULT_OK;
    if (found->none)
        return RESULT_OK;
    if (found->file != NULL)
        return recover_server_read_file(server, found->file, found->suffix, ret_problem);
    for (size_t i = 0; result == RESULT_OK && defaults[i] != NULL; i++) {
        if (access(defaults[i], F_OK) == 0)
            result = recover_server_read_file(server, defaults[i], found->suffix, ret_problem);
    }
    if (result == RESULT_OK && found->extra != NULL)
        result = recover_server_read_file(server, found->extra, found->suffix, ret_problem);
    return result;
}

enum result recover_server_read(struct recover_server *server, const char *const *arguments, size_t count,
                                const char *const *defaults, char **ret_problem)
{
    struct defaults found = find_defaults(arguments, count);
    enum result result = read_defaults(server, &found, defaults, ret_problem);
    if (result == RESULT_OK)
        take_arguments(server, arguments, count);
    return result;
}
