/*
 * What a cut takes away, as a list of byte ranges over the source's binlog files, and its copy into the file
 * that keeps it. Used by apply.c and torn_end.c.
 */
#ifndef ACKGATE_RECOVERY_CUT_COPY_H
#define ACKGATE_RECOVERY_CUT_COPY_H

#include "recovery/storage.h"

struct cut_range {
    char *path;
    uint64_t from, to; /* offsets in that file */
};

/* Zeroed is empty. */
struct cut_ranges {
    uint8_t *lead; /* bytes that come first in the copy and are in no file like that */
    size_t lead_length;
    struct cut_range *items;
    size_t count;
};

void cut_ranges_set_lead(struct cut_ranges *ranges, struct span lead);
/* Adds nothing when from is to. */
void cut_ranges_add(struct cut_ranges *ranges, const char *path, uint64_t from, uint64_t to);
void cut_ranges_release(struct cut_ranges *ranges);

/*
 * Makes lead and the ranges' bytes, one behind the other, durable in a file of this name; of a file that
 * begins with these bytes and goes on, nothing is changed (an earlier run copied it when there was more).
 * When a file of this name holds something else, a number is put behind the name. *ret_path is allocated. On
 * failure errno has the reason, and there is no file of the final name.
 */
MUST_CHECK enum result cut_ranges_keep(const struct cut_ranges *ranges, struct storage *storage,
                                       const char *dir, const char *path, char **ret_path);

#endif
