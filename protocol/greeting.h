/*
 * The server's first packet. Manual: "Protocol::HandshakeV10"; MariaDB: "Initial Handshake Packet".
 *
 * MariaDB's extended capabilities stand in the last 4 of the 10 reserved bytes, and only count while the
 * LONG_PASSWORD bit is unset. The client's answer is in login.h, the exchange after it in auth_packet.h.
 */
#ifndef ACKGATE_PROTOCOL_GREETING_H
#define ACKGATE_PROTOCOL_GREETING_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

#define SCRAMBLE_BYTES 20

struct greeting {
    struct span server_version;
    uint32_t thread_id; /* the low 32 bits of the connection id */
    uint8_t scramble[SCRAMBLE_BYTES];
    uint64_t capabilities; /* CAP_* */
    uint16_t status;       /* STATUS_* */
    uint8_t charset;
    struct span plugin; /* default authentication plugin; empty without CAP_PLUGIN_AUTH */
};

/*
 * Spans point into the payload. RESULT_UNSUPPORTED: another protocol version, or a server without the 4.1
 * protocol or the 20-byte scramble. An ERR packet in place of a greeting (too many connections) is
 * RESULT_MALFORMED here: look with response_is_error() first.
 */
MUST_CHECK enum result greeting_decode(struct span payload, struct greeting *ret_greeting);
/* The extended capabilities are written if LONG_PASSWORD is not among the capabilities. */
void greeting_encode(struct writer *writer, const struct greeting *greeting);

/*
 * Clears all capabilities but those in keep, and sets those in add, in place; nothing else changes, so what
 * the server said besides gets to the client as it is. CAP_LONG_PASSWORD stays as it is. Capabilities that
 * shape the greeting itself (CAP_PLUGIN_AUTH, CAP_SECURE_CONNECTION, CAP_PROTOCOL_41) must be in keep and not
 * in add.
 */
MUST_CHECK enum result greeting_change_capabilities(uint8_t *payload, size_t length_bytes, uint64_t keep,
                                                    uint64_t add);

/* A scramble as servers make it: 20 random bytes, none of them NUL or '$'. */
void greeting_scramble_random(uint8_t ret_scramble[SCRAMBLE_BYTES]);

#endif
