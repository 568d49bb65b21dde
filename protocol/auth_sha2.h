/*
 * caching_sha2_password, client's and server's side.
 *
 * Manual: "Caching_sha2_password information". Fast way: the client sends SHA256(password) XOR
 * SHA256(SHA256(SHA256(password)) + scramble); a server that keeps SHA256(SHA256(password)) can check it: it
 * answers AuthMoreData 3 and then OK. A server that does not keep it answers AuthMoreData 4; the client then
 * sends the password with a NUL, in clear over TLS or a unix socket, else XORed with the scramble and
 * encrypted with the server's public key, which it may ask for with the packet 2. Ackgate's own ports always
 * keep it, so they need the fast way only.
 * An empty password is an empty response; libmysqlclient sends a single NUL byte for it.
 */
#ifndef ACKGATE_PROTOCOL_AUTH_SHA2_H
#define ACKGATE_PROTOCOL_AUTH_SHA2_H

#include "protocol/digest.h"
#include "protocol/greeting.h"
#include "protocol/reader.h"

#define AUTH_SHA2_BYTES        32 /* of the fast response and of what is stored */
#define AUTH_SHA2_PASSWORD_MAX 255

/* The packets of one byte: from the client, and within AuthMoreData from the server. */
#define AUTH_SHA2_REQUEST_KEY 0x02
#define AUTH_SHA2_FAST_OK     0x03
#define AUTH_SHA2_FULL        0x04

/* SHA256(SHA256(password)). */
void auth_sha2_store(struct span password, uint8_t ret_stored[AUTH_SHA2_BYTES]);
/* The client's fast response; for a non-empty password. */
void auth_sha2_respond(struct span password, const uint8_t scramble[SCRAMBLE_BYTES],
                       uint8_t ret_response[AUTH_SHA2_BYTES]);
/* False for a response of another length, so for an empty one too. */
bool auth_sha2_verify(struct span response, const uint8_t scramble[SCRAMBLE_BYTES],
                      const uint8_t stored[AUTH_SHA2_BYTES]);

/* sha256_password has only the full way, and another byte for the same. */
#define AUTH_SHA256_REQUEST_KEY 0x01

/*
 * The full way without TLS: the password with its NUL, XORed with the scramble, encrypted with the server's
 * key (the data of the AuthMoreData that answered AUTH_SHA2_REQUEST_KEY). Results as of digest_rsa_encrypt();
 * RESULT_TOO_LARGE: a password over AUTH_SHA2_PASSWORD_MAX bytes.
 */
MUST_CHECK enum result auth_sha2_encrypt(struct span password, const uint8_t scramble[SCRAMBLE_BYTES],
                                         struct span pem, uint8_t ret_bytes[DIGEST_RSA_BYTES_MAX],
                                         size_t *ret_length_bytes);
/* The server's part of it: the password without its NUL. RESULT_MALFORMED: it was not encrypted with this key
 * and scramble. */
struct rsa_key;
MUST_CHECK enum result auth_sha2_decrypt(const struct rsa_key *key, const uint8_t scramble[SCRAMBLE_BYTES],
                                         struct span encrypted,
                                         uint8_t ret_password[AUTH_SHA2_PASSWORD_MAX + 1],
                                         size_t *ret_length_bytes);

#endif
