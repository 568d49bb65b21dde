/*
 * A disk's contents for files.c: files with their held writes, names with their held changes, and what a
 * loss of power makes of both.
 */
#ifndef ACKGATE_TEST_SIM_IMAGE_H
#define ACKGATE_TEST_SIM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_NAMES_MAX = 256, IMAGE_PATH_MAX = 112, IMAGE_OPS_MAX = 512, IMAGE_INODES_MAX = 4096 };

struct image_bytes {
    uint8_t *data;
    size_t length;
    size_t room;
};

/* A held write, or (data NULL) a held truncation to offset. */
struct image_change {
    uint64_t offset;
    uint8_t *data;
    size_t length;
};

struct image_inode {
    struct image_bytes live;
    struct image_bytes synced;
    struct image_change *changes;
    size_t change_count;
    size_t change_room;
    uint64_t changes_synced; /* ever taken off the front of the list */
    bool is_damaged;         /* some were lost on their way to the disk, and no sync has said so yet */
};

struct image_name {
    char path[IMAGE_PATH_MAX];
    bool is_dir;
    struct image_inode *live;   /* NULL: no such name */
    struct image_inode *synced; /* the same as of the last sync of the directory */
};

/* Names in one directory change together: a rename is one change of two. */
struct image_op {
    struct image_name *names[2];
    struct image_inode *inodes[2];
};

struct image {
    struct image_name names[IMAGE_NAMES_MAX];
    size_t name_count;
    struct image_inode *inodes[IMAGE_INODES_MAX]; /* all there ever were */
    size_t inode_count;
    struct image_op ops[IMAGE_OPS_MAX];
    size_t op_count;
};

struct image *image_new(void);
void image_free(struct image **image);
struct image *image_copy(const struct image *image);

struct image_name *image_find(struct image *image, const char *path); /* NULL: never there */
struct image_name *image_find_or_add(struct image *image, const char *path);
struct image_inode *image_add_inode(struct image *image);
bool image_is_in(const char *path, const char *dir);
/* A change of names: to what each stands for now; the second may be NULL. */
void image_rename(struct image *image, struct image_name *first, struct image_inode *first_inode,
                  struct image_name *second, struct image_inode *second_inode);
void image_sync_dir(struct image *image, const char *dir);

void image_write(struct image_inode *inode, uint64_t offset, const void *data, size_t length);
void image_truncate(struct image_inode *inode, uint64_t size);
/* Makes the first changes, up to the mark (as changes_synced counts), durable. */
void image_sync(struct image_inode *inode, uint64_t mark);
void image_drop_changes(struct image_inode *inode);
/* A disk that fails loses what it is given: what is held of some files goes, too. */
void image_drop_some_changes(struct image *image);
/* From the offset on, what is on the disk, and what is held. */
void image_reread(struct image_inode *inode, uint64_t offset);

/* What is in no cache any more is read from the disk again. */
void image_reread_all(struct image *image);

/* keeps_order: of a file, what was written first is on the disk first. */
void image_lose_power(struct image *image, bool keeps_order);

#endif
