/* layer: protocol */
/* MySQL GTIDs and sets of them: text and binary forms as the server has them, and the algebra against a plain
 * model. */
#include "protocol/gtid_state.h"
#include "protocol/varint.h"

#include "test/unit/binlog_golden.h"

#define U1 "e443747a-e4e4-11f1-bcd7-02fc00000001"
#define U2 "f0000000-0000-0000-0000-000000000002"

static struct binlog_golden golden;

static void assert_set(const struct gtid_set *set, const char *text)
{
    char *formatted = gtid_set_format(set);
    ck_assert_str_eq(formatted, text);
    free(formatted);
}

static struct gtid_set parsed(const char *text)
{
    struct gtid_set set;
    gtid_set_init(&set);
    ck_assert_msg(gtid_set_parse(&set, span_of_text(text)) == RESULT_OK, "%s", text);
    return set;
}

START_TEST(text_is_normalised_as_the_server_does)
{
    static const struct {
        const char *given;
        const char *printed;
    } rows[] = {
        {"",                                       ""                         },
        {" \n , ,\t",                              ""                         },
        {U1 ":1",                                  U1 ":1"                    },
        {U1 ":1-1",                                U1 ":1"                    },
        {U1 ":5:1-3:4",                            U1 ":1-5"                  },
        {U1 ":1-3:7-9:5",                          U1 ":1-3:5:7-9"            },
        {U1 ":3-1",                                ""                         },
        {"E443747A-E4E4-11F1-BCD7-02FC00000001:1", U1 ":1"                    },
        {U2 ":1,\n" U1 ":2-3",                     U1 ":2-3," U2 ":1"         },
        {U1 ": 1 - 3 : 5 ,\r\n " U1 ":4",          U1 ":1-5"                  },
        {U1 ":1-3:tag_b:5-7:9:a:1,",               U1 ":1-3:a:1:tag_b:5-7:9"  },
        {U1 ":TAG:1",                              U1 ":tag:1"                },
        {U1 ":tag:1," U1 ":2",                     U1 ":2:tag:1"              },
        {U1 ":9223372036854775806",                U1 ":9223372036854775806"  },
        {U1 ":1-9223372036854775806",              U1 ":1-9223372036854775806"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gtid_set set = parsed(rows[i].given);
        assert_set(&set, rows[i].printed);
        gtid_set_release(&set);
    }
}
END_TEST

START_TEST(other_text_is_refused_and_changes_nothing)
{
    static const char *const texts[] = {
        "x",
        U1,
        U1 ":",
        U1 ":0",
        U1 ":0-3",
        U1 ":1-",
        U1 ":-3",
        U1 ":1 2",
        U1 ":1x",
        U1 ":1--3",
        U1 ":9223372036854775807",
        U1 ":1-9223372036854775807",
        U1 ":99999999999999999999",
        U1 ":tag",
        U1 ":tag:",
        U1 ":1:tag",
        U1 ":t-g:1",
        U1 ":a12345678901234567890123456789012:1",
        "e443747ae4e411f1bcd702fc00000001:1",
        "e443747a-e4e4-11f1-bcd7-02fc0000000g:1",
        U1 ":1;" U2 ":1",
        U1 ":1 " U2 ":1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gtid_set set = parsed(U1 ":7");
        ck_assert_msg(gtid_set_parse(&set, span_of_text(texts[i])) == RESULT_MALFORMED, "%s", texts[i]);
        assert_set(&set, U1 ":7");
        gtid_set_release(&set);
    }
}
END_TEST

START_TEST(one_gtid_as_text)
{
    static const char *const texts[] = {U1 ":1", U1 ":tag_one:22", U2 ":9223372036854775806"};
    static const char *const wrong[] = {
        "", U1, U1 ":1-2", U1 ":0", U1 ":tag:0", U1 ":1,", U1 ":9223372036854775807"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gtid gtid;
        char text[GTID_TEXT_MAX];
        ck_assert_int_eq(gtid_parse(FLAVOR_MYSQL, span_of_text(texts[i]), &gtid), RESULT_OK);
        ck_assert_str_eq(gtid_format(&gtid, text), texts[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct gtid gtid;
        ck_assert_int_eq(gtid_parse(FLAVOR_MYSQL, span_of_text(wrong[i]), &gtid), RESULT_MALFORMED);
    }
}
END_TEST

START_TEST(adding_the_next_gtid_does_not_allocate)
{
    struct gtid_set set = parsed(U1 ":1-5," U2 ":1:tag:1");
    struct gtid gtid;
    ck_assert_int_eq(gtid_parse(FLAVOR_MYSQL, span_of_text(U1 ":6"), &gtid), RESULT_OK);
    const struct gtid_interval *intervals = set.origins[0].intervals;
    size_t room = set.origins[0].room;
    for (int64_t gno = 6; gno < 10000; gno++) {
        gtid.mysql.gno = gno;
        ck_assert(!gtid_set_contains(&set, &gtid.mysql));
        gtid_set_add(&set, &gtid.mysql);
        ck_assert(gtid_set_contains(&set, &gtid.mysql));
        ck_assert_int_eq(gtid_set_last(&set, &gtid.mysql.origin), gno);
    }
    ck_assert_ptr_eq(intervals, set.origins[0].intervals);
    ck_assert_uint_eq(room, set.origins[0].room);
    assert_set(&set, U1 ":1-9999," U2 ":1:tag:1");
    ck_assert_uint_eq(gtid_set_count(&set), 10001);
    gtid_set_release(&set);
}
END_TEST

/* A set as a bitmap of numbers 1 to 63 for each of four origins. */
struct model {
    uint64_t bits[4];
};

static struct gtid_origin model_origin(size_t index)
{
    struct gtid_origin origin = {.uuid = {(uint8_t)(index / 2)}};
    if (index % 2 == 1)
        ck_assert_int_eq(gtid_origin_set_tag(&origin, span_of_text("t")), RESULT_OK);
    return origin;
}

static void assert_model(const struct gtid_set *set, const struct model *model)
{
    uint64_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        struct gtid_mysql gtid = {.origin = model_origin(i)};
        for (gtid.gno = 1; gtid.gno < 64; gtid.gno++)
            ck_assert_int_eq(gtid_set_contains(set, &gtid), (int)(model->bits[i] >> gtid.gno & 1));
        count += (uint64_t)__builtin_popcountll(model->bits[i]);
    }
    ck_assert_uint_eq(gtid_set_count(set), count);
    for (size_t i = 0; i < set->count; i++) {
        ck_assert_uint_gt(set->origins[i].count, 0);
        for (size_t j = 1; j < set->origins[i].count; j++)
            ck_assert_int_lt(set->origins[i].intervals[j - 1].end, set->origins[i].intervals[j].start);
    }
}

static struct gtid_set of_model(const struct model *model)
{
    struct gtid_set set;
    gtid_set_init(&set);
    for (size_t i = 0; i < 4; i++) {
        struct gtid_mysql gtid = {.origin = model_origin(i)};
        for (gtid.gno = 63; gtid.gno >= 1; gtid.gno--) {
            if ((model->bits[i] >> gtid.gno & 1) != 0)
                gtid_set_add(&set, &gtid);
        }
    }
    return set;
}

static uint64_t random_bits(unsigned *seed)
{
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        unsigned at = (unsigned)rand_r(seed) % 63;
        bits |= (((uint64_t)1 << (unsigned)rand_r(seed) % 20) - 1) << at;
    }
    return rand_r(seed) % 5 == 0 ? 0 : bits & ~(uint64_t)1;
}

START_TEST(the_algebra_agrees_with_a_plain_model)
{
    unsigned seed = 4711;
    for (int round = 0; round < 3000; round++) {
        struct model a;
        struct model b;
        for (size_t i = 0; i < 4; i++) {
            a.bits[i] = random_bits(&seed);
            b.bits[i] = rand_r(&seed) % 4 == 0 ? a.bits[i] & random_bits(&seed) : random_bits(&seed);
        }
        struct gtid_set x = of_model(&a);
        struct gtid_set y = of_model(&b);
        assert_model(&x, &a);
        bool is_subset = true;
        bool intersects = false;
        bool is_equal = true;
        for (size_t i = 0; i < 4; i++) {
            is_subset = is_subset && (b.bits[i] & ~a.bits[i]) == 0;
            intersects = intersects || (b.bits[i] & a.bits[i]) != 0;
            is_equal = is_equal && a.bits[i] == b.bits[i];
        }
        ck_assert(gtid_set_contains_set(&x, &y) == is_subset);
        ck_assert(gtid_set_intersects(&x, &y) == intersects);
        ck_assert(gtid_set_equal(&x, &y) == is_equal);
        struct gtid_set sum;
        struct gtid_set rest;
        gtid_set_init(&sum);
        gtid_set_init(&rest);
        gtid_set_copy(&sum, &x);
        gtid_set_copy(&rest, &x);
        ck_assert(gtid_set_equal(&sum, &x));
        gtid_set_add_set(&sum, &y);
        gtid_set_subtract(&rest, &y);
        struct model both;
        struct model without;
        for (size_t i = 0; i < 4; i++) {
            both.bits[i] = a.bits[i] | b.bits[i];
            without.bits[i] = a.bits[i] & ~b.bits[i];
        }
        assert_model(&sum, &both);
        assert_model(&rest, &without);
        gtid_set_release(&x);
        gtid_set_release(&y);
        gtid_set_release(&sum);
        gtid_set_release(&rest);
    }
}
END_TEST

START_TEST(both_binary_forms_come_back)
{
    static const char *const texts[] = {"", U1 ":1-8", U1 ":1-3:5," U2 ":9223372036854775806",
                                        U1 ":1-9:b2:1:tag_one:1-2:4," U2 ":7"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct gtid_set set = parsed(texts[i]);
        uint8_t bytes[1024];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        gtid_set_encode(&writer, &set);
        ck_assert_uint_eq(writer.length, gtid_set_encoded_bytes(&set));
        struct gtid_set back;
        gtid_set_init(&back);
        ck_assert_int_eq(gtid_set_decode(&back, writer_span_written(&writer)), RESULT_OK);
        assert_set(&back, texts[i]);
        for (size_t length = 0; length < writer.length; length++)
            ck_assert_int_ne(gtid_set_decode(&back, (struct span){bytes, length}), RESULT_OK);
        bytes[writer.length] = 0;
        ck_assert_int_ne(gtid_set_decode(&back, (struct span){bytes, writer.length + 1}), RESULT_OK);
        assert_set(&back, texts[i]);
        gtid_set_release(&set);
        gtid_set_release(&back);
    }
}
END_TEST

/* MySQL 9.7's PREVIOUS_GTIDS, in either form, and the set that mysqlbinlog prints for the tagged one. */
START_TEST(previous_gtids_of_a_real_server_come_back_byte_for_byte)
{
    static const struct {
        const char *file;
        bool tagged;
    } rows[] = {
        {"mysql_row",         true},
        {"mysql_tagged",      true},
        {"mysql_tagged_next", true}
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        binlog_golden_load(&golden, rows[i].file);
        ck_assert(binlog_golden_next(&golden) && binlog_golden_next(&golden));
        ck_assert_uint_eq(golden.header.type, BINLOG_PREVIOUS_GTIDS);
        struct gtid_state state;
        gtid_state_init(&state, FLAVOR_MYSQL);
        ck_assert_int_eq(gtid_state_decode(&state, golden.header.type, golden.body), RESULT_OK);
        ck_assert(gtid_set_has_tags(&state.set) == rows[i].tagged);
        uint8_t bytes[1024];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        gtid_set_encode(&writer, &state.set);
        ck_assert(span_equal(writer_span_written(&writer), golden.body));
        gtid_state_release(&state);
    }
    static const uint8_t untagged[] = {1,    0,    0,    0,    0,    0,    0, 0,    0xE4, 0x43, 0x74, 0x7A,
                                       0xE4, 0xE4, 0x11, 0xF1, 0xBC, 0xD7, 2, 0xFC, 0,    0,    0,    1,
                                       1,    0,    0,    0,    0,    0,    0, 0,    1,    0,    0,    0,
                                       0,    0,    0,    0,    8,    0,    0, 0,    0,    0,    0,    0};
    struct gtid_set set;
    gtid_set_init(&set);
    ck_assert_int_eq(gtid_set_decode(&set, (struct span){untagged, sizeof untagged}), RESULT_OK);
    assert_set(&set, U1 ":1-7");
    gtid_set_release(&set);
}
END_TEST

static void decode_set(struct span bytes, void *context)
{
    (void)context;
    struct gtid_set set;
    gtid_set_init(&set);
    if (gtid_set_decode(&set, bytes) == RESULT_OK)
        free(gtid_set_format(&set));
    gtid_set_release(&set);
}

static void parse_set(struct span bytes, void *context)
{
    (void)context;
    struct gtid_set set;
    gtid_set_init(&set);
    (void)!gtid_set_parse(&set, bytes);
    gtid_set_release(&set);
}

START_TEST(damage_does_no_harm)
{
    binlog_golden_load(&golden, "mysql_tagged_next");
    ck_assert(binlog_golden_next(&golden) && binlog_golden_next(&golden));
    binlog_damage(golden.body, decode_set, NULL);
    binlog_damage(span_of_text(U1 ":1-3:tag:5 , " U2 ":1\n"), parse_set, NULL);
}
END_TEST

START_TEST(an_ok_is_asked_by_its_text)
{
    static const struct {
        const char *text;
        bool contained;
    } rows[] = {
        {"",               true },
        {U1 ":5",          true },
        {U1 ":16-17",      true },
        {U1 ":17-18",      false},
        {U1 ":1-17",       true },
        {U1 ":tag:1",      true },
        {U1 ":tag:2",      false},
        {U1 ":17:tag:1",   true },
        {U2 ":1",          false},
        {U1 ":1," U2 ":1", false},
    };
    struct gtid_state state;
    gtid_state_init(&state, FLAVOR_MYSQL);
    ck_assert_int_eq(gtid_state_parse(&state, span_of_text(U1 ":1-17:tag:1")), RESULT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool contained = !rows[i].contained;
        ck_assert_int_eq(gtid_state_contains_text(&state, span_of_text(rows[i].text), &contained), RESULT_OK);
        ck_assert_msg(contained == rows[i].contained, "%s", rows[i].text);
    }
    bool contained;
    ck_assert_int_eq(gtid_state_contains_text(&state, span_of_text("0-1-8"), &contained), RESULT_MALFORMED);
    gtid_state_release(&state);
}
END_TEST

START_TEST(variable_length_integers_come_back)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t value = (bits == 64 ? 0 : UINT64_C(1) << bits) + (uint64_t)(int64_t)off;
            uint8_t bytes[10];
            struct writer writer;
            struct reader reader;
            writer_init(&writer, bytes, sizeof bytes);
            varint_write(&writer, value);
            reader_init(&reader, bytes, writer.length);
            ck_assert_uint_eq(varint_read(&reader), value);
            ck_assert(reader_at_end(&reader));
            writer_init(&writer, bytes, sizeof bytes);
            varint_write_signed(&writer, (int64_t)value);
            reader_init(&reader, bytes, writer.length);
            ck_assert_int_eq(varint_read_signed(&reader), (int64_t)value);
            ck_assert(reader_at_end(&reader));
            reader_init(&reader, bytes, writer.length - 1);
            (void)varint_read(&reader);
            ck_assert(reader_failed(&reader));
        }
    }
    /* the manual's examples: 65535 in 3 bytes, signed and not */
    static const uint8_t expected[] = {0xFB, 0xFF, 0x07, 0xF3, 0xFF, 0x0F,
                                       0xEB, 0xFF, 0x0F, 0xFB, 0xFF, 0x0F};
    uint8_t bytes[12];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    varint_write(&writer, 65535);
    varint_write_signed(&writer, 65535);
    varint_write_signed(&writer, -65535);
    varint_write_signed(&writer, -65536);
    ck_assert_uint_eq(writer.length, sizeof expected);
    ck_assert_mem_eq(bytes, expected, sizeof expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gtid_set");
    TCase *tests = tcase_create("gtid_set");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, text_is_normalised_as_the_server_does);
    tcase_add_test(tests, other_text_is_refused_and_changes_nothing);
    tcase_add_test(tests, one_gtid_as_text);
    tcase_add_test(tests, adding_the_next_gtid_does_not_allocate);
    tcase_add_test(tests, the_algebra_agrees_with_a_plain_model);
    tcase_add_test(tests, both_binary_forms_come_back);
    tcase_add_test(tests, previous_gtids_of_a_real_server_come_back_byte_for_byte);
    tcase_add_test(tests, damage_does_no_harm);
    tcase_add_test(tests, an_ok_is_asked_by_its_text);
    tcase_add_test(tests, variable_length_integers_come_back);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
