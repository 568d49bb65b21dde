/* The image of image.h. */
#include "test/sim/image.h"

#include "protocol/xalloc.h"
#include "test/sim/dice.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512 };

/* ---- bytes ---- */

static void resize(struct image_bytes *bytes, size_t length)
{
    if (length > bytes->room) {
        bytes->room = length * 2 + 64;
        bytes->data = xrealloc(bytes->data, bytes->room);
    }
    if (length > bytes->length)
        memset(bytes->data + bytes->length, 0, length - bytes->length);
    bytes->length = length;
}

static void put(struct image_bytes *bytes, uint64_t offset, const uint8_t *data, size_t length)
{
    if (length == 0)
        return;
    if (offset + length > bytes->length)
        resize(bytes, (size_t)offset + length);
    memcpy(bytes->data + offset, data, length);
}

static void copy_bytes(struct image_bytes *to, const struct image_bytes *from)
{
    to->length = 0;
    put(to, 0, from->data, from->length);
    to->length = from->length;
}

/* ---- files ---- */

static void apply(struct image_bytes *bytes, const struct image_change *change)
{
    if (change->data == NULL)
        resize(bytes, (size_t)change->offset);
    else
        put(bytes, change->offset, change->data, change->length);
}

static struct image_change *add_change(struct image_inode *inode)
{
    if (inode->change_count == inode->change_room) {
        inode->change_room = inode->change_room * 2 + 8;
        inode->changes = xrealloc(inode->changes, inode->change_room * sizeof(*inode->changes));
    }
    return &inode->changes[inode->change_count++];
}

void image_write(struct image_inode *inode, uint64_t offset, const void *data, size_t length)
{
    struct image_change *change = add_change(inode);
    *change = (struct image_change){offset, xmalloc(length + 1), length};
    if (length > 0)
        memcpy(change->data, data, length);
    apply(&inode->live, change);
}

void image_truncate(struct image_inode *inode, uint64_t size)
{
    struct image_change *change = add_change(inode);
    *change = (struct image_change){size, NULL, 0};
    apply(&inode->live, change);
}

void image_sync(struct image_inode *inode, uint64_t mark)
{
    size_t count = 0;
    while (count < inode->change_count && inode->changes_synced < mark) {
        apply(&inode->synced, &inode->changes[count]);
        free(inode->changes[count++].data);
        inode->changes_synced++;
    }
    if (count == 0)
        return;
    inode->change_count -= count;
    memmove(inode->changes, inode->changes + count, inode->change_count * sizeof(*inode->changes));
}

void image_drop_changes(struct image_inode *inode)
{
    for (size_t i = 0; i < inode->change_count; i++)
        free(inode->changes[i].data);
    inode->changes_synced += inode->change_count;
    inode->change_count = 0;
}

void image_drop_some_changes(struct image *image)
{
    for (size_t i = 0; i < image->inode_count; i++) {
        struct image_inode *inode = image->inodes[i];
        if (inode->change_count == 0 || dice_chance(500))
            continue;
        image_drop_changes(inode);
        inode->is_damaged = true;
    }
}

void image_reread(struct image_inode *inode, uint64_t offset)
{
    struct image_bytes cached = inode->live;
    inode->live = (struct image_bytes){NULL, 0, 0};
    copy_bytes(&inode->live, &inode->synced);
    for (size_t i = 0; i < inode->change_count; i++)
        apply(&inode->live, &inode->changes[i]);
    put(&inode->live, 0, cached.data, cached.length < offset ? cached.length : (size_t)offset);
    free(cached.data);
}

/* ---- the whole ---- */

struct image *image_new(void)
{
    return xcalloc(1, sizeof(struct image));
}

static void free_inode(struct image_inode *inode)
{
    image_drop_changes(inode);
    free(inode->changes);
    free(inode->live.data);
    free(inode->synced.data);
    free(inode);
}

void image_free(struct image **image)
{
    for (size_t i = 0; *image != NULL && i < (*image)->inode_count; i++)
        free_inode((*image)->inodes[i]);
    free(*image);
    *image = NULL;
}

static struct image_inode *copy_inode(const struct image_inode *inode)
{
    struct image_inode *copy = xcalloc(1, sizeof(*copy));
    copy_bytes(&copy->live, &inode->live);
    copy_bytes(&copy->synced, &inode->synced);
    copy->changes_synced = inode->changes_synced;
    copy->is_damaged = inode->is_damaged;
    for (size_t i = 0; i < inode->change_count; i++) {
        struct image_change *change = add_change(copy);
        *change = inode->changes[i];
        if (change->data != NULL) {
            change->data = xmalloc(change->length + 1);
            memcpy(change->data, inode->changes[i].data, change->length);
        }
    }
    return copy;
}

static struct image_inode *find_copy(const struct image *from, const struct image *to,
                                     const struct image_inode *inode)
{
    for (size_t i = 0; inode != NULL && i < from->inode_count; i++)
        if (from->inodes[i] == inode)
            return to->inodes[i];
    return NULL;
}

struct image *image_copy(const struct image *image)
{
    struct image *copy = xmalloc(sizeof(*copy));
    *copy = *image;
    for (size_t i = 0; i < image->inode_count; i++)
        copy->inodes[i] = copy_inode(image->inodes[i]);
    for (size_t i = 0; i < image->name_count; i++) {
        copy->names[i].live = find_copy(image, copy, image->names[i].live);
        copy->names[i].synced = find_copy(image, copy, image->names[i].synced);
    }
    for (size_t i = 0; i < image->op_count; i++) {
        for (size_t j = 0; j < 2; j++) {
            const struct image_op *op = &image->ops[i];
            copy->ops[i].names[j] = op->names[j] == NULL ? NULL : copy->names + (op->names[j] - image->names);
            copy->ops[i].inodes[j] = find_copy(image, copy, op->inodes[j]);
        }
    }
    return copy;
}

/* ---- names ---- */

struct image_name *image_find(struct image *image, const char *path)
{
    for (size_t i = 0; i < image->name_count; i++)
        if (strcmp(image->names[i].path, path) == 0)
            return &image->names[i];
    return NULL;
}

struct image_name *image_find_or_add(struct image *image, const char *path)
{
    struct image_name *name = image_find(image, path);
    if (name != NULL)
        return name;
    assert(image->name_count < IMAGE_NAMES_MAX);
    name = &image->names[image->name_count++];
    *name = (struct image_name){.is_dir = false};
    int length = snprintf(name->path, sizeof(name->path), "%s", path);
    assert(length < IMAGE_PATH_MAX);
    (void)length;
    return name;
}

struct image_inode *image_add_inode(struct image *image)
{
    assert(image->inode_count < IMAGE_INODES_MAX);
    return image->inodes[image->inode_count++] = xcalloc(1, sizeof(struct image_inode));
}

bool image_is_in(const char *path, const char *dir)
{
    size_t length = strlen(dir);
    return strncmp(path, dir, length) == 0 && path[length] == '/' && strchr(path + length + 1, '/') == NULL;
}

void image_rename(struct image *image, struct image_name *first, struct image_inode *first_inode,
                  struct image_name *second, struct image_inode *second_inode)
{
    assert(image->op_count < IMAGE_OPS_MAX);
    image->ops[image->op_count++] = (struct image_op){
        {first,       second      },
        {first_inode, second_inode}
    };
    first->live = first_inode;
    if (second != NULL)
        second->live = second_inode;
}

static void settle(const struct image_op *op)
{
    for (size_t i = 0; i < 2; i++)
        if (op->names[i] != NULL)
            op->names[i]->synced = op->inodes[i];
}

void image_sync_dir(struct image *image, const char *dir)
{
    size_t kept = 0;
    for (size_t i = 0; i < image->op_count; i++) {
        if (image_is_in(image->ops[i].names[0]->path, dir))
            settle(&image->ops[i]);
        else
            image->ops[kept++] = image->ops[i];
    }
    image->op_count = kept;
}

void image_reread_all(struct image *image)
{
    for (size_t i = 0; i < image->inode_count; i++) {
        image_reread(image->inodes[i], 0);
        image->inodes[i]->is_damaged = false; /* Linux forgets that together with the rest */
    }
}

/* ---- no power ---- */

/* What was being written behind the old end of the file may come out as anything; inside it, a sector is the
 * old or the new one. */
static void suffer(struct image_inode *inode, struct image_change *change)
{
    bool is_inside = change->data != NULL && change->offset + change->length <= inode->synced.length &&
                     change->length <= SECTOR_BYTES;
    switch (dice_below(change->data == NULL || is_inside ? 2 : 4)) {
    case 0:
        apply(&inode->synced, change);
        break;
    case 1:
        break;
    case 2: /* torn */
        change->length = (size_t)dice_below(change->length + 1);
        if (change->offset + change->length <= inode->synced.length)
            change->length -= change->length % SECTOR_BYTES;
        apply(&inode->synced, change);
        break;
    default: /* garbled */
        for (size_t i = (size_t)dice_below(change->length + 1); i < change->length; i++)
            change->data[i] = dice_chance(500) ? 0 : (uint8_t)dice_next();
        apply(&inode->synced, change);
    }
}

static void lose_changes(struct image_inode *inode, bool keeps_order)
{
    size_t kept = dice_chance(250) ? inode->change_count : 0;
    if (keeps_order)
        kept = (size_t)dice_below(inode->change_count + 1);
    for (size_t i = 0; i < inode->change_count; i++) {
        if (i < kept)
            apply(&inode->synced, &inode->changes[i]);
        else if (!keeps_order || i == kept)
            suffer(inode, &inode->changes[i]);
    }
    image_drop_changes(inode);
    inode->is_damaged = false;
    copy_bytes(&inode->live, &inode->synced);
}

void image_lose_power(struct image *image, bool keeps_order)
{
    size_t kept = (size_t)dice_below(image->op_count + 1);
    for (size_t i = 0; i < kept; i++)
        settle(&image->ops[i]);
    image->op_count = 0;
    for (size_t i = 0; i < image->name_count; i++)
        image->names[i].live = image->names[i].synced;
    for (size_t i = 0; i < image->inode_count; i++)
        lose_changes(image->inodes[i], keeps_order);
}
