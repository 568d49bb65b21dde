/* layer: protocol */
/* Names of XA transactions: bytes, text, rows of XA RECOVER, and what cannot be one. */
#include "protocol/xa_id.h"

#include <check.h>
#include <string.h>

static struct span bytes_of(const char *text, size_t length)
{
    return (struct span){(const uint8_t *)text, length};
}

/* As MariaDB 10.11 wrote XA PREPARE 'abc','de',7. */
static const char written[] = "\x07\x00\x00\x00\x03\x02"
                              "abcde";

START_TEST(decode_and_encode)
{
    struct reader reader;
    struct writer writer;
    uint8_t out[200];
    char text[XA_ID_TEXT_MAX];
    reader_init(&reader, written, sizeof(written) - 1);
    struct xa_id id = xa_id_decode(&reader);
    ck_assert(!reader_failed(&reader) && reader_left(&reader) == 0);
    ck_assert_str_eq(xa_id_format(&id, text), "X'616263',X'6465',7");
    writer_init(&writer, out, sizeof(out));
    xa_id_encode(&writer, &id);
    ck_assert_uint_eq(writer.length, sizeof(written) - 1);
    ck_assert_mem_eq(out, written, writer.length);
}
END_TEST

START_TEST(every_truncation)
{
    for (size_t length = 0; length < sizeof(written) - 1; length++) {
        struct reader reader;
        reader_init(&reader, written, length);
        (void)xa_id_decode(&reader);
        ck_assert(reader_failed(&reader));
    }
}
END_TEST

START_TEST(too_long_a_part)
{
    static const char bytes[4 + 2 + 200] = "\x01\x00\x00\x00\x41\x01";
    struct reader reader;
    struct xa_id id;
    reader_init(&reader, bytes, sizeof(bytes));
    (void)xa_id_decode(&reader);
    ck_assert(reader_failed(&reader));
    ck_assert(!xa_id_make(1, XA_ID_PART_MAX + 1, 0, bytes_of(bytes, XA_ID_PART_MAX + 1), &id));
    ck_assert(!xa_id_make(1, 3, 1, bytes_of("abc", 3), &id));
    ck_assert(!xa_id_make(UINT64_MAX, 3, 0, bytes_of("abc", 3), &id));
}
END_TEST

/* The longest there is, of bytes that no text has. */
START_TEST(rows_of_xa_recover)
{
    char data[2 * XA_ID_PART_MAX];
    char text[XA_ID_TEXT_MAX];
    struct xa_id id;
    struct xa_id other;
    memset(data, 0xf0, sizeof(data));
    ck_assert(xa_id_make(UINT32_MAX, XA_ID_PART_MAX, XA_ID_PART_MAX, bytes_of(data, sizeof(data)), &id));
    ck_assert_uint_eq(strlen(xa_id_format(&id, text)), XA_ID_TEXT_MAX - 1);
    ck_assert(xa_id_make(1, 1, 0, bytes_of("a", 1), &id) && xa_id_make(1, 0, 1, bytes_of("a", 1), &other));
    ck_assert(!xa_id_equal(&id, &other));
    ck_assert_str_eq(xa_id_format(&id, text), "X'61',X'',1");
    ck_assert_str_eq(xa_id_format(&other, text), "X'',X'61',1");
    ck_assert(xa_id_make(1, 0, 1, bytes_of("a", 1), &id) && xa_id_equal(&id, &other));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xa_id");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, decode_and_encode);
    tcase_add_test(tcase, every_truncation);
    tcase_add_test(tcase, too_long_a_part);
    tcase_add_test(tcase, rows_of_xa_recover);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
