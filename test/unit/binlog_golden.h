/*
 * For the tests of binlog events: files written by real servers (test/golden/binlog_*.binlog), a walk over
 * their events, and damage to events.
 */
#ifndef ACKGATE_TEST_BINLOG_GOLDEN_H
#define ACKGATE_TEST_BINLOG_GOLDEN_H

#include "protocol/binlog_format.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINLOG_GOLDEN_MAX 65536

static const char *const binlog_golden_names[] = {
    "mysql_row",      "mysql_statement",    "mysql_mixed",     "mysql_compressed",
    "mysql_tagged",   "mysql_tagged_next",  "mariadb_row",     "mariadb_statement",
    "mariadb_mixed",  "mariadb_compressed", "mariadb_domains", "mariadb_domains_next",
    "mariadb_cached",
};
#define BINLOG_GOLDEN_COUNT (sizeof binlog_golden_names / sizeof binlog_golden_names[0])

struct binlog_golden {
    uint8_t bytes[BINLOG_GOLDEN_MAX];
    size_t length;
    size_t at; /* offset of the next event */
    struct binlog_format format;
    /* the event that binlog_golden_next() found */
    size_t start;
    struct span event;
    struct span body;
    struct binlog_event_header header;
};

static inline void binlog_golden_load(struct binlog_golden *golden, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "test/golden/binlog_%s.binlog", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: run this from the repository's root", path);
    golden->length = fread(golden->bytes, 1, sizeof golden->bytes, file);
    fclose(file);
    ck_assert_uint_lt(golden->length, sizeof golden->bytes);
    ck_assert_mem_eq(golden->bytes, binlog_magic, BINLOG_MAGIC_BYTES);
    golden->at = BINLOG_MAGIC_BYTES;
}

static inline bool binlog_golden_next(struct binlog_golden *golden)
{
    if (golden->at == golden->length)
        return false;
    struct span left = {golden->bytes + golden->at, golden->length - golden->at};
    ck_assert_int_eq(binlog_event_header_decode(left, &golden->header), RESULT_OK);
    ck_assert_uint_le(golden->header.length, left.length);
    golden->start = golden->at;
    golden->event = (struct span){left.data, golden->header.length};
    golden->at += golden->header.length;
    if (golden->header.type == BINLOG_FORMAT_DESCRIPTION)
        ck_assert_int_eq(binlog_format_decode(golden->event, &golden->format), RESULT_OK);
    ck_assert_int_eq(binlog_event_body(golden->event, true, &golden->body), RESULT_OK);
    return true;
}

/* Calls check with every prefix of the bytes and with each of them changed in each bit, each time in memory
 * of exactly that size, so that a read past the end is seen. What check returns does not matter; that it
 * returns does. */
typedef void binlog_damage_check(struct span bytes, void *context);

static inline void binlog_damage(struct span bytes, binlog_damage_check *check, void *context)
{
    for (size_t length = 0; length < bytes.length; length++) {
        uint8_t *copy = malloc(length == 0 ? 1 : length);
        memcpy(copy, bytes.data, length);
        check((struct span){copy, length}, context);
        free(copy);
    }
    for (size_t bit = 0; bit < bytes.length * 8; bit++) {
        uint8_t *copy = malloc(bytes.length);
        memcpy(copy, bytes.data, bytes.length);
        copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1u << bit % 8);
        check((struct span){copy, bytes.length}, context);
        free(copy);
    }
}

static inline int binlog_golden_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
