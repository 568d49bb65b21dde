/* layer: protocol */
/* PROXY headers of both versions: what is taken and what is refused, torn at every byte, and back again. */
#include "protocol/proxy_header.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ROW(text) (text), sizeof(text) - 1

struct row {
    const char *bytes;
    size_t length;
    enum result result;
    enum proxy_kind kind;
    const char *source; /* NULL: not looked at */
    unsigned source_port;
    const char *destination;
    unsigned destination_port;
};

#define UNIX_NAMES                                                                                           \
    "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012" \
    "345678123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456" \
    "789012345678"

static const struct row good[] = {
    {ROW("PROXY TCP4 192.0.2.1 10.0.0.9 50000 3306\r\n"),                                  RESULT_OK, PROXY_KIND_TCP4,  "192.0.2.1",                               50000,
     "10.0.0.9",                                                                                                                                                                      3306},
    {ROW("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"),                                RESULT_OK, PROXY_KIND_TCP4,  "255.255.255.255",
     65535,                                                                                                                                                               "0.0.0.0",  0   },
    {ROW("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"),                                            RESULT_OK, PROXY_KIND_TCP6,  "2001:db8::1",                             1,     "::1",      2   },
    {ROW("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
         "65535\r\n"),
     RESULT_OK,                                                                                       PROXY_KIND_TCP6,  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, NULL,       0   },
    {ROW("PROXY UNKNOWN\r\n"),                                                             RESULT_OK, PROXY_KIND_LOCAL, NULL,                                      0,     NULL,       0   },
    {ROW("PROXY UNKNOWN whatever 1 2 3\r\n"),                                              RESULT_OK, PROXY_KIND_LOCAL, NULL,                                      0,     NULL,       0   },
    {ROW(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\x0a\0\0\x09\xc3\x50\x0c\xea"),                RESULT_OK, PROXY_KIND_TCP4,
     "192.0.2.1",                                                                                                                                                  50000, "10.0.0.9", 3306},
 /* TLVs: a name of the host, an empty one */
    {ROW(SIGNATURE "\x21\x11\0\x15\xc0\0\2\1\x0a\0\0\x09\xc3\x50\x0c\xea\2\0\3abc\4\0\0"), RESULT_OK,
     PROXY_KIND_TCP4,                                                                                                   "192.0.2.1",                               50000, "10.0.0.9", 3306},
    {ROW(SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2"),
     RESULT_OK,                                                                                       PROXY_KIND_TCP6,  "2001:db8::1",                             1,     "::1",      2   },
    {ROW(SIGNATURE "\x20\0\0\0"),                                                          RESULT_OK, PROXY_KIND_LOCAL, NULL,                                      0,     NULL,       0   },
    {ROW(SIGNATURE "\x20\x11\0\3abc"),                                                     RESULT_OK, PROXY_KIND_LOCAL, NULL,                                      0,     NULL,       0   },
    {ROW(SIGNATURE "\x21\0\0\3abc"),                                                       RESULT_OK, PROXY_KIND_LOCAL, NULL,                                      0,     NULL,       0   },
    {ROW(SIGNATURE "\x21\x31\0\xd8" UNIX_NAMES),                                           RESULT_OK, PROXY_KIND_LOCAL, NULL,                                      0,     NULL,       0   },
};

static const struct row bad[] = {
    {ROW("QROXY"),                                                                 RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("\x50\0\0\1"),                                                            RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("\r\n\r\n\1"),                                                            RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY \r\n"),                                                            RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY \n"),                                                              RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"),                                    RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n"),                                    RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),                                      RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),                                      RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"),                                  RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"),                                   RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n"),                                   RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),                                RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 1 4294967297\r\n"),                           RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),                                   RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n"),                                   RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"),                                  RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),                                      RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"),                                  RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP4 ::1 ::1 1 2\r\n"),                                            RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n"),                                    RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY TCP6 fe80::1%lo ::1 1 2\r\n"),                                     RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW("PROXY UNKNOWN ........................................................................"
         "....................."),
     RESULT_MALFORMED,                                                                               0, NULL, 0, NULL, 0},
    {ROW(SIGNATURE "\x11\x11\0\x0c"),                                              RESULT_MALFORMED, 0, NULL, 0, NULL, 0}, /* version 1 */
    {ROW(SIGNATURE "\x22\x11\0\x0c"),                                              RESULT_MALFORMED, 0, NULL, 0, NULL, 0}, /* no such command */
    {ROW(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\1\x0a\0\0\x09\xc3\x50\x0c"),            RESULT_MALFORMED, 0, NULL, 0, NULL,
     0                                                                                                                  },
    {ROW(SIGNATURE "\x21\x12\0\x0c\xc0\0\2\1\x0a\0\0\x09\xc3\x50\x0c\xea"),        RESULT_MALFORMED, 0, NULL, 0,
     NULL,                                                                                                             0}, /* UDP */
    {ROW(SIGNATURE "\x21\x41\0\0"),                                                RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
    {ROW(SIGNATURE "\x21\x31\0\1x"),                                               RESULT_MALFORMED, 0, NULL, 0, NULL, 0},
 /* a TLV that ends behind the header */
    {ROW(SIGNATURE "\x21\x11\0\x10\xc0\0\2\1\x0a\0\0\x09\xc3\x50\x0c\xea\2\0\2x"), RESULT_MALFORMED, 0, NULL,
     0,                                                                                                          NULL, 0},
    {ROW(SIGNATURE "\x21\x11\0\x0d\xc0\0\2\1\x0a\0\0\x09\xc3\x50\x0c\xea\2"),      RESULT_MALFORMED, 0, NULL, 0,
     NULL,                                                                                                             0},
    {ROW(SIGNATURE "\x21\x11\xff\xff"),                                            RESULT_TOO_LARGE, 0, NULL, 0, NULL, 0},
    {ROW(SIGNATURE "\x20\0\x0f\xf1"),                                              RESULT_TOO_LARGE, 0, NULL, 0, NULL, 0},
};

static void assert_end(const struct row *row, const struct proxy_end *end, const char *address, unsigned port)
{
    uint8_t expected[PROXY_ADDRESS_BYTES] = {0};
    if (address == NULL)
        return;
    ck_assert_int_eq(inet_pton(row->kind == PROXY_KIND_TCP4 ? AF_INET : AF_INET6, address, expected), 1);
    ck_assert_mem_eq(end->address, expected, sizeof expected);
    ck_assert_uint_eq(end->port, port);
}

/* From a buffer of exactly that size, with and without more behind it. */
static enum result decode(const char *bytes, size_t length, struct proxy_header *ret_header,
                          size_t *ret_length)
{
    uint8_t *copy = malloc(length == 0 ? 1 : length);
    memcpy(copy, bytes, length);
    enum result result = proxy_header_decode((struct span){copy, length}, ret_header, ret_length);
    free(copy);
    return result;
}

START_TEST(both_versions_are_read)
{
    const struct row *row = &good[_i];
    struct proxy_header header;
    char more[600];
    size_t length = 0;
    ck_assert_int_eq(decode(row->bytes, row->length, &header, &length), RESULT_OK);
    ck_assert_uint_eq(length, row->length);
    ck_assert_int_eq(header.kind, row->kind);
    assert_end(row, &header.source, row->source, row->source_port);
    assert_end(row, &header.destination, row->destination, row->destination_port);
    memcpy(more, row->bytes, row->length);
    memset(more + row->length, '\n', sizeof more - row->length);
    ck_assert_int_eq(decode(more, sizeof more, &header, &length), RESULT_OK);
    ck_assert_uint_eq(length, row->length);
}
END_TEST

START_TEST(a_torn_one_is_waited_for)
{
    const struct row *row = &good[_i];
    struct proxy_header header = {.kind = PROXY_KIND_TCP6};
    size_t length = 4711;
    for (size_t i = 0; i < row->length; i++) {
        ck_assert_int_eq(decode(row->bytes, i, &header, &length), RESULT_AGAIN);
        ck_assert_int_eq(proxy_header_is_start((struct span){(const uint8_t *)row->bytes, i}), i > 0);
    }
    ck_assert_uint_eq(length, 4711);
    ck_assert_int_eq(header.kind, PROXY_KIND_TCP6);
}
END_TEST

START_TEST(others_are_refused)
{
    const struct row *row = &bad[_i];
    struct proxy_header header = {.kind = PROXY_KIND_TCP6};
    size_t length = 4711;
    ck_assert_int_eq(decode(row->bytes, row->length, &header, &length), row->result);
    ck_assert_uint_eq(length, 4711);
    ck_assert_int_eq(header.kind, PROXY_KIND_TCP6);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    const struct row *row = &good[_i];
    struct proxy_header header, again;
    uint8_t bytes[PROXY_HEADER_ENCODED_MAX];
    struct writer writer;
    size_t length = 0;
    ck_assert_int_eq(decode(row->bytes, row->length, &header, &length), RESULT_OK);
    writer_init(&writer, bytes, sizeof bytes);
    proxy_header_encode(&writer, &header);
    ck_assert(!writer_failed(&writer));
    ck_assert_int_eq(decode((const char *)bytes, writer.length, &again, &length), RESULT_OK);
    ck_assert_uint_eq(length, writer.length);
    ck_assert_int_eq(again.kind, header.kind);
    ck_assert_mem_eq(&again.source, &header.source, sizeof header.source);
    ck_assert_mem_eq(&again.destination, &header.destination, sizeof header.destination);
}
END_TEST

/* The length of a login's packet may be anything; its number is 1. */
START_TEST(no_login_begins_like_one)
{
    static const char *const starts[] = {"PROXY ", SIGNATURE};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_ne((uint8_t)starts[i][PROXY_HEADER_START_BYTES - 1], 1);
        ck_assert_uint_ne((uint8_t)starts[i][PROXY_HEADER_START_BYTES - 1], 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proxy_header");
    TCase *tests = tcase_create("proxy_header");
    const int goods = sizeof good / sizeof good[0];
    tcase_add_loop_test(tests, both_versions_are_read, 0, goods);
    tcase_add_loop_test(tests, a_torn_one_is_waited_for, 0, goods);
    tcase_add_loop_test(tests, others_are_refused, 0, sizeof bad / sizeof bad[0]);
    tcase_add_loop_test(tests, what_is_written_is_read_back, 0, goods);
    tcase_add_test(tests, no_login_begins_like_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
