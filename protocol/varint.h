/*
 * Variable-length integers of MySQL's serialization library: 1 to 9 bytes, little endian; the count of
 * trailing ones in the first byte is the count of bytes that follow. Used by GTID_TAGGED events and tagged
 * GTID sets. Signed ones carry the sign in the lowest bit, and the complement of a negative number above it.
 */
#ifndef ACKGATE_PROTOCOL_VARINT_H
#define ACKGATE_PROTOCOL_VARINT_H

#include "protocol/writer.h"

uint64_t varint_read(struct reader *reader);
int64_t varint_read_signed(struct reader *reader);
void varint_write(struct writer *writer, uint64_t value);
void varint_write_signed(struct writer *writer, int64_t value);

#endif
