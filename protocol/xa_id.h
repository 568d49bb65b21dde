/*
 * The name of a user's XA transaction (XID): format, global and branch part. MariaDB's GTID events carry it,
 * XA RECOVER lists it, XA COMMIT and XA ROLLBACK take it as text.
 */
#ifndef ACKGATE_PROTOCOL_XA_ID_H
#define ACKGATE_PROTOCOL_XA_ID_H

#include "protocol/reader.h"
#include "protocol/writer.h"

enum {
    XA_ID_PART_MAX = 64,                                    /* bytes of each part */
    XA_ID_TEXT_MAX = 2 * (2 * XA_ID_PART_MAX + 4) + 10 + 1, /* of xa_id_format(), with its NUL */
};

struct xa_id {
    uint32_t format;
    uint8_t global_bytes, branch_bytes;
    uint8_t data[2 * XA_ID_PART_MAX]; /* the global part, and behind it the branch; zeros follow */
};

bool xa_id_equal(const struct xa_id *a, const struct xa_id *b);

/* u32 format | u8 length of the global part | u8 of the branch | both. The reader fails on what cannot be. */
struct xa_id xa_id_decode(struct reader *reader);
void xa_id_encode(struct writer *writer, const struct xa_id *id);

/* X'61',X'62',1: as MariaDB writes it into its binlog, and as all servers read it. Returns ret_text. */
const char *xa_id_format(const struct xa_id *id, char ret_text[XA_ID_TEXT_MAX]);
/* A row of XA RECOVER: the numbers of its columns, and its data. False: they cannot be. */
bool xa_id_make(uint64_t format, uint64_t global_bytes, uint64_t branch_bytes, struct span data,
                struct xa_id *ret_id);

#endif
