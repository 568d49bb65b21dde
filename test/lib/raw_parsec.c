/* See raw_parsec.h. */
#include "test/lib/raw_parsec.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "protocol/auth_packet.h"
#include "test/lib/fail.h"
#include "test/lib/raw_client.h"

enum { SCRAMBLE = 32, SALT = 18, SALT_PACKET = 2 + SALT, KEY = 32, SIGNATURE = 64, ROUNDS = 1024 };
enum { ALGORITHM = 'P', SHIFT_MAX = 3 };

/* Algorithm, how often 1024 rounds are doubled, salt. */
static void derive_key(const struct raw_client *client, struct span password, uint8_t ret_key[KEY])
{
    struct span salt;

    if (auth_more_decode((struct span){client->payload, client->payload_bytes}, &salt) != RESULT_OK ||
        salt.length != SALT_PACKET || salt.data[0] != ALGORITHM || salt.data[1] > SHIFT_MAX)
        fail_at(HERE, "parsec: no salt that is known here");
    if (PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.length, salt.data + 2, SALT,
                          ROUNDS << salt.data[1], EVP_sha512(), KEY, ret_key) != 1)
        fail_at(HERE, "parsec: no key");
}

static void sign(const uint8_t key[KEY], const uint8_t *scrambles, uint8_t ret_signature[SIGNATURE])
{
    size_t length = SIGNATURE;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, KEY);
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (pair == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, pair) != 1 ||
        EVP_DigestSign(context, ret_signature, &length, scrambles, 2 * SCRAMBLE) != 1)
        fail_at(HERE, "parsec: cannot sign");
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
}

void raw_parsec_respond(struct raw_client *client, struct span server_scramble, struct span password)
{
    uint8_t scrambles[2 * SCRAMBLE], key[KEY], response[SCRAMBLE + SIGNATURE];

    if (server_scramble.length < SCRAMBLE || RAND_bytes(scrambles + SCRAMBLE, SCRAMBLE) != 1)
        fail_at(HERE, "parsec: no scrambles");
    memcpy(scrambles, server_scramble.data, SCRAMBLE);
    if (!raw_send_packet(client, "", 0) || raw_read_packet(client) != RAW_PACKET)
        fail_at(HERE, "parsec: no salt");
    derive_key(client, password, key);
    sign(key, scrambles, response + SCRAMBLE);
    memcpy(response, scrambles + SCRAMBLE, SCRAMBLE);
    if (!raw_send_packet(client, response, sizeof response))
        fail_at(HERE, "parsec: the peer has closed");
}
