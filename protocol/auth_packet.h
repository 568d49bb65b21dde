/*
 * The packets of the authentication exchange after the login.
 *
 * Manual: "Protocol::AuthSwitchRequest", "Protocol::AuthMoreData", "Protocol::AuthNextFactor". The exchange
 * goes on, one packet each way, until the server sends OK or ERR (response.h). Packets from the client have
 * no header byte.
 */
#ifndef ACKGATE_PROTOCOL_AUTH_PACKET_H
#define ACKGATE_PROTOCOL_AUTH_PACKET_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

enum auth_packet_kind {
    AUTH_PACKET_OK,          /* 0x00: logged in */
    AUTH_PACKET_ERR,         /* 0xFF: refused, the server closes */
    AUTH_PACKET_SWITCH,      /* 0xFE: another plugin, the client answers */
    AUTH_PACKET_MORE,        /* 0x01: plugin data; whether the client answers is the plugin's affair */
    AUTH_PACKET_NEXT_FACTOR, /* 0x02: multi-factor authentication goes on, like a switch */
    AUTH_PACKET_INVALID
};

enum auth_packet_kind auth_packet_kind(struct span payload);

struct auth_switch {
    struct span plugin;
    struct span data; /* a scramble usually; the NUL that ends it is left out */
};

/* Also decodes an AuthNextFactor. RESULT_UNSUPPORTED: the one-byte switch to the password hash of before 4.1.
 */
MUST_CHECK enum result auth_switch_decode(struct span payload, struct auth_switch *ret_switch);
/* Writes an AuthSwitchRequest, with the NUL after the data. */
void auth_switch_encode(struct writer *writer, const struct auth_switch *auth_switch);

MUST_CHECK enum result auth_more_decode(struct span payload, struct span *ret_data);
void auth_more_encode(struct writer *writer, struct span data);

#endif
