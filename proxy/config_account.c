/*
 * Passwords of ackgate's own accounts: what is kept of them, and the text form that `ackgate passwd` prints.
 *
 *     $ackgate$<hex of SHA1(SHA1(password)), 40>$<hex of SHA256(SHA256(password)), 64>
 *
 * Both hashes are what the two authentication plugins check against; neither lets its reader log in.
 */
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "proxy/config_draft.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char prefix[] = "$ackgate$";

_Static_assert(sizeof(((struct config_account *)0)->native_hash) == AUTH_NATIVE_BYTES, "sizes agree");
_Static_assert(sizeof(((struct config_account *)0)->sha2_hash) == AUTH_SHA2_BYTES, "sizes agree");

static bool decode_hex(const char *text, size_t count, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < count; i++) {
        unsigned byte;
        if (!isxdigit((unsigned char)text[2 * i]) || !isxdigit((unsigned char)text[2 * i + 1]) ||
            sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        ret_bytes[i] = (uint8_t)byte;
    }
    return true;
}

static char *encode_hex(char *at, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%02x", bytes[i]);
    return at;
}

enum result config_account_parse_hash(const char *text, struct config_account *account)
{
    uint8_t native[AUTH_NATIVE_BYTES];
    uint8_t sha2[AUTH_SHA2_BYTES];
    const char *native_at = text + strlen(prefix);
    const char *sha2_at = native_at + 2 * AUTH_NATIVE_BYTES + 1;
    if (strlen(text) != CONFIG_HASH_LENGTH || strncmp(text, prefix, strlen(prefix)) != 0 ||
        sha2_at[-1] != '$' || !decode_hex(native_at, sizeof(native), native) ||
        !decode_hex(sha2_at, sizeof(sha2), sha2))
        return RESULT_MALFORMED;
    memcpy(account->native_hash, native, sizeof(native));
    memcpy(account->sha2_hash, sha2, sizeof(sha2));
    account->has_password = true;
    return RESULT_OK;
}

void config_account_format_hash(const struct config_account *account, char ret_text[CONFIG_HASH_LENGTH + 1])
{
    char *at = stpcpy(ret_text, prefix);
    at = encode_hex(at, account->native_hash, AUTH_NATIVE_BYTES);
    *at++ = '$';
    encode_hex(at, account->sha2_hash, AUTH_SHA2_BYTES);
}

void config_account_set_password(struct config_account *account, const char *password)
{
    struct span span = span_of_text(password);
    account->has_password = span.length > 0;
    auth_native_store(span, account->native_hash);
    auth_sha2_store(span, account->sha2_hash);
}
