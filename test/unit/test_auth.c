/* layer: protocol */
/* Passwords: our responses are those that real servers accepted, and our checks accept the same. */
#include "protocol/auth_native.h"
#include "protocol/auth_packet.h"
#include "protocol/auth_sha2.h"

#include "test/unit/connection_golden.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static void print_hex(const uint8_t *bytes, size_t length, char *ret_text)
{
    for (size_t i = 0; i < length; i++)
        sprintf(ret_text + 2 * i, "%02x", bytes[i]);
}

START_TEST(digests_are_those_of_the_standards)
{
    struct span parts[] = {span_of_text("a"), span_of_text(""), span_of_text("bc")};
    uint8_t digest[DIGEST_SHA256_BYTES];
    char text[2 * DIGEST_SHA256_BYTES + 1];
    digest_sha1(parts, 3, digest);
    print_hex(digest, DIGEST_SHA1_BYTES, text);
    ck_assert_str_eq(text, "a9993e364706816aba3e25717850c26c9cd0d89d");
    digest_sha256(parts, 3, digest);
    print_hex(digest, DIGEST_SHA256_BYTES, text);
    ck_assert_str_eq(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

START_TEST(a_native_response_is_the_one_mariadb_accepted)
{
    struct golden golden;
    uint8_t stored[AUTH_NATIVE_BYTES];
    uint8_t response[AUTH_NATIVE_BYTES];
    golden_load(&golden, "mariadb_auth_native");
    ck_assert_uint_eq(golden.span.length, SCRAMBLE_BYTES + AUTH_NATIVE_BYTES);
    struct span accepted = {golden.bytes + SCRAMBLE_BYTES, AUTH_NATIVE_BYTES};
    auth_native_store(span_of_text("sesame"), stored);
    auth_native_respond(span_of_text("sesame"), golden.bytes, response);
    golden_assert_same((struct span){response, sizeof response}, accepted);
    ck_assert(auth_native_verify(accepted, golden.bytes, stored));
    auth_native_respond(span_of_text("Sesame"), golden.bytes, response);
    ck_assert(!auth_native_verify((struct span){response, sizeof response}, golden.bytes, stored));
}
END_TEST

START_TEST(a_fast_sha2_response_is_the_one_mysql_accepted)
{
    struct golden golden;
    uint8_t stored[AUTH_SHA2_BYTES];
    uint8_t response[AUTH_SHA2_BYTES];
    golden_load(&golden, "mysql_auth_sha2");
    ck_assert_uint_eq(golden.span.length, SCRAMBLE_BYTES + AUTH_SHA2_BYTES);
    struct span accepted = {golden.bytes + SCRAMBLE_BYTES, AUTH_SHA2_BYTES};
    auth_sha2_store(span_of_text("sesame"), stored);
    auth_sha2_respond(span_of_text("sesame"), golden.bytes, response);
    golden_assert_same((struct span){response, sizeof response}, accepted);
    ck_assert(auth_sha2_verify(accepted, golden.bytes, stored));
    auth_sha2_respond(span_of_text("Sesame"), golden.bytes, response);
    ck_assert(!auth_sha2_verify((struct span){response, sizeof response}, golden.bytes, stored));
}
END_TEST

/* Every single bit of scramble, response and stored hash matters; every other length is refused. */
START_TEST(nothing_but_the_right_response_is_accepted)
{
    struct golden native;
    struct golden sha2;
    uint8_t stored1[AUTH_NATIVE_BYTES];
    uint8_t stored2[AUTH_SHA2_BYTES];
    golden_load(&native, "mariadb_auth_native");
    golden_load(&sha2, "mysql_auth_sha2");
    auth_native_store(span_of_text("sesame"), stored1);
    auth_sha2_store(span_of_text("sesame"), stored2);
    struct span response1 = {native.bytes + SCRAMBLE_BYTES, AUTH_NATIVE_BYTES};
    struct span response2 = {sha2.bytes + SCRAMBLE_BYTES, AUTH_SHA2_BYTES};
    for (size_t bit = 0; bit < 8 * (SCRAMBLE_BYTES + AUTH_NATIVE_BYTES); bit++) {
        native.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert(!auth_native_verify(response1, native.bytes, stored1));
        native.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * (SCRAMBLE_BYTES + AUTH_SHA2_BYTES); bit++) {
        sha2.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert(!auth_sha2_verify(response2, sha2.bytes, stored2));
        sha2.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t length = 0; length < AUTH_NATIVE_BYTES; length++)
        ck_assert(!auth_native_verify((struct span){response1.data, length}, native.bytes, stored1));
    for (size_t length = 0; length < AUTH_SHA2_BYTES; length++)
        ck_assert(!auth_sha2_verify((struct span){response2.data, length}, sha2.bytes, stored2));
}
END_TEST

START_TEST(a_password_is_encrypted_with_the_key_of_a_real_server)
{
    struct golden golden;
    struct span pem;
    static const uint8_t scramble[SCRAMBLE_BYTES] = {1, 2, 3};
    uint8_t bytes[DIGEST_RSA_BYTES_MAX];
    size_t length;
    char long_password[AUTH_SHA2_PASSWORD_MAX + 1] = {0};
    golden_load(&golden, "mysql_public_key");
    ck_assert_int_eq(auth_more_decode(golden.span, &pem), RESULT_OK);
    ck_assert_int_eq(auth_sha2_encrypt(span_of_text("sesame"), scramble, pem, bytes, &length), RESULT_OK);
    ck_assert_uint_eq(length, 256);
    struct span too_long = {(uint8_t *)long_password, sizeof long_password};
    ck_assert_int_eq(auth_sha2_encrypt(too_long, scramble, pem, bytes, &length), RESULT_TOO_LARGE);
    too_long.length = AUTH_SHA2_PASSWORD_MAX; /* more than this key can take */
    ck_assert_int_eq(auth_sha2_encrypt(too_long, scramble, pem, bytes, &length), RESULT_TOO_LARGE);
    ck_assert_int_eq(
        auth_sha2_encrypt(span_of_text("x"), scramble, span_of_text("-----BEGIN"), bytes, &length),
        RESULT_MALFORMED);
    ck_assert_int_eq(auth_sha2_encrypt(span_of_text("x"), scramble, span_of_text(""), bytes, &length),
                     RESULT_MALFORMED);
}
END_TEST

/* With a key of our own, the other side is played too. */
START_TEST(the_server_gets_the_password_out_again)
{
    uint8_t scramble[SCRAMBLE_BYTES];
    uint8_t bytes[DIGEST_RSA_BYTES_MAX];
    uint8_t plain[DIGEST_RSA_BYTES_MAX];
    size_t length;
    size_t plain_length = sizeof plain;
    char *pem;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long pem_length = BIO_get_mem_data(bio, &pem);
    greeting_scramble_random(scramble);
    const char *password = "a password longer than the scramble";
    ck_assert_int_eq(auth_sha2_encrypt(span_of_text(password), scramble,
                                       (struct span){(uint8_t *)pem, (size_t)pem_length}, bytes, &length),
                     RESULT_OK);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    ck_assert_int_eq(EVP_PKEY_decrypt_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_decrypt(context, plain, &plain_length, bytes, length), 1);
    for (size_t i = 0; i < plain_length; i++)
        plain[i] ^= scramble[i % SCRAMBLE_BYTES];
    ck_assert_uint_eq(plain_length, strlen(password) + 1);
    ck_assert_str_eq((char *)plain, password);
    EVP_PKEY_CTX_free(context);
    BIO_free(bio);
    EVP_PKEY_free(key);
}
END_TEST

static void use_as_key(struct span pem)
{
    static const uint8_t scramble[SCRAMBLE_BYTES] = {1};
    uint8_t bytes[DIGEST_RSA_BYTES_MAX];
    size_t length;
    (void)!auth_sha2_encrypt(span_of_text("x"), scramble, pem, bytes, &length);
}

START_TEST(a_damaged_key_is_survived)
{
    struct golden golden;
    golden_load(&golden, "mysql_public_key");
    for (size_t length = 0; length < golden.span.length; length++)
        golden_give(golden.bytes + 1, length, use_as_key);
    for (size_t i = 1; i < golden.span.length; i++) {
        golden.bytes[i] ^= 1;
        golden_give(golden.bytes + 1, golden.span.length - 1, use_as_key);
        golden.bytes[i] ^= 1;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *tests = tcase_create("auth");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, digests_are_those_of_the_standards);
    tcase_add_test(tests, a_native_response_is_the_one_mariadb_accepted);
    tcase_add_test(tests, a_fast_sha2_response_is_the_one_mysql_accepted);
    tcase_add_test(tests, nothing_but_the_right_response_is_accepted);
    tcase_add_test(tests, a_password_is_encrypted_with_the_key_of_a_real_server);
    tcase_add_test(tests, the_server_gets_the_password_out_again);
    tcase_add_test(tests, a_damaged_key_is_survived);
    suite_add_tcase(suite, tests);
    return golden_run(suite);
}
