/*
 * The frames of a compressed connection, which carry the packets of packet.h as one stream of bytes.
 *
 * Manual: "Compression". A frame is length u24, sequence u8, plain length u24, payload; with a plain length
 * of 0 the payload is not compressed. Sequence numbers count frames, begin with 0 at every command, and have
 * nothing to do with those of the packets inside. Each frame is compressed by itself: zlib's format or one
 * zstd frame.
 *
 * Reading keeps no more than a decoder's window (zlib: 32 KiB, zstd: up to a frame's 16 MiB), and that only
 * while a frame is under way.
 */
#ifndef ACKGATE_PROTOCOL_COMPRESSED_H
#define ACKGATE_PROTOCOL_COMPRESSED_H

#include "protocol/error.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

enum {
    COMPRESSED_HEADER_BYTES = 7,
    COMPRESSED_PLAIN_MAX = 32 * 1024,     /* that compressor_frame() takes at a time */
    COMPRESSED_FRAME_MAX = 7 + 32 * 1024, /* … and what it makes of it */
    COMPRESSED_PLAIN_MIN = 50,            /* less is not worth it */
    COMPRESSED_ZLIB_LEVEL = 6,            /* as servers use it */
    COMPRESSED_ZSTD_LEVEL = 3,
    COMPRESSED_ZSTD_LEVEL_MAX = 22
};

enum compressed_method { COMPRESSED_ZLIB, COMPRESSED_ZSTD };

struct compressed_reader {
    enum compressed_method method;
    uint8_t header[COMPRESSED_HEADER_BYTES];
    uint8_t header_length; /* of it that has come */
    uint8_t next_sequence; /* after the last frame's */
    bool is_in_frame;
    bool is_stored;      /* the frame under way is not compressed */
    uint32_t left;       /* bytes of the frame that have not been read */
    uint32_t plain_left; /* and that have not been given out */
    void *decoder;       /* owned; NULL between frames */
};

void compressed_reader_init(struct compressed_reader *reader, enum compressed_method method);
void compressed_reader_release(struct compressed_reader *reader);
/* True: more can be given out without more being read. */
bool compressed_reader_has_rest(const struct compressed_reader *reader);
/*
 * Reads on in stream until it is used up or ret_plain is full. RESULT_MALFORMED: a frame does not hold what
 * its header says; the connection is of no use any more. Numbers are not checked: those of the packets inside
 * are what counts.
 */
MUST_CHECK enum result compressed_read(struct compressed_reader *reader, struct reader *stream,
                                       uint8_t *ret_plain, size_t room_bytes, size_t *ret_length);

/* What compressing needs; one for many connections. */
struct compressor;

struct compressor *compressor_new(void);
void compressor_free(struct compressor **compressor);
/*
 * Writes one frame of at most COMPRESSED_FRAME_MAX bytes; plain has 1 to COMPRESSED_PLAIN_MAX bytes. level
 * counts for zstd.
 */
void compressor_frame(struct compressor *compressor, enum compressed_method method, int level,
                      uint8_t sequence, struct span plain, struct writer *writer);

#endif
