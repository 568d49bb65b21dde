/* Finding the index, and the servers' own lock. */
#include "recovery/recover_place.h"

#include "protocol/xalloc.h"
#include "recovery/binlog_file.h"
#include "recovery/binlog_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char SUFFIX[] = ".index";

static char *path_from(const char *datadir, const char *path)
{
    return path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", datadir, path);
}

/* The path with .index; with replaces in place of the extension that it has, else only when it has none. */
static char *with_suffix(char *path, bool replaces)
{
    char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    bool has_extension = dot != NULL && (slash == NULL || dot > slash + 1);
    if (has_extension && !replaces)
        return path;
    if (has_extension)
        *dot = '\0';
    char *full = xasprintf("%s%s", path, SUFFIX);
    free(path);
    return full;
}

/* ---- without a name ---- */

struct search {
    struct storage *storage;
    const char *datadir;
    char *found;
    char *other;
};

/* Relay logs have an index like binlogs; their format description says that they are relay logs. */
static bool is_binlog(struct storage *storage, const char *path)
{
    struct binlog_file file;
    bool is_relay = strstr(path, "relay") != NULL;
    if (binlog_file_open(storage, path, &file) != RESULT_OK)
        return !is_relay;
    is_relay = file.is_relay_log || (file.format_length == 0 && is_relay);
    binlog_file_close(&file);
    return !is_relay;
}

static bool lists_binlogs(const struct search *search, const char *path)
{
    struct binlog_index index;
    if (binlog_index_read(search->storage, path, search->datadir, &index) != RESULT_OK)
        return false;
    bool is_good = index.count > 0 && is_binlog(search->storage, index.lines[index.count - 1].path);
    binlog_index_release(&index);
    return is_good;
}

static void on_name(void *argument, const char *name)
{
    static const char crash_safe[] = "_crash_safe";
    struct search *search = argument;
    size_t length = strlen(name);
    if (length > strlen(crash_safe) && strcmp(name + length - strlen(crash_safe), crash_safe) == 0)
        length -= strlen(crash_safe);
    if (length <= strlen(SUFFIX) || strncmp(name + length - strlen(SUFFIX), SUFFIX, strlen(SUFFIX)) != 0)
        return;
    char *path = xasprintf("%s/%.*s", search->datadir, (int)length, name);
    bool is_new = search->found == NULL || strcmp(search->found, path) != 0;
    if (!is_new || search->other != NULL || !lists_binlogs(search, path))
        free(path);
    else if (search->found == NULL)
        search->found = path;
    else
        search->other = path;
}

static enum result find_in_datadir(struct search *search, char **ret_path, char **ret_problem)
{
    enum result result = storage_list(search->storage, search->datadir, on_name, search);
    if (result != RESULT_OK) {
        *ret_problem = xasprintf("data directory %s: %s", search->datadir, strerror(errno));
        return RESULT_NOT_FOUND;
    }
    if (search->other != NULL) {
        *ret_problem =
            xasprintf("both %s and %s list binlog files: say --log-bin", search->found, search->other);
        return RESULT_CONFLICT;
    }
    if (search->found == NULL) {
        *ret_problem =
            xasprintf("no index of binlog files in %s: say --log-bin or --datadir", search->datadir);
        return RESULT_NOT_FOUND;
    }
    *ret_path = xstrdup(search->found);
    return RESULT_OK;
}

enum result recover_find_index(struct storage *storage, const char *datadir, const char *log_bin,
                               const char *log_bin_index, char **ret_path, char **ret_problem)
{
    struct search search = {.storage = storage, .datadir = datadir};
    if (log_bin_index != NULL && log_bin_index[0] != '\0') {
        *ret_path = with_suffix(path_from(datadir, log_bin_index), false);
        return RESULT_OK;
    }
    if (log_bin != NULL && log_bin[0] != '\0') {
        *ret_path = with_suffix(path_from(datadir, log_bin), true);
        return RESULT_OK;
    }
    enum result result = find_in_datadir(&search, ret_path, ret_problem);
    free(search.found);
    free(search.other);
    return result;
}

/* ---- does it run ---- */

enum result recover_lock(const char *datadir, const char *innodb_home, const char *innodb_files, int *ret_fd,
                         pid_t *ret_pid)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool has_home = innodb_home != NULL && innodb_home[0] != '\0';
    char *home = has_home ? path_from(datadir, innodb_home) : xstrdup(datadir);
    size_t length = innodb_files == NULL ? 0 : strcspn(innodb_files, ":;");
    char *path =
        length == 0 ? xasprintf("%s/ibdata1", home) : xasprintf("%s/%.*s", home, (int)length, innodb_files);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    free(home);
    free(path);
    if (fd < 0)
        return errno == ENOENT ? RESULT_NOT_FOUND : RESULT_IO;
    if (fcntl(fd, F_SETLK, &lock) == 0) {
        *ret_fd = fd;
        return RESULT_OK;
    }
    bool is_held = errno == EAGAIN || errno == EACCES;
    if (is_held && (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK))
        lock.l_pid = 0;
    close(fd);
    if (is_held)
        *ret_pid = lock.l_pid;
    return is_held ? RESULT_CONFLICT : RESULT_IO;
}
