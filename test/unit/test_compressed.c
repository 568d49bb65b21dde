/* layer: protocol */
/* Frames: what goes in comes out, however the bytes are cut and however little room there is; and what a
 * frame's header does not promise never comes out. */
#include "protocol/compressed.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ROOM = 400000, FRAMES = 5 };

static const size_t lengths[FRAMES] = {1, COMPRESSED_PLAIN_MIN - 1, COMPRESSED_PLAIN_MIN, 700, 3000};

struct stream {
    uint8_t *plain;
    size_t plain_length;
    uint8_t *framed;
    size_t framed_length;
};

/* Half of it repeats, half of it does not compress. */
static void fill(uint8_t *bytes, size_t length)
{
    uint32_t state = 7;
    for (size_t i = 0; i < length; i++) {
        state = state * 1103515245 + 12345;
        bytes[i] = (uint8_t)(i / 1000 % 2 == 0 ? 'a' : state >> 16);
    }
}

static struct stream stream_new(enum compressed_method method)
{
    struct stream stream = {.plain = malloc(ROOM), .framed = malloc(ROOM)};
    struct compressor *compressor = compressor_new();
    struct writer writer;
    fill(stream.plain, ROOM);
    writer_init(&writer, stream.framed, ROOM);
    for (size_t i = 0; i < FRAMES; i++) {
        struct span plain = {stream.plain + stream.plain_length, lengths[i]};
        compressor_frame(compressor, method, COMPRESSED_ZSTD_LEVEL, (uint8_t)i, plain, &writer);
        stream.plain_length += lengths[i];
    }
    ck_assert(!writer_failed(&writer));
    stream.framed_length = writer.length;
    compressor_free(&compressor);
    return stream;
}

static void stream_free(struct stream *stream)
{
    free(stream->plain);
    free(stream->framed);
}

static void check_cut(const struct stream *stream, enum compressed_method method, size_t piece, size_t room)
{
    struct compressed_reader reader;
    uint8_t *out = malloc(stream->plain_length + room);
    size_t length = 0;
    compressed_reader_init(&reader, method);
    for (size_t at = 0; at < stream->framed_length || compressed_reader_has_rest(&reader);) {
        size_t given = stream->framed_length - at < piece ? stream->framed_length - at : piece;
        struct reader bytes;
        size_t made;
        reader_init(&bytes, stream->framed + at, given);
        ck_assert_int_eq(compressed_read(&reader, &bytes, out + length, room, &made), RESULT_OK);
        ck_assert(made > 0 || bytes.at > 0);
        ck_assert_uint_le(made, room);
        at += bytes.at;
        length += made;
        ck_assert_uint_le(length, stream->plain_length);
    }
    ck_assert_uint_eq(length, stream->plain_length);
    ck_assert_mem_eq(out, stream->plain, length);
    ck_assert_uint_eq(reader.next_sequence, FRAMES);
    ck_assert_ptr_null(reader.decoder);
    free(out);
}

START_TEST(what_goes_in_comes_out)
{
    static const size_t cuts[] = {1, 7, 1000, ROOM};
    enum compressed_method method = (enum compressed_method)_i;
    struct stream stream = stream_new(method);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        for (size_t j = 0; j < sizeof cuts / sizeof *cuts; j++)
            check_cut(&stream, method, cuts[i], cuts[j]);
    stream_free(&stream);
}
END_TEST

START_TEST(frames_look_as_the_manual_says)
{
    struct compressor *compressor = compressor_new();
    uint8_t bytes[COMPRESSED_FRAME_MAX], plain[100];
    struct writer writer;
    uLongf length = sizeof plain;
    memset(plain, 'x', sizeof plain);
    writer_init(&writer, bytes, sizeof bytes);
    compressor_frame(compressor, COMPRESSED_ZLIB, 0, 3, (struct span){plain, 5}, &writer);
    ck_assert_uint_eq(writer.length, 12);
    ck_assert_mem_eq(bytes, "\5\0\0\3\0\0\0xxxxx", 12);
    writer_init(&writer, bytes, sizeof bytes);
    compressor_frame(compressor, COMPRESSED_ZLIB, 0, 4, (struct span){plain, sizeof plain}, &writer);
    ck_assert_mem_eq(bytes + 3, "\4\x64\0\0", 4);
    ck_assert_uint_eq(bytes[0] + 7U, writer.length);
    memset(plain, 0, sizeof plain);
    ck_assert_int_eq(uncompress(plain, &length, bytes + 7, bytes[0]), Z_OK);
    ck_assert_uint_eq(length, sizeof plain);
    ck_assert_uint_eq(plain[99], 'x');
    compressor_free(&compressor);
}
END_TEST

/* One frame's bytes, read as a whole. */
static enum result read_frame(enum compressed_method method, const uint8_t *bytes, size_t length,
                              bool *ret_is_over)
{
    static uint8_t out[ROOM];
    struct compressed_reader reader;
    struct reader stream;
    size_t made;
    compressed_reader_init(&reader, method);
    reader_init(&stream, bytes, length);
    enum result result = compressed_read(&reader, &stream, out, sizeof out, &made);
    *ret_is_over = result == RESULT_OK && !reader.is_in_frame;
    compressed_reader_release(&reader);
    return result;
}

/* A header that promises more or less than there is; a byte too few or too many; noise. */
START_TEST(wrong_frames_are_refused)
{
    enum compressed_method method = (enum compressed_method)_i;
    struct compressor *compressor = compressor_new();
    uint8_t plain[3000], bytes[COMPRESSED_FRAME_MAX + 1];
    struct writer writer;
    bool is_over;
    memset(plain, 'y', sizeof plain);
    writer_init(&writer, bytes, sizeof bytes);
    compressor_frame(compressor, method, 3, 0, (struct span){plain, sizeof plain}, &writer);
    ck_assert_int_eq(read_frame(method, bytes, writer.length, &is_over), RESULT_OK);
    ck_assert(is_over);
    for (int change = -1; change <= 1; change += 2) {
        bytes[4] = (uint8_t)(bytes[4] + change);
        ck_assert_int_eq(read_frame(method, bytes, writer.length, &is_over), RESULT_MALFORMED);
        bytes[4] = (uint8_t)(bytes[4] - change);
    }
    bytes[0]--;
    ck_assert_int_eq(read_frame(method, bytes, writer.length - 1, &is_over), RESULT_MALFORMED);
    bytes[0] = (uint8_t)(bytes[0] + 2);
    bytes[writer.length] = 0;
    ck_assert_int_eq(read_frame(method, bytes, writer.length + 1, &is_over), RESULT_MALFORMED);
    bytes[0]--;
    memset(bytes + 7, 0x5A, writer.length - 7);
    ck_assert_int_eq(read_frame(method, bytes, writer.length, &is_over), RESULT_MALFORMED);
    compressor_free(&compressor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compressed");
    TCase *tcase = tcase_create("compressed");
    tcase_add_loop_test(tcase, what_goes_in_comes_out, COMPRESSED_ZLIB, COMPRESSED_ZSTD + 1);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, frames_look_as_the_manual_says);
    tcase_add_loop_test(tcase, wrong_frames_are_refused, COMPRESSED_ZLIB, COMPRESSED_ZSTD + 1);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
