/* Changing the effective user and group there and back. */
#include "recovery/recover_user.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUPS_MAX = 1024 };

static gid_t groups[GROUPS_MAX];
static int groups_count;
static bool is_changed;

enum result recover_user_become_owner(const char *dir)
{
    struct stat status;
    if (stat(dir, &status) != 0)
        return RESULT_IO;
    if (geteuid() != 0 || status.st_uid == 0)
        return RESULT_OK;
    groups_count = getgroups(GROUPS_MAX, groups);
    if (groups_count < 0 || setgroups(0, NULL) != 0)
        return RESULT_IO;
    is_changed = true;
    if (setegid(status.st_gid) != 0 || seteuid(status.st_uid) != 0)
        return RESULT_IO;
    return RESULT_OK;
}

enum result recover_user_return(void)
{
    if (!is_changed)
        return RESULT_OK;
    if (seteuid(0) != 0 || setegid(0) != 0 || setgroups((size_t)groups_count, groups) != 0)
        return RESULT_IO;
    is_changed = false;
    return RESULT_OK;
}
