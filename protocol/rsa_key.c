/* OpenSSL behind rsa_key.h. */
#include "protocol/rsa_key.h"

#include "protocol/xalloc.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GENERATED_BITS = 2048, BITS_MAX = 8192 };

struct rsa_key {
    EVP_PKEY *pair;
    char pem[RSA_KEY_PEM_MAX];
    size_t pem_length;
};

static void must(int success)
{
    if (success != 1) {
        fputs("ackgate: OpenSSL cannot make or write an RSA key\n", stderr);
        abort();
    }
}

static struct rsa_key *wrap(EVP_PKEY *pair)
{
    struct rsa_key *key = xcalloc(1, sizeof(*key));
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    key->pair = pair;
    must(bio != NULL && PEM_write_bio_PUBKEY(bio, pair) == 1);
    long length = BIO_get_mem_data(bio, &bytes);
    must(length > 0 && (size_t)length <= sizeof(key->pem));
    memcpy(key->pem, bytes, (size_t)length);
    key->pem_length = (size_t)length;
    BIO_free(bio);
    return key;
}

struct rsa_key *rsa_key_generate(void)
{
    EVP_PKEY *pair = EVP_RSA_gen(GENERATED_BITS);
    must(pair != NULL);
    return wrap(pair);
}

enum result rsa_key_read(const char *file, struct rsa_key **ret_key)
{
    FILE *stream = fopen(file, "re");
    if (stream == NULL)
        return RESULT_IO;
    EVP_PKEY *pair = PEM_read_PrivateKey(stream, NULL, NULL, NULL);
    fclose(stream);
    ERR_clear_error();
    if (pair == NULL)
        return RESULT_MALFORMED;
    int bits = EVP_PKEY_get_bits(pair);
    if (EVP_PKEY_get_base_id(pair) != EVP_PKEY_RSA || bits < GENERATED_BITS || bits > BITS_MAX) {
        EVP_PKEY_free(pair);
        return RESULT_MALFORMED;
    }
    *ret_key = wrap(pair);
    return RESULT_OK;
}

void rsa_key_free(struct rsa_key **key)
{
    struct rsa_key *old = *key;
    if (old == NULL)
        return;
    *key = NULL;
    EVP_PKEY_free(old->pair);
    free(old);
}

struct span rsa_key_public(const struct rsa_key *key)
{
    return (struct span){(const uint8_t *)key->pem, key->pem_length};
}

enum result rsa_key_decrypt(const struct rsa_key *key, struct span bytes,
                            uint8_t ret_message[RSA_KEY_BYTES_MAX], size_t *ret_length_bytes)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pair, NULL);
    size_t length = RSA_KEY_BYTES_MAX;
    must(context != NULL);
    bool done = EVP_PKEY_decrypt_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_decrypt(context, ret_message, &length, bytes.data, bytes.length) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (!done)
        return RESULT_MALFORMED;
    *ret_length_bytes = length;
    return RESULT_OK;
}
