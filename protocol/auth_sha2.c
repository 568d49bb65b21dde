/* caching_sha2_password of auth_sha2.h. */
#include "protocol/auth_sha2.h"

#include "protocol/rsa_key.h"

#include <string.h>

_Static_assert(AUTH_SHA2_BYTES == DIGEST_SHA256_BYTES, "the plugin is built on SHA-256");

static void hash_one(const void *bytes, size_t length, uint8_t ret_digest[AUTH_SHA2_BYTES])
{
    struct span part = {bytes, length};
    digest_sha256(&part, 1, ret_digest);
}

/* SHA256(stored + scramble): what hides SHA256(password) on the wire. */
static void make_mask(const uint8_t *scramble, const uint8_t *stored, uint8_t ret_mask[AUTH_SHA2_BYTES])
{
    struct span parts[] = {
        {stored,   AUTH_SHA2_BYTES},
        {scramble, SCRAMBLE_BYTES }
    };
    digest_sha256(parts, 2, ret_mask);
}

void auth_sha2_store(struct span password, uint8_t ret_stored[AUTH_SHA2_BYTES])
{
    uint8_t once[AUTH_SHA2_BYTES];
    hash_one(password.data, password.length, once);
    hash_one(once, sizeof once, ret_stored);
    digest_wipe(once, sizeof once);
}

void auth_sha2_respond(struct span password, const uint8_t scramble[SCRAMBLE_BYTES],
                       uint8_t ret_response[AUTH_SHA2_BYTES])
{
    uint8_t once[AUTH_SHA2_BYTES];
    uint8_t stored[AUTH_SHA2_BYTES];
    hash_one(password.data, password.length, once);
    hash_one(once, sizeof once, stored);
    make_mask(scramble, stored, ret_response);
    for (size_t i = 0; i < AUTH_SHA2_BYTES; i++)
        ret_response[i] ^= once[i];
    digest_wipe(once, sizeof once);
    digest_wipe(stored, sizeof stored);
}

bool auth_sha2_verify(struct span response, const uint8_t scramble[SCRAMBLE_BYTES],
                      const uint8_t stored[AUTH_SHA2_BYTES])
{
    uint8_t once[AUTH_SHA2_BYTES];
    uint8_t twice[AUTH_SHA2_BYTES];
    if (response.length != AUTH_SHA2_BYTES)
        return false;
    make_mask(scramble, stored, once);
    for (size_t i = 0; i < AUTH_SHA2_BYTES; i++)
        once[i] ^= response.data[i];
    hash_one(once, sizeof once, twice);
    bool same = digest_equal(twice, stored, AUTH_SHA2_BYTES);
    digest_wipe(once, sizeof once);
    return same;
}

enum result auth_sha2_encrypt(struct span password, const uint8_t scramble[SCRAMBLE_BYTES], struct span pem,
                              uint8_t ret_bytes[DIGEST_RSA_BYTES_MAX], size_t *ret_length_bytes)
{
    uint8_t hidden[AUTH_SHA2_PASSWORD_MAX + 1] = {0};
    if (password.length > AUTH_SHA2_PASSWORD_MAX)
        return RESULT_TOO_LARGE;
    if (password.length > 0)
        memcpy(hidden, password.data, password.length);
    size_t length = password.length + 1;
    for (size_t i = 0; i < length; i++)
        hidden[i] ^= scramble[i % SCRAMBLE_BYTES];
    enum result result = digest_rsa_encrypt(pem, (struct span){hidden, length}, ret_bytes, ret_length_bytes);
    digest_wipe(hidden, sizeof hidden);
    return result;
}

enum result auth_sha2_decrypt(const struct rsa_key *key, const uint8_t scramble[SCRAMBLE_BYTES],
                              struct span encrypted, uint8_t ret_password[AUTH_SHA2_PASSWORD_MAX + 1],
                              size_t *ret_length_bytes)
{
    uint8_t message[RSA_KEY_BYTES_MAX];
    size_t length;
    if (rsa_key_decrypt(key, encrypted, message, &length) != RESULT_OK)
        return RESULT_MALFORMED;
    for (size_t i = 0; i < length; i++)
        message[i] ^= scramble[i % SCRAMBLE_BYTES];
    bool is_text = length > 0 && length <= AUTH_SHA2_PASSWORD_MAX + 1 && message[length - 1] == '\0';
    if (is_text) {
        memcpy(ret_password, message, length);
        *ret_length_bytes = length - 1;
    }
    digest_wipe(message, sizeof message);
    return is_text ? RESULT_OK : RESULT_MALFORMED;
}
