/* The frames of compressed.h, with zlib and zstd. */
#include "protocol/compressed.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { ZSTD_WINDOW_LOG_MAX = 24 }; /* a frame has less than 16 MiB */

/* ---- reading ---- */

void compressed_reader_init(struct compressed_reader *reader, enum compressed_method method)
{
    *reader = (struct compressed_reader){.method = method};
}

void compressed_reader_release(struct compressed_reader *reader)
{
    if (reader->decoder != NULL && reader->method == COMPRESSED_ZLIB) {
        inflateEnd(reader->decoder);
        free(reader->decoder);
    } else if (reader->decoder != NULL) {
        ZSTD_freeDCtx(reader->decoder);
    }
    reader->decoder = NULL;
}

bool compressed_reader_has_rest(const struct compressed_reader *reader)
{
    return reader->is_in_frame && !reader->is_stored && reader->left == 0;
}

static void start_decoder(struct compressed_reader *reader)
{
    if (reader->method == COMPRESSED_ZLIB) {
        z_stream *stream = xcalloc(1, sizeof(*stream));
        int result = inflateInit(stream);
        assert(result == Z_OK);
        (void)result;
        reader->decoder = stream;
    } else {
        ZSTD_DCtx *context = ZSTD_createDCtx();
        assert(context != NULL);
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
        reader->decoder = context;
    }
}

/* RESULT_AGAIN: the header is not there yet. */
static enum result begin_frame(struct compressed_reader *reader, struct reader *stream)
{
    size_t missing = (size_t)COMPRESSED_HEADER_BYTES - reader->header_length;
    size_t length = reader_left(stream) < missing ? reader_left(stream) : missing;
    struct span part = reader_bytes(stream, length);
    if (length > 0)
        memcpy(reader->header + reader->header_length, part.data, length);
    reader->header_length = (uint8_t)(reader->header_length + length);
    if (length < missing)
        return RESULT_AGAIN;
    struct reader header;
    reader_init(&header, reader->header, sizeof(reader->header));
    reader->left = reader_u24(&header);
    reader->next_sequence = (uint8_t)(reader_u8(&header) + 1);
    reader->plain_left = reader_u24(&header);
    reader->header_length = 0;
    reader->is_in_frame = true;
    reader->is_stored = reader->plain_left == 0;
    if (reader->is_stored)
        reader->plain_left = reader->left;
    else
        start_decoder(reader);
    return RESULT_OK;
}

struct step {
    struct span in;
    uint8_t *out;
    size_t room;
    size_t used;
    size_t made;
    bool is_end;
};

static enum result inflate_step(z_stream *stream, struct step *step)
{
    stream->next_in = (Bytef *)(uintptr_t)step->in.data;
    stream->avail_in = (uInt)step->in.length;
    stream->next_out = step->out;
    stream->avail_out = (uInt)step->room;
    int result = inflate(stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return RESULT_MALFORMED;
    step->used = step->in.length - stream->avail_in;
    step->made = step->room - stream->avail_out;
    step->is_end = result == Z_STREAM_END;
    return RESULT_OK;
}

static enum result zstd_step(ZSTD_DCtx *context, struct step *step)
{
    ZSTD_inBuffer in = {step->in.data, step->in.length, 0};
    ZSTD_outBuffer out = {step->out, step->room, 0};
    size_t result = ZSTD_decompressStream(context, &out, &in);
    if (ZSTD_isError(result))
        return RESULT_MALFORMED;
    step->used = in.pos;
    step->made = out.pos;
    step->is_end = result == 0;
    return RESULT_OK;
}

static enum result copy_step(const struct compressed_reader *reader, struct step *step)
{
    step->used = step->made = step->in.length < step->room ? step->in.length : step->room;
    step->is_end = step->used == reader->left;
    if (step->used > 0)
        memcpy(step->out, step->in.data, step->used);
    return RESULT_OK;
}

static enum result do_step(struct compressed_reader *reader, struct step *step)
{
    if (reader->is_stored)
        return copy_step(reader, step);
    if (reader->method == COMPRESSED_ZLIB)
        return inflate_step(reader->decoder, step);
    return zstd_step(reader->decoder, step);
}

/* One step on in the frame under way. RESULT_AGAIN: it needs more bytes, or more room. */
static enum result take_frame(struct compressed_reader *reader, struct reader *stream, uint8_t *out,
                              size_t room, size_t *ret_made)
{
    size_t available = reader_left(stream) < reader->left ? reader_left(stream) : reader->left;
    struct step step = {
        .in = {stream->data + stream->at, available},
        .out = out,
        .room = room < reader->plain_left ? room : reader->plain_left
    };
    enum result result = do_step(reader, &step);
    if (result != RESULT_OK)
        return result;
    reader_skip(stream, step.used);
    reader->left -= (uint32_t)step.used;
    reader->plain_left -= (uint32_t)step.made;
    *ret_made = step.made;
    if (step.is_end) {
        if (reader->left > 0 || reader->plain_left > 0)
            return RESULT_MALFORMED;
        compressed_reader_release(reader);
        reader->is_in_frame = false;
        return RESULT_OK;
    }
    if (step.used > 0 || step.made > 0)
        return RESULT_OK;
    bool is_too_short = reader->left == 0 && (room > 0 || reader->plain_left == 0);
    bool is_too_long = reader->plain_left == 0 && available > 0;
    return is_too_short || is_too_long ? RESULT_MALFORMED : RESULT_AGAIN;
}

enum result compressed_read(struct compressed_reader *reader, struct reader *stream, uint8_t *ret_plain,
                            size_t room_bytes, size_t *ret_length)
{
    size_t length = 0;
    enum result result = RESULT_OK;
    while (result == RESULT_OK) {
        size_t made = 0;
        if (!reader->is_in_frame)
            result = begin_frame(reader, stream);
        else
            result = take_frame(reader, stream, ret_plain + length, room_bytes - length, &made);
        length += made;
    }
    if (result != RESULT_AGAIN)
        return result;
    *ret_length = length;
    return RESULT_OK;
}

/* ---- writing ---- */

struct compressor {
    z_stream zlib;
    bool has_zlib;
    ZSTD_CCtx *zstd; /* NULL until it is needed */
};

struct compressor *compressor_new(void)
{
    return xcalloc(1, sizeof(struct compressor));
}

void compressor_free(struct compressor **compressor)
{
    if (*compressor == NULL)
        return;
    if ((*compressor)->has_zlib)
        deflateEnd(&(*compressor)->zlib);
    ZSTD_freeCCtx((*compressor)->zstd);
    free(*compressor);
    *compressor = NULL;
}

/* The compressed length; 0: it does not get shorter. */
static size_t with_zlib(struct compressor *compressor, struct span plain, uint8_t *out)
{
    z_stream *stream = &compressor->zlib;
    if (!compressor->has_zlib) {
        int result = deflateInit(stream, COMPRESSED_ZLIB_LEVEL);
        assert(result == Z_OK);
        (void)result;
        compressor->has_zlib = true;
    }
    deflateReset(stream);
    stream->next_in = (Bytef *)(uintptr_t)plain.data;
    stream->avail_in = (uInt)plain.length;
    stream->next_out = out;
    stream->avail_out = (uInt)(plain.length - 1);
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return 0;
    return plain.length - 1 - stream->avail_out;
}

static size_t with_zstd(struct compressor *compressor, int level, struct span plain, uint8_t *out)
{
    if (compressor->zstd == NULL)
        compressor->zstd = ZSTD_createCCtx();
    assert(compressor->zstd != NULL);
    size_t length =
        ZSTD_compressCCtx(compressor->zstd, out, plain.length - 1, plain.data, plain.length, level);
    return ZSTD_isError(length) ? 0 : length;
}

void compressor_frame(struct compressor *compressor, enum compressed_method method, int level,
                      uint8_t sequence, struct span plain, struct writer *writer)
{
    uint8_t bytes[COMPRESSED_PLAIN_MAX];
    size_t length = 0;
    assert(plain.length > 0 && plain.length <= COMPRESSED_PLAIN_MAX);
    if (plain.length >= COMPRESSED_PLAIN_MIN)
        length = method == COMPRESSED_ZLIB ? with_zlib(compressor, plain, bytes)
                                           : with_zstd(compressor, level, plain, bytes);
    writer_u24(writer, (uint32_t)(length > 0 ? length : plain.length));
    writer_u8(writer, sequence);
    writer_u24(writer, (uint32_t)(length > 0 ? plain.length : 0));
    writer_span(writer, length > 0 ? (struct span){bytes, length} : plain);
}
