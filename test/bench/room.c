/* The check of room.h. */
#include "test/bench/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/server_template.h"

enum { RESERVE_MIB = 1024, DIR_MAX = 64 }; /* longer, and the servers' sockets do not fit */

/* "" when its name is too long. */
static const char *dir_of_build(void)
{
    const char *parent = place_format("%s/bench", server_build_dir());
    const char *dir = place_format("%s/tmp", parent);
    (void)mkdir(parent, 0755);
    (void)mkdir(dir, 0755);
    return strlen(dir) > DIR_MAX || access(dir, W_OK) != 0 ? "" : dir;
}

void room_take(unsigned mib)
{
    struct statvfs disk;
    const char *own = getenv("TMPDIR");
    const char *dir = own != NULL && *own != '\0' ? own : dir_of_build();
    if (*dir == '\0')
        dir = "/tmp";
    (void)setenv("TMPDIR", dir, 1);
    if (statvfs(dir, &disk) != 0) {
        fprintf(stderr, "%s: %m\n", dir);
        exit(EXIT_FAILURE);
    }
    unsigned long long there = (unsigned long long)disk.f_bavail * disk.f_frsize >> 20;
    if (there >= (unsigned long long)mib + RESERVE_MIB)
        return;
    fprintf(stderr,
            "%s has %llu MiB left, and this bench writes %u MiB and leaves %d free. TMPDIR= names another "
            "place%s\n",
            dir, there, mib, RESERVE_MIB, getenv("FULL") != NULL ? "; without FULL= it takes less" : "");
    exit(EXIT_FAILURE);
}
