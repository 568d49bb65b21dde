/*
 * The index of the source's binlog: the file base.index, one path a line, oldest first.
 *
 * A line counts only with its line end: a crash can tear the last one (MariaDB appends). MySQL writes the new
 * index beside the old one and renames; a crash in between leaves only base.index_crash_safe, which is then
 * read in its place, as the server does. Paths are as the server wrote them, relative ones to its data
 * directory.
 */
#ifndef ACKGATE_RECOVERY_BINLOG_INDEX_H
#define ACKGATE_RECOVERY_BINLOG_INDEX_H

#include "protocol/position.h"
#include "recovery/storage.h"

#define BINLOG_INDEX_MAX (64u * 1024 * 1024) /* bytes; a longer index is refused */

struct binlog_index_line {
    char *path;       /* to open it */
    const char *name; /* within path, without directories */
    uint64_t number;  /* of the file */
    uint64_t start;   /* offset of the line in the index */
};

struct binlog_index {
    char *path;                      /* of the index that was read */
    char *base;                      /* what the files are called before their number; "" without lines */
    struct binlog_index_line *lines; /* numbers rise; in front of a gap they may be missing on disk */
    size_t count;
    uint64_t end;  /* offset behind the last whole line */
    uint64_t size; /* of the index file; more than end: a torn line */
};

/*
 * Reads it. RESULT_NOT_FOUND, RESULT_TOO_LARGE; RESULT_DAMAGED: a line is no binlog file's name, or names and
 * numbers are not in order; the index is then zeroed.
 */
MUST_CHECK enum result binlog_index_read(struct storage *storage, const char *path, const char *datadir,
                                         struct binlog_index *index);
void binlog_index_release(struct binlog_index *index);

/* The first line whose number is this or higher; count when there is none. */
size_t binlog_index_find(const struct binlog_index *index, uint64_t number);

/* The directory part of a path, allocated; "." when it has none. */
char *path_directory(const char *path);

#endif
