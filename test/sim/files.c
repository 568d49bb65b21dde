/* The disks of files.h, over the images of image.h. */
#include "test/sim/files.h"

#include "test/sim/dice.h"
#include "test/sim/image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { FD_FIRST = 100000, FD_COUNT = 256 };

struct host {
    struct image *image; /* what the living, or the dying, process works on */
    struct image *after; /* what the death has left; NULL: nobody is dying */
    struct files_faults faults;
    void (*on_death)(void);
};

struct descriptor {
    bool is_open;
    enum files_host host;
    struct image_inode *inode; /* NULL: a directory */
    char dir[IMAGE_PATH_MAX];
};

static struct host hosts[HOST_COUNT];
static struct descriptor descriptors[FD_COUNT];

void files_release(void)
{
    for (size_t i = 0; i < HOST_COUNT; i++) {
        image_free(&hosts[i].image);
        image_free(&hosts[i].after);
    }
    memset(descriptors, 0, sizeof(descriptors));
}

void files_reset(void)
{
    files_release();
    for (size_t i = 0; i < HOST_COUNT; i++)
        hosts[i] = (struct host){.image = image_new()};
}

struct files_faults *files_faults(enum files_host host)
{
    return &hosts[host].faults;
}

void files_on_death(enum files_host host, void (*on_death)(void))
{
    hosts[host].on_death = on_death;
}

void files_effect(enum files_host host)
{
    struct files_faults *faults = &hosts[host].faults;
    if (hosts[host].after == NULL && faults->death_in > 0 && --faults->death_in == 0 &&
        hosts[host].on_death != NULL)
        hosts[host].on_death();
}

/* ---- death ---- */

void files_split(enum files_host host, bool is_power)
{
    assert(hosts[host].after == NULL);
    hosts[host].faults.death_in = 0;
    hosts[host].after = image_copy(hosts[host].image);
    if (is_power)
        image_lose_power(hosts[host].after, host == HOST_SOURCE);
    else if (hosts[host].faults.losses > 0 && dice_chance(500)) {
        hosts[host].faults.losses++; /* now it shows */
        image_reread_all(hosts[host].after);
    }
}

bool files_is_split(enum files_host host)
{
    return hosts[host].after != NULL;
}

void files_bury(enum files_host host)
{
    assert(hosts[host].after != NULL);
    for (size_t i = 0; i < FD_COUNT; i++)
        if (descriptors[i].host == host)
            descriptors[i].is_open = false;
    image_free(&hosts[host].image);
    hosts[host].image = hosts[host].after;
    hosts[host].after = NULL;
}

/* ---- paths and descriptors ---- */

bool files_is_ours(const char *path)
{
    return strncmp(path, "/sim/", 5) == 0;
}

bool files_is_descriptor(int fd)
{
    return fd >= FD_FIRST && fd < FD_FIRST + FD_COUNT;
}

static struct host *host_of(const char *path)
{
    return &hosts[path[5] == 'a' ? HOST_ACKGATE : HOST_SOURCE];
}

static void effect_at(const struct host *host)
{
    files_effect((enum files_host)(host - hosts));
}

static struct descriptor *descriptor_of(int fd)
{
    assert(files_is_descriptor(fd) && descriptors[fd - FD_FIRST].is_open);
    return &descriptors[fd - FD_FIRST];
}

static struct image_name *find_live(const char *path)
{
    struct image_name *name = image_find(host_of(path)->image, path);
    return name != NULL && (name->live != NULL || name->is_dir) ? name : NULL;
}

static int fail(int reason)
{
    errno = reason;
    return -1;
}

/* Whether this very call is the one that fails; errno is set. */
static bool fails(struct host *host)
{
    struct files_faults *faults = &host->faults;
    if (!faults->is_counting || host->after != NULL || ++faults->calls != faults->fail_at)
        return false;
    errno = faults->fail_errno;
    return true;
}

static int take_descriptor(const char *path, struct image_inode *inode)
{
    for (int i = 0; i < FD_COUNT; i++) {
        if (descriptors[i].is_open)
            continue;
        descriptors[i] = (struct descriptor){true, (enum files_host)(host_of(path) - hosts), inode, ""};
        snprintf(descriptors[i].dir, sizeof(descriptors[i].dir), "%s", path);
        return FD_FIRST + i;
    }
    assert(false && "descriptors are lost");
    return -1;
}

static int make_file(const char *path)
{
    struct host *host = host_of(path);
    if (host->faults.is_full)
        return fail(ENOSPC);
    effect_at(host);
    struct image_inode *inode = image_add_inode(host->image);
    image_rename(host->image, image_find_or_add(host->image, path), inode, NULL, NULL);
    return take_descriptor(path, inode);
}

int files_open(const char *path, int flags)
{
    if (fails(host_of(path)))
        return -1;
    struct image_name *name = find_live(path);
    if (name == NULL)
        return (flags & O_CREAT) != 0 ? make_file(path) : fail(ENOENT);
    if ((flags & O_EXCL) != 0)
        return fail(EEXIST);
    int fd = take_descriptor(path, name->live);
    if ((flags & O_TRUNC) != 0)
        return files_truncate(fd, 0) == 0 ? fd : -1;
    return fd;
}

void files_close(int fd)
{
    descriptors[fd - FD_FIRST].is_open = false; /* a dead process closes what has been buried, too */
}

const char *files_dir_of(int fd)
{
    return descriptor_of(fd)->dir;
}

/* ---- bytes ---- */

ssize_t files_read(int fd, void *data, size_t length, uint64_t offset)
{
    const struct descriptor *descriptor = descriptor_of(fd);
    const struct image_bytes *live = &descriptor->inode->live;
    if (fails(&hosts[descriptor->host]))
        return -1;
    size_t left = offset > live->length ? 0 : live->length - (size_t)offset;
    size_t taken = left < length ? left : length;
    if (taken > 0)
        memcpy(data, live->data + offset, taken);
    return (ssize_t)taken;
}

ssize_t files_write(int fd, const void *data, size_t length, uint64_t offset)
{
    struct descriptor *descriptor = descriptor_of(fd);
    struct host *host = &hosts[descriptor->host];
    if (fails(host))
        return -1;
    if (host->faults.is_full && offset + length > descriptor->inode->live.length)
        return fail(ENOSPC);
    effect_at(host);
    image_write(descriptor->inode, offset, data, length);
    return (ssize_t)length;
}

int files_truncate(int fd, uint64_t size)
{
    struct descriptor *descriptor = descriptor_of(fd);
    if (fails(&hosts[descriptor->host]))
        return -1;
    effect_at(&hosts[descriptor->host]);
    image_truncate(descriptor->inode, size);
    return 0;
}

uint64_t files_sync_begin(int fd)
{
    const struct image_inode *inode = descriptor_of(fd)->inode;
    return inode->changes_synced + inode->change_count;
}

/* Death may come right here too: its process never hears that it failed. */
static int fail_sync(struct host *host, struct image_inode *inode)
{
    host->faults.losses++;
    image_drop_changes(inode);
    inode->is_damaged = false;
    image_drop_some_changes(host->image);
    if (host->faults.dies_of_failed_sync) {
        host->faults.dies_of_failed_sync = false;
        host->faults.death_in = 1;
    }
    effect_at(host);
    return fail(EIO);
}

int files_sync_end(int fd, uint64_t mark)
{
    struct descriptor *descriptor = descriptor_of(fd);
    struct host *host = &hosts[descriptor->host];
    if (fails(host))
        return fail_sync(host, descriptor->inode);
    effect_at(host);
    if (host->faults.failing_sync > 0 || descriptor->inode->is_damaged) {
        host->faults.failing_sync -= host->faults.failing_sync > 0;
        return fail_sync(host, descriptor->inode);
    }
    image_sync(descriptor->inode, mark);
    return 0;
}

int files_sync(int fd)
{
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor->inode != NULL)
        return files_sync_end(fd, files_sync_begin(fd));
    if (fails(&hosts[descriptor->host]))
        return -1;
    effect_at(&hosts[descriptor->host]);
    image_sync_dir(hosts[descriptor->host].image, descriptor->dir);
    return 0;
}

void files_forget_cached(int fd, uint64_t offset)
{
    image_reread(descriptor_of(fd)->inode, offset);
}

int files_size(int fd, uint64_t *ret_size, bool *ret_is_dir)
{
    const struct descriptor *descriptor = descriptor_of(fd);
    if (fails(&hosts[descriptor->host]))
        return -1;
    *ret_is_dir = descriptor->inode == NULL;
    *ret_size = descriptor->inode == NULL ? 0 : descriptor->inode->live.length;
    return 0;
}

int files_stat(const char *path, uint64_t *ret_size, bool *ret_is_dir)
{
    if (fails(host_of(path)))
        return -1;
    const struct image_name *name = find_live(path);
    if (name == NULL)
        return fail(ENOENT);
    *ret_is_dir = name->is_dir;
    *ret_size = name->is_dir ? 0 : name->live->live.length;
    return 0;
}

/* ---- names ---- */

int files_rename(const char *from, const char *to)
{
    struct image *image = host_of(from)->image;
    struct image_name *old = find_live(from);
    if (fails(host_of(from)))
        return -1;
    if (old == NULL)
        return fail(ENOENT);
    effect_at(host_of(from));
    image_rename(image, image_find_or_add(image, to), old->live, old, NULL);
    return 0;
}

int files_unlink(const char *path)
{
    struct image_name *name = find_live(path);
    if (fails(host_of(path)))
        return -1;
    if (name == NULL)
        return fail(ENOENT);
    effect_at(host_of(path));
    image_rename(host_of(path)->image, name, NULL, NULL, NULL);
    return 0;
}

int files_mkdir(const char *path)
{
    if (find_live(path) != NULL)
        return fail(EEXIST);
    if (fails(host_of(path)))
        return -1;
    image_find_or_add(host_of(path)->image, path)->is_dir = true;
    return 0;
}

const char *files_list(const char *dir, size_t at)
{
    const struct image *image = host_of(dir)->image;
    for (size_t i = 0; i < image->name_count; i++)
        if (image->names[i].live != NULL && image_is_in(image->names[i].path, dir) && at-- == 0)
            return strrchr(image->names[i].path, '/') + 1;
    return NULL;
}

/* ---- looking, and foul play ---- */

bool files_look(const char *path, bool is_synced, const uint8_t **ret_data, size_t *ret_length)
{
    const struct host *host = host_of(path);
    struct image_name *name = image_find(host->after == NULL ? host->image : host->after, path);
    const struct image_inode *inode = name == NULL ? NULL : is_synced ? name->synced : name->live;
    if (inode == NULL)
        return false;
    const struct image_bytes *bytes = is_synced ? &inode->synced : &inode->live;
    *ret_data = bytes->data;
    *ret_length = bytes->length;
    return true;
}

void files_remove_all(const char *dir)
{
    struct image *image = host_of(dir)->image;
    for (size_t i = 0; i < image->name_count; i++)
        if (image_is_in(image->names[i].path, dir) && !image->names[i].is_dir)
            image_rename(image, &image->names[i], NULL, NULL, NULL);
    image_sync_dir(image, dir);
}

bool files_flip(const char *path, uint64_t offset)
{
    struct image_name *name = find_live(path);
    if (name == NULL || name->live->live.length == 0)
        return false;
    uint64_t at = offset % name->live->live.length;
    uint8_t byte = name->live->live.data[at] ^ (uint8_t)(1u << (offset & 7));
    image_write(name->live, at, &byte, 1);
    image_sync(name->live, UINT64_MAX);
    return true;
}
