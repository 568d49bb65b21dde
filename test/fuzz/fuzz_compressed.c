/* Frames of a compressed connection: whatever comes, in whatever pieces, no more comes out than a frame's
 * header says and the reader always gets on; and what is framed here comes out again. */
#include "protocol/compressed.h"

#include "test/fuzz/fuzz.h"

#include <string.h>

enum { ROOM = 4096 };

static void read_all(struct span framed, enum compressed_method method, size_t piece)
{
    struct compressed_reader reader;
    enum result result = RESULT_OK;
    compressed_reader_init(&reader, method);
    for (size_t at = 0; result == RESULT_OK && (at < framed.length || compressed_reader_has_rest(&reader));) {
        uint8_t out[ROOM];
        struct reader stream;
        size_t made = 0;
        size_t given = framed.length - at < piece ? framed.length - at : piece;
        reader_init(&stream, framed.data + at, given);
        result = compressed_read(&reader, &stream, out, sizeof out, &made);
        fuzz_check(made <= sizeof out);
        fuzz_check(result != RESULT_OK || made > 0 || stream.at > 0);
        at += stream.at;
    }
    compressed_reader_release(&reader);
}

static void frame_and_read(struct span plain, enum compressed_method method)
{
    struct compressor *compressor = compressor_new();
    struct compressed_reader reader;
    uint8_t frame[COMPRESSED_FRAME_MAX], out[ROOM];
    struct writer writer;
    struct reader stream;
    size_t made;
    plain.length = plain.length < ROOM ? plain.length : ROOM;
    writer_init(&writer, frame, sizeof frame);
    compressor_frame(compressor, method, COMPRESSED_ZSTD_LEVEL, 0, plain, &writer);
    compressed_reader_init(&reader, method);
    reader_init_span(&stream, writer_span_written(&writer));
    fuzz_check(compressed_read(&reader, &stream, out, sizeof out, &made) == RESULT_OK);
    fuzz_check(made == plain.length && memcmp(out, plain.data, made) == 0);
    compressed_reader_release(&reader);
    compressor_free(&compressor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 3 || length > 60000)
        return 0;
    enum compressed_method method = data[0] & 1 ? COMPRESSED_ZSTD : COMPRESSED_ZLIB;
    struct span bytes = fuzz_copy((struct span){data + 2, length - 2});
    read_all(bytes, method, (size_t)data[1] + 1);
    frame_and_read(bytes, method);
    fuzz_free(bytes);
    return 0;
}
