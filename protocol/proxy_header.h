/*
 * The header of the PROXY protocol, in which a proxy says whose connection it passes on: versions 1 (a line
 * of text) and 2 (binary) are read, version 2 is written.
 *
 * Specification: "The PROXY protocol, Versions 1 & 2" (HAProxy). It stands in front of everything else that
 * the proxy sends. Only TCP over IPv4 and IPv6 names somebody; what else the specification allows (LOCAL,
 * UNKNOWN, Unix sockets) leaves the connection as it is, and its own address is the peer's. Additions to
 * version 2 (TLVs) are walked over; their checksum is not looked at.
 */
#ifndef ACKGATE_PROTOCOL_PROXY_HEADER_H
#define ACKGATE_PROTOCOL_PROXY_HEADER_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

enum {
    PROXY_HEADER_MAX = 4096,       /* bytes that are read of one; the specification's own example is 536 */
    PROXY_HEADER_ENCODED_MAX = 52, /* bytes that are written */
    PROXY_HEADER_START_BYTES = 4,  /* tell a header from a login: the fourth is no login's number */
    PROXY_ADDRESS_BYTES = 16
};

enum proxy_kind { PROXY_KIND_LOCAL, PROXY_KIND_TCP4, PROXY_KIND_TCP6 };

struct proxy_end {
    uint8_t address[PROXY_ADDRESS_BYTES]; /* in network order; of IPv4 the first four */
    uint16_t port;
};

struct proxy_header {
    enum proxy_kind kind; /* LOCAL: source and destination say nothing */
    struct proxy_end source;
    struct proxy_end destination;
};

/* Whether bytes begin like a header of either version, as far as they go; no login begins like that. */
bool proxy_header_is_start(struct span bytes);
/*
 * RESULT_OK: *ret_length bytes are the header. RESULT_AGAIN: it has not come whole. RESULT_MALFORMED: it is
 * none. RESULT_TOO_LARGE: it says that it is longer than PROXY_HEADER_MAX.
 */
MUST_CHECK enum result proxy_header_decode(struct span bytes, struct proxy_header *ret_header,
                                           size_t *ret_length_bytes);
void proxy_header_encode(struct writer *writer, const struct proxy_header *header);

#endif
