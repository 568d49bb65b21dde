/* OpenSSL behind digest.h. */
#include "protocol/digest.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int success)
{
    if (success != 1) {
        fputs("ackgate: OpenSSL cannot hash or give random bytes\n", stderr);
        abort();
    }
}

static void hash(const EVP_MD *kind, const struct span *parts, size_t count, uint8_t *ret_digest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    must(EVP_DigestInit_ex(context, kind, NULL));
    for (size_t i = 0; i < count; i++)
        must(EVP_DigestUpdate(context, parts[i].data, parts[i].length));
    must(EVP_DigestFinal_ex(context, ret_digest, NULL));
    EVP_MD_CTX_free(context);
}

void digest_sha1(const struct span *parts, size_t count, uint8_t ret_digest[DIGEST_SHA1_BYTES])
{
    hash(EVP_sha1(), parts, count, ret_digest);
}

void digest_sha256(const struct span *parts, size_t count, uint8_t ret_digest[DIGEST_SHA256_BYTES])
{
    hash(EVP_sha256(), parts, count, ret_digest);
}

void digest_random(void *ret_bytes, size_t length_bytes)
{
    must(length_bytes <= INT_MAX && RAND_bytes(ret_bytes, (int)length_bytes) == 1);
}

bool digest_equal(const void *a, const void *b, size_t length_bytes)
{
    return CRYPTO_memcmp(a, b, length_bytes) == 0;
}

void digest_wipe(void *bytes, size_t length_bytes)
{
    OPENSSL_cleanse(bytes, length_bytes);
}

/* NULL: not a public key in PEM. */
static EVP_PKEY *read_key(struct span pem)
{
    if (pem.length == 0 || pem.length > INT_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    must(bio != NULL);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static enum result encrypt(EVP_PKEY *key, struct span message, uint8_t *ret_bytes, size_t *ret_length_bytes)
{
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return RESULT_MALFORMED;
    if (EVP_PKEY_get_size(key) > DIGEST_RSA_BYTES_MAX)
        return RESULT_TOO_LARGE;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    must(context != NULL);
    size_t length = DIGEST_RSA_BYTES_MAX;
    bool done = EVP_PKEY_encrypt_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_encrypt(context, ret_bytes, &length, message.data, message.length) == 1;
    EVP_PKEY_CTX_free(context);
    if (!done)
        return RESULT_TOO_LARGE;
    *ret_length_bytes = length;
    return RESULT_OK;
}

enum result digest_rsa_encrypt(struct span pem, struct span message, uint8_t ret_bytes[DIGEST_RSA_BYTES_MAX],
                               size_t *ret_length_bytes)
{
    EVP_PKEY *key = read_key(pem);
    if (key == NULL)
        return RESULT_MALFORMED;
    enum result result = encrypt(key, message, ret_bytes, ret_length_bytes);
    EVP_PKEY_free(key);
    return result;
}
