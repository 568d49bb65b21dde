/*
 * The journal's bytes on disk. This comment is the specification, version 1.
 *
 * A journal is a directory of SEGMENTS, files called journal.000001, journal.000002, … (six digits at least),
 * and an empty file `lock`, which the process that writes holds locked. Other files are none of ours.
 * Integers are little endian; a text is its bytes and a NUL; a position is its file u64 and its offset u64.
 *
 * Segment:  header, frames, end mark.
 * Header, 32 bytes:
 *      8  magic: FE 'A' 'G' 'J' 'N' 'L' 0D 0A
 *      4  format version: 1
 *      8  creation time, ms since 1970
 *      8  sequence of its first frame
 *      4  CRC-32C of the 28 bytes before
 * Frame, 37 bytes and a body:
 *      4  length of the body, at most JOURNAL_BODY_MAX
 *      4  CRC-32C of the frame without this field
 *      1  type, enum journal_type
 *      8  sequence: one more than that of the frame before
 *      8  durable: the highest sequence that was known to be on the disk when this frame was made
 *      4  epoch, which each discard makes one higher
 *      8  time, ms since 1970
 *      …  body; journal_record.h has one layout for each type, journal_checkpoint.c that of the checkpoint
 * End mark, 4 bytes: FF FF FF FF. The next write puts its frames, and the mark behind them, in its place.
 *
 * A segment's first frame is a checkpoint: the whole state that all frames before it made. So a segment needs
 * no older one, and those are removed: first the new segment is synced, then the directory, then older ones
 * are removed, then the directory is synced again, and only then is anything in the new segment called
 * durable. Hence, while an older segment is there, nobody has relied on a newer one yet. Each start of the
 * writer begins a new segment, so nothing is ever appended behind a torn tail.
 *
 * VALID is a frame that lies in the file as a whole, has the right checksum, a sequence one higher than the
 * frame before it and a `durable` below its own sequence. Valid bytes that make no sense (a type or a body
 * that this version does not know) refuse the journal as malformed or not supported; nothing is skipped.
 *
 * Reading: the newest segment with a valid header and a valid checkpoint is the one. When there is none, the
 * journal is DAMAGED, except for a torn first segment that is alone: then it is empty. Frames are replayed up
 * to the end mark at the end of the file, or up to what is not valid. Then that is
 *   - the TORN TAIL, if no valid frame behind it says in its `durable` that the invalid one was on the disk:
 *     a crash may leave any part of what was not synced, in any order. It is cut off there, and the reader's
 *     report says so: the state may then lack an attachment, so it is unproven (journal_state.h). A file that
 *     ends without its end mark has lost its tail in this sense, even when all its frames are valid.
 *   - DAMAGE otherwise. The journal is refused, with file and offset.
 * A format version above ours refuses the journal as not supported.
 *
 * A crash can leave: a torn tail; a torn newest segment beside the one before it; old segments that had not
 * been removed yet. Records that only lag (acks, confirm, detach) may be missing without a trace, because
 * they are not synced one by one; who reads what is missing as "may have been sent" is right in any case.
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_FORMAT_H
#define ACKGATE_RECOVERY_JOURNAL_FORMAT_H

#include "protocol/reader.h"
#include "protocol/writer.h"

#define JOURNAL_VERSION      1u
#define JOURNAL_HEADER_BYTES 32u
#define JOURNAL_FRAME_BYTES  37u          /* of a frame with an empty body */
#define JOURNAL_BODY_MAX     (256u << 20) /* a checkpoint; everything else is far smaller */
#define JOURNAL_END_BYTES    4u
#define JOURNAL_NAME_MAX     32 /* "journal." , 20 digits and a NUL */

struct journal_header {
    uint32_t version;
    uint64_t created_ms;
    uint64_t first_sequence;
};

struct journal_frame {
    uint8_t type;
    uint64_t sequence;
    uint64_t durable;
    uint32_t epoch;
    uint64_t time_ms;
    struct span body;
};

void journal_header_encode(struct writer *writer, const struct journal_header *header);
/* RESULT_TRUNCATED, RESULT_MALFORMED (magic), RESULT_CHECKSUM, RESULT_UNSUPPORTED (version; only with a valid
 * checksum). */
MUST_CHECK enum result journal_header_decode(struct reader *reader, struct journal_header *ret_header);

void journal_frame_encode(struct writer *writer, const struct journal_frame *frame);
/* The body points into the reader's bytes. RESULT_TRUNCATED, RESULT_TOO_LARGE (length), RESULT_CHECKSUM; the
 * reader stands behind the frame after RESULT_OK and is not to be used after a failure. */
MUST_CHECK enum result journal_frame_decode(struct reader *reader, struct journal_frame *ret_frame);

void journal_end_encode(struct writer *writer);
bool journal_end_is_at(struct span bytes, size_t at); /* the mark and nothing else from there on */

void journal_segment_format(uint64_t number, char ret_name[JOURNAL_NAME_MAX]);
/* False: not a segment's name. */
bool journal_segment_parse(const char *name, uint64_t *ret_number);

#endif
