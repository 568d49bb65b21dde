/*
 * What a client says about itself: HandshakeResponse41, SSLRequest, COM_CHANGE_USER.
 *
 * Manual: "Protocol::HandshakeResponse41", "Protocol::SSLRequest", "COM_CHANGE_USER"; MariaDB: "Handshake
 * Response Packet". MariaDB's clients leave LONG_PASSWORD unset and put their extended capabilities into the
 * last 4 of the 23 reserved bytes; the bits are only valid if the server's greeting offered them.
 */
#ifndef ACKGATE_PROTOCOL_LOGIN_H
#define ACKGATE_PROTOCOL_LOGIN_H

#include "protocol/constants.h"
#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

#define SSL_REQUEST_BYTES 32

struct login {
    uint64_t capabilities; /* CAP_* */
    uint32_t packet_max_bytes;
    uint16_t charset; /* one byte on the wire, except in COM_CHANGE_USER */
    struct span user;
    struct span auth_response;
    struct span database;   /* empty: none */
    struct span plugin;     /* empty: none named */
    struct span attributes; /* the key/value pairs, raw, without the length before them */
    uint8_t zstd_level;     /* with CAP_ZSTD */
};

/*
 * Spans point into the payload. A missing plugin name, attributes or level at the end is taken as empty, as
 * servers do. RESULT_UNSUPPORTED: the response of before MySQL 4.1 (HandshakeResponse320).
 */
MUST_CHECK enum result login_decode(struct span payload, struct login *ret_login);
/* Fields are written as the capabilities say; an auth response must fit the form (255 bytes, or no NUL). */
void login_encode(struct writer *writer, const struct login *login);

/*
 * Sets and clears capabilities in place, in a HandshakeResponse41 or SSLRequest; nothing else changes. add
 * and remove must not hold a flag that has a field of its own or shapes one (LOGIN_CAPS_WITH_FIELDS),
 * except that CAP_ZSTD may be removed: its level stands last, where servers do not look without the flag.
 * Extended bits are written only where the client uses them, that is without CAP_LONG_PASSWORD.
 */
#define LOGIN_CAPS_WITH_FIELDS                                                                               \
    (CAP_LONG_PASSWORD | CAP_CONNECT_WITH_DB | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH |   \
     CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC | CAP_ZSTD)
MUST_CHECK enum result login_change_capabilities(uint8_t *payload, size_t length_bytes, uint64_t add,
                                                 uint64_t remove);

/* True for the 32-byte packet after which the client starts TLS; its capabilities can then be read with
 * ssl_request_decode(). */
bool login_is_ssl_request(struct span payload);
MUST_CHECK enum result ssl_request_decode(struct span payload, struct login *ret_login);
/* Writes the first 32 bytes of the login, with CAP_SSL, which must be among its capabilities. */
void ssl_request_encode(struct writer *writer, const struct login *login);

/* COM_CHANGE_USER with its command byte, under the capabilities agreed at login, which the result carries. */
MUST_CHECK enum result change_user_decode(struct span payload, uint64_t capabilities,
                                          struct login *ret_login);
void change_user_encode(struct writer *writer, const struct login *login);

#endif
