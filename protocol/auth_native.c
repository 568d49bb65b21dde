/* mysql_native_password of auth_native.h. */
#include "protocol/auth_native.h"

#include "protocol/digest.h"

_Static_assert(AUTH_NATIVE_BYTES == DIGEST_SHA1_BYTES, "the plugin is built on SHA-1");

static void hash_one(const void *bytes, size_t length, uint8_t ret_digest[AUTH_NATIVE_BYTES])
{
    struct span part = {bytes, length};
    digest_sha1(&part, 1, ret_digest);
}

/* SHA1(scramble + stored): what hides SHA1(password) on the wire. */
static void make_mask(const uint8_t *scramble, const uint8_t *stored, uint8_t ret_mask[AUTH_NATIVE_BYTES])
{
    struct span parts[] = {
        {scramble, SCRAMBLE_BYTES   },
        {stored,   AUTH_NATIVE_BYTES}
    };
    digest_sha1(parts, 2, ret_mask);
}

void auth_native_store(struct span password, uint8_t ret_stored[AUTH_NATIVE_BYTES])
{
    uint8_t once[AUTH_NATIVE_BYTES];
    hash_one(password.data, password.length, once);
    hash_one(once, sizeof once, ret_stored);
    digest_wipe(once, sizeof once);
}

void auth_native_respond(struct span password, const uint8_t scramble[SCRAMBLE_BYTES],
                         uint8_t ret_response[AUTH_NATIVE_BYTES])
{
    uint8_t once[AUTH_NATIVE_BYTES];
    uint8_t stored[AUTH_NATIVE_BYTES];
    hash_one(password.data, password.length, once);
    hash_one(once, sizeof once, stored);
    make_mask(scramble, stored, ret_response);
    for (size_t i = 0; i < AUTH_NATIVE_BYTES; i++)
        ret_response[i] ^= once[i];
    digest_wipe(once, sizeof once);
    digest_wipe(stored, sizeof stored);
}

bool auth_native_verify(struct span response, const uint8_t scramble[SCRAMBLE_BYTES],
                        const uint8_t stored[AUTH_NATIVE_BYTES])
{
    uint8_t once[AUTH_NATIVE_BYTES];
    uint8_t twice[AUTH_NATIVE_BYTES];
    if (response.length != AUTH_NATIVE_BYTES)
        return false;
    make_mask(scramble, stored, once);
    for (size_t i = 0; i < AUTH_NATIVE_BYTES; i++)
        once[i] ^= response.data[i];
    hash_one(once, sizeof once, twice);
    bool same = digest_equal(twice, stored, AUTH_NATIVE_BYTES);
    digest_wipe(once, sizeof once);
    return same;
}
