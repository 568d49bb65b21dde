/*
 * Hashes, random bytes and RSA: the only file that knows OpenSSL's digest interface.
 *
 * Used by the authentication plugins. A failure of the library itself (no randomness, no SHA-1) cannot be
 * worked around and ends the process; a key from a peer that cannot be used is a result.
 */
#ifndef ACKGATE_PROTOCOL_DIGEST_H
#define ACKGATE_PROTOCOL_DIGEST_H

#include "protocol/error.h"
#include "protocol/reader.h"

#define DIGEST_SHA1_BYTES    20
#define DIGEST_SHA256_BYTES  32
#define DIGEST_RSA_BYTES_MAX 1024 /* an RSA ciphertext: keys up to 8192 bits */

/* The hash of all parts, one after the other. */
void digest_sha1(const struct span *parts, size_t count, uint8_t ret_digest[DIGEST_SHA1_BYTES]);
void digest_sha256(const struct span *parts, size_t count, uint8_t ret_digest[DIGEST_SHA256_BYTES]);

void digest_random(void *ret_bytes, size_t length_bytes);
/* In constant time. */
bool digest_equal(const void *a, const void *b, size_t length_bytes);
/* Overwrites a secret; not optimised away. */
void digest_wipe(void *bytes, size_t length_bytes);

/*
 * RSA-OAEP (SHA-1, as caching_sha2_password wants it) with a public key in PEM. RESULT_MALFORMED: not such a
 * key; RESULT_TOO_LARGE: the key is over 8192 bits, or the message does not fit it.
 */
MUST_CHECK enum result digest_rsa_encrypt(struct span pem, struct span message,
                                          uint8_t ret_bytes[DIGEST_RSA_BYTES_MAX], size_t *ret_length_bytes);

#endif
