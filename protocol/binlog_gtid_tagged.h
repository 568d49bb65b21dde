/*
 * The body of GTID_TAGGED (42), in the message format of MySQL's serialization library.
 *
 * message = varint format version | varint size of the message | varint id of the last field that must not be
 * ignored | fields, each a varint id and its data. Ids rise; a field that is not needed is left out. All
 * integers are varints (varint.h). binlog_gtid_decode() and _encode() call these.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_GTID_TAGGED_H
#define ACKGATE_PROTOCOL_BINLOG_GTID_TAGGED_H

#include "protocol/binlog_gtid.h"

/* RESULT_UNSUPPORTED: another format version, or an unknown field that must not be ignored. */
MUST_CHECK enum result binlog_gtid_tagged_decode(struct span body, struct binlog_gtid *gtid);
void binlog_gtid_tagged_encode(struct writer *writer, const struct binlog_gtid *gtid);

#endif
