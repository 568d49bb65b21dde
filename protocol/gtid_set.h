/*
 * A set of MySQL GTIDs: for every origin (uuid and tag) sorted, disjoint, non-touching intervals [start,
 * end).
 *
 * The set of everything confirmed is one of these: adding the next GTID of an origin extends its last
 * interval without allocation, contains is a binary search. No locking inside: who shares a set between
 * threads guards it. Text and binary forms as the servers have them (sql/rpl_gtid_set.cc): reference manual
 * "GTID Sets".
 */
#ifndef ACKGATE_PROTOCOL_GTID_SET_H
#define ACKGATE_PROTOCOL_GTID_SET_H

#include "protocol/gtid.h"

#define GTID_SET_INTERVALS_MAX 16777216u /* of a set that is parsed or decoded */

struct gtid_interval {
    int64_t start; /* 1 or more */
    int64_t end;   /* the first number not in it, up to GTID_GNO_MAX */
};

struct gtid_set_origin {
    struct gtid_origin origin;
    struct gtid_interval *intervals;
    size_t count;
    size_t room;
};

struct gtid_set {
    struct gtid_set_origin *origins; /* sorted by gtid_origin_compare(), none without intervals */
    size_t count;
    size_t room;
};

void gtid_set_init(struct gtid_set *set);
void gtid_set_release(struct gtid_set *set); /* frees all; the set is as after init */
void gtid_set_clear(struct gtid_set *set);   /* empties it */
void gtid_set_copy(struct gtid_set *set, const struct gtid_set *other); /* set becomes equal to other */
void gtid_set_move(struct gtid_set *set, struct gtid_set *other);       /* other is empty afterwards */

void gtid_set_add(struct gtid_set *set, const struct gtid_mysql *gtid);
/* Adds [start, end); 1 <= start < end <= GTID_GNO_MAX is asserted. */
void gtid_set_add_range(struct gtid_set *set, const struct gtid_origin *origin, int64_t start, int64_t end);
void gtid_set_add_set(struct gtid_set *set, const struct gtid_set *other);
void gtid_set_subtract(struct gtid_set *set, const struct gtid_set *other);

bool gtid_set_is_empty(const struct gtid_set *set);
bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b);
bool gtid_set_contains(const struct gtid_set *set, const struct gtid_mysql *gtid);
bool gtid_set_contains_range(const struct gtid_set *set, const struct gtid_origin *origin, int64_t start,
                             int64_t end);
bool gtid_set_contains_set(const struct gtid_set *set,
                           const struct gtid_set *other); /* other is a subset of set */
bool gtid_set_intersects(const struct gtid_set *a, const struct gtid_set *b);
uint64_t gtid_set_count(const struct gtid_set *set); /* GTIDs in it; stops at UINT64_MAX */
/* The highest number of an origin, 0 when it has none. */
int64_t gtid_set_last(const struct gtid_set *set, const struct gtid_origin *origin);

/*
 * Text as servers print it and take it: blanks and newlines between words, empty parts between commas, hex
 * digits of either case, tags ("uuid:1-3:5:tag:7"). An interval that ends before it starts is empty, as for
 * the servers. Adds to set, which is unchanged on RESULT_MALFORMED.
 */
MUST_CHECK enum result gtid_set_parse(struct gtid_set *set, struct span text);

/* The text in one line, "" for the empty set: "uuid:1-3:5:tag:7,uuid:1". */
void gtid_set_write(struct writer *writer, const struct gtid_set *set);
char *gtid_set_format(const struct gtid_set *set); /* the same, with a NUL; the caller frees it */

/*
 * Walks over text without storing it: calls visit for every interval until it returns false. RESULT_MALFORMED
 * as above. *ret_all tells whether every visit returned true. Allocates nothing.
 */
typedef bool gtid_set_visit(void *context, const struct gtid_origin *origin, int64_t start, int64_t end);
MUST_CHECK enum result gtid_set_parse_each(struct span text, gtid_set_visit *visit, void *context,
                                           bool *ret_all);

/*
 * The binary form of COM_BINLOG_DUMP_GTID and of PREVIOUS_GTIDS: u64 head, then per origin uuid, (tag,) u64
 * number of intervals, and per interval u64 start, u64 end (excluded). In the untagged form the head is the
 * number of origins; in the tagged form (MySQL 8.3 and later, written only when a tag is there) its first and
 * last byte are 1 and the 6 bytes between are the number of origins. Decoding adds to set, which is unchanged
 * on failure; the bytes have to end with the set.
 */
MUST_CHECK enum result gtid_set_decode(struct gtid_set *set, struct span bytes);
void gtid_set_encode(struct writer *writer, const struct gtid_set *set);
size_t gtid_set_encoded_bytes(const struct gtid_set *set); /* what gtid_set_encode() is going to write */
bool gtid_set_has_tags(const struct gtid_set *set);

#endif
