/*
 * An RSA key pair of our own, for what caching_sha2_password and sha256_password do over connections without
 * TLS: the client asks for the public key, and sends the password encrypted with it (auth_sha2.h).
 *
 * With digest.h behind the fence around OpenSSL. A key may be used by several threads at once.
 */
#ifndef ACKGATE_PROTOCOL_RSA_KEY_H
#define ACKGATE_PROTOCOL_RSA_KEY_H

#include "protocol/error.h"
#include "protocol/reader.h"

#define RSA_KEY_PEM_MAX   2048 /* of the public key */
#define RSA_KEY_BYTES_MAX 1024 /* of a message: keys up to 8192 bits */

struct rsa_key;

struct rsa_key *rsa_key_generate(void); /* 2048 bits; takes about 0.1 s */
/* A private key in PEM. RESULT_IO: errno; RESULT_MALFORMED: not a private RSA key of 2048 to 8192 bits. */
MUST_CHECK enum result rsa_key_read(const char *file, struct rsa_key **ret_key);
void rsa_key_free(struct rsa_key **key);

/* The public key in PEM, as servers send it; lives as long as the key. */
struct span rsa_key_public(const struct rsa_key *key);
/* OAEP with SHA-1. RESULT_MALFORMED: not encrypted with this key. */
MUST_CHECK enum result rsa_key_decrypt(const struct rsa_key *key, struct span bytes,
                                       uint8_t ret_message[RSA_KEY_BYTES_MAX], size_t *ret_length_bytes);

#endif
