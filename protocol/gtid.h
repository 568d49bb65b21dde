/*
 * One global transaction identifier of either flavour.
 *
 * MySQL:   uuid:gno or uuid:tag:gno     (reference manual, "GTID Format and Storage")
 * MariaDB: domain-server-sequence       (knowledge base, "Global Transaction ID")
 * A plain value: copy it by assignment, compare it with gtid_equal() (memcmp would see padding).
 */
#ifndef ACKGATE_PROTOCOL_GTID_H
#define ACKGATE_PROTOCOL_GTID_H

#include "protocol/flavor.h"
#include "protocol/writer.h"

#define UUID_BYTES      16
#define UUID_TEXT_BYTES 36        /* without a NUL */
#define GTID_TAG_MAX    32        /* characters */
#define GTID_GNO_MAX    INT64_MAX /* the first number that is none: numbers go from 1 to GTID_GNO_MAX - 1 */
#define GTID_TEXT_MAX   96        /* bytes of the longest text and its NUL */

/* Who numbers MySQL transactions: server uuid and tag. The tag is lower case, empty for an untagged GTID. */
struct gtid_origin {
    uint8_t uuid[UUID_BYTES];
    uint8_t tag_length;
    char tag[GTID_TAG_MAX]; /* tag_length characters, the rest 0; no NUL promised */
};

struct gtid_mysql {
    struct gtid_origin origin;
    int64_t gno;
};

struct gtid_mariadb {
    uint32_t domain;
    uint32_t server;
    uint64_t seq;
};

struct gtid {
    enum flavor flavor; /* which member holds; FLAVOR_UNKNOWN: there is no GTID (an anonymous transaction) */
    union {
        struct gtid_mysql mysql;
        struct gtid_mariadb mariadb;
    };
};

#define GTID_NONE ((struct gtid){.flavor = FLAVOR_UNKNOWN})

struct gtid gtid_of_mysql(const struct gtid_origin *origin, int64_t gno);
struct gtid gtid_of_mariadb(uint32_t domain, uint32_t server, uint64_t seq);

bool gtid_is_none(const struct gtid *gtid);
bool gtid_equal(const struct gtid *a, const struct gtid *b);

/* Orders by uuid, then tag (the empty one first), as servers print sets. */
int gtid_origin_compare(const struct gtid_origin *a, const struct gtid_origin *b);

/* One GTID and nothing else, blanks around it allowed; RESULT_MALFORMED otherwise. */
MUST_CHECK enum result gtid_parse(enum flavor flavor, struct span text, struct gtid *ret_gtid);

/* The canonical text with a NUL; empty for GTID_NONE. Returns ret_text, for use in a call of a log function.
 */
const char *gtid_format(const struct gtid *gtid, char ret_text[GTID_TEXT_MAX]);

/* The same text without a NUL. */
void gtid_write(struct writer *writer, const struct gtid *gtid);
void gtid_origin_write(struct writer *writer, const struct gtid_origin *origin); /* uuid or uuid:tag */

/* 32 hexadecimal digits of either case, with dashes at 8-4-4-4-12. */
MUST_CHECK enum result uuid_parse(struct span text, uint8_t ret_uuid[UUID_BYTES]);
void uuid_format(const uint8_t uuid[UUID_BYTES],
                 char ret_text[UUID_TEXT_BYTES + 1]); /* lower case, with a NUL */

/* Stores a tag in lower case. RESULT_MALFORMED: not [a-z_][a-z0-9_]{0,31}, case folded. */
MUST_CHECK enum result gtid_origin_set_tag(struct gtid_origin *origin, struct span tag);

#endif
