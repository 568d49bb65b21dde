/*
 * For the tests of the connection protocol: packets captured from real servers and clients
 * (test/golden/connection_*.hex, a comment line, then hex), and damage to them.
 */
#ifndef ACKGATE_TEST_CONNECTION_GOLDEN_H
#define ACKGATE_TEST_CONNECTION_GOLDEN_H

#include "protocol/constants.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_BYTES_MAX 8192

struct golden {
    uint8_t bytes[GOLDEN_BYTES_MAX];
    struct span span;
};

static inline unsigned golden_digit(int character)
{
    const char *digits = "0123456789abcdef";
    const char *found = character == 0 ? NULL : strchr(digits, character);
    ck_assert_msg(found != NULL, "no hex digit: %c", character);
    return (unsigned)(found - digits);
}

/* name: without directory and "connection_", like "mysql_greeting". */
static inline struct span golden_load(struct golden *golden, const char *name)
{
    char path[256];
    char line[512];
    size_t length = 0;
    snprintf(path, sizeof path, "test/golden/connection_%s.hex", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s: run this from the repository's root", path);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        for (const char *at = line; isxdigit((unsigned char)*at); at += 2) {
            ck_assert_uint_lt(length, GOLDEN_BYTES_MAX);
            golden->bytes[length++] = (uint8_t)(golden_digit(at[0]) << 4 | golden_digit(at[1]));
        }
    }
    fclose(file);
    golden->span = (struct span){golden->bytes, length};
    return golden->span;
}

/* Gives the bytes to decode in memory of exactly their length, so that a sanitizer sees every read past the
 * end. */
static inline void golden_give(const uint8_t *bytes, size_t length, void (*decode)(struct span))
{
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    ck_assert_ptr_nonnull(copy);
    if (length > 0)
        memcpy(copy, bytes, length);
    decode((struct span){copy, length});
    free(copy);
}

/* Every prefix, and every byte changed in the ways that matter to lengths and headers. Nothing may crash. */
static inline void golden_damage(struct span payload, void (*decode)(struct span))
{
    static const uint8_t values[] = {0x00, 0x01, 0x7F, 0x80, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF};
    uint8_t *copy = malloc(payload.length + 1);
    ck_assert_ptr_nonnull(copy);
    for (size_t length = 0; length <= payload.length; length++)
        golden_give(payload.data, length, decode);
    for (size_t i = 0; i < payload.length; i++) {
        memcpy(copy, payload.data, payload.length);
        for (unsigned bit = 0; bit < 8; bit++) {
            copy[i] = (uint8_t)(payload.data[i] ^ 1u << bit);
            golden_give(copy, payload.length, decode);
        }
        for (size_t v = 0; v < sizeof values; v++) {
            copy[i] = values[v];
            golden_give(copy, payload.length, decode);
        }
    }
    free(copy);
}

static inline void golden_assert_span(struct span span, const char *text)
{
    ck_assert_msg(span_is_text(span, text), "expected \"%s\", got \"%.*s\"", text, (int)span.length,
                  (const char *)span.data);
}

static inline void golden_assert_same(struct span a, struct span b)
{
    ck_assert_uint_eq(a.length, b.length);
    ck_assert_int_eq(memcmp(a.data, b.data, a.length), 0);
}

static inline int golden_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
