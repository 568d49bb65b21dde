/*
 * The state of a MariaDB binlog: the last GTID per domain and server, and which one came last in each domain.
 *
 * It is what a GTID_LIST event holds at a file's start, what @@gtid_binlog_state prints, and, with one GTID
 * per domain, what a replica sends as @slave_connect_state. Within one domain and server sequence numbers
 * only grow, so a last GTID stands for all before it. Updating a known domain and server allocates nothing.
 * No locking inside. MariaDB knowledge base: "Gtid_list_event", "Global Transaction ID".
 */
#ifndef ACKGATE_PROTOCOL_GTID_LIST_H
#define ACKGATE_PROTOCOL_GTID_LIST_H

#include "protocol/gtid.h"

#define GTID_LIST_COUNT_MAX 1048576u /* of a list that is parsed or decoded */

struct gtid_list {
    struct gtid_mariadb *gtids; /* sorted by domain; within a domain the one that came last stands last */
    size_t count;
    size_t room;
};

void gtid_list_init(struct gtid_list *list);
void gtid_list_release(struct gtid_list *list);
void gtid_list_clear(struct gtid_list *list);
void gtid_list_copy(struct gtid_list *list, const struct gtid_list *other);

/* gtid came after everything in its domain: it becomes the domain's last, and the last of its server (never
 * lower than it was: an older number only changes the order). */
void gtid_list_update(struct gtid_list *list, const struct gtid_mariadb *gtid);
/* gtid was at some time before what the list has: raises its server's number, but stays out of the domain's
 * last. */
void gtid_list_raise(struct gtid_list *list, const struct gtid_mariadb *gtid);
void gtid_list_add_list(struct gtid_list *list,
                        const struct gtid_list *other); /* updates with all of other's */

bool gtid_list_is_empty(const struct gtid_list *list);
bool gtid_list_equal(const struct gtid_list *a, const struct gtid_list *b);
/* The last GTID of a domain, or of a server in it; NULL when there is none. Valid until the list is changed.
 */
const struct gtid_mariadb *gtid_list_last(const struct gtid_list *list, uint32_t domain);
const struct gtid_mariadb *gtid_list_find(const struct gtid_list *list, uint32_t domain, uint32_t server);
bool gtid_list_contains(const struct gtid_list *list,
                        const struct gtid_mariadb *gtid); /* it, or a later one */
/* Every GTID of other is contained in list. */
bool gtid_list_contains_list(const struct gtid_list *list, const struct gtid_list *other);

/*
 * Whether a replica that has `replica` (one GTID per domain) finds all that it lacks in the file whose
 * GTID_LIST is file_start and those after it. False: an earlier file is needed. To find where to begin, go
 * from the newest file to the oldest and take the first for which this holds.
 */
bool gtid_list_serves(const struct gtid_list *file_start, const struct gtid_list *replica);

/* "0-1-8,1-2-5" with blanks around the parts, "" for none; a repeated server keeps its highest number and the
 * order of the text. Adds to list, which is unchanged on RESULT_MALFORMED. */
MUST_CHECK enum result gtid_list_parse(struct gtid_list *list, struct span text);
/* Walks over text without storing it; *ret_all: every visit returned true. Allocates nothing. */
typedef bool gtid_list_visit(void *context, const struct gtid_mariadb *gtid);
MUST_CHECK enum result gtid_list_parse_each(struct span text, gtid_list_visit *visit, void *context,
                                            bool *ret_all);

void gtid_list_write(struct writer *writer, const struct gtid_list *list); /* all, as @@gtid_binlog_state */
void gtid_list_write_last(struct writer *writer,
                          const struct gtid_list *list); /* one per domain, @@gtid_binlog_pos */
char *gtid_list_format(const struct gtid_list *list);    /* all; the caller frees it */

/* The body of a GTID_LIST event (163), without header and checksum: u32 (28 bits count, 4 bits flags), then
 * per GTID u32 domain, u32 server, u64 sequence. Decoding adds to list, unchanged on failure. */
MUST_CHECK enum result gtid_list_decode(struct gtid_list *list, struct span body);
void gtid_list_encode(struct writer *writer, const struct gtid_list *list);
size_t gtid_list_encoded_bytes(const struct gtid_list *list);

#endif
