/* The intake of source_intake.h. */
#include "proxy/source_intake.h"

#include "protocol/binlog_rotate.h"
#include "proxy/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void source_intake_init(struct source_intake *intake, struct store *store, enum flavor flavor,
                        struct position start)
{
    intake->store = store;
    intake->flavor = flavor;
    intake->at = start;
    intake->has_file = intake->has_format = false;
    intake->message[0] = '\0';
}

/* A file whose end has come is as long as it was: who has lost what stood there must not go on with another
 * one, in which nobody would notice. */
static enum result check_file_end(struct source_intake *intake, uint64_t next_file)
{
    uint64_t end;
    bool is_over = intake->has_file && next_file != intake->at.file;
    if (!is_over || store_file_end(intake->store, intake->at.file, &end) != RESULT_OK ||
        intake->at.offset >= end)
        return RESULT_OK;
    snprintf(intake->message, sizeof(intake->message),
             "file %" PRIu64 " ends at %" PRIu64 ", and was received up to %" PRIu64
             ": the end of it is lost",
             intake->at.file, intake->at.offset, end);
    return RESULT_DIVERGED;
}

static enum result take_rotate(struct source_intake *intake, struct span event)
{
    bool is_checksummed = binlog_event_check(event) == RESULT_OK; /* it may come before any format is known */
    struct span body;
    struct binlog_rotate rotate;
    enum result result = binlog_event_body(event, is_checksummed, &body);
    if (result == RESULT_OK)
        result = binlog_rotate_decode(body, &rotate);
    uint64_t file = 0;
    if (result == RESULT_OK)
        result = binlog_name_parse(rotate.name, NULL, &file);
    if (result != RESULT_OK) {
        snprintf(intake->message, sizeof(intake->message), "a ROTATE event is %s", result_text(result));
        return result;
    }
    struct store *store = intake->store;
    result = check_file_end(intake, file);
    if (result != RESULT_OK)
        return result;
    if (store_is_empty(store) || file >= store_end(store).file) {
        char name[BINLOG_NAME_MAX];
        result = span_copy_text(rotate.name, name, sizeof(name));
        if (result == RESULT_OK)
            result = store_begin_file(store, intake->flavor, name);
        if (result != RESULT_OK) {
            snprintf(intake->message, sizeof(intake->message), "cannot go on in file %s: %s",
                     log_quote(rotate.name), result_text(result));
            return result;
        }
    }
    intake->at = (struct position){file, rotate.position};
    intake->has_file = true;
    return RESULT_OK;
}

/* The offsets that the source gives must be the ones that we count; a gap would be lost bytes. */
static enum result check_place(struct source_intake *intake, const struct binlog_event_header *header)
{
    uint64_t end = intake->at.offset + header->length;
    if (binlog_event_fits_end(header, intake->flavor, end))
        return RESULT_OK;
    snprintf(intake->message, sizeof(intake->message),
             "a %s event ends at %" PRIu32 " by its header and at %" PRIu64 " by our count in file %" PRIu64,
             binlog_event_type_name(header->type), header->log_pos, end, intake->at.file);
    return RESULT_DIVERGED;
}

/* Nothing is stored unless it is known where, and how to check it. */
static enum result check_begun(struct source_intake *intake)
{
    if (intake->has_file && intake->has_format)
        return RESULT_OK;
    snprintf(intake->message, sizeof(intake->message), "an event came before the dump's %s",
             intake->has_file ? "format description" : "ROTATE event");
    return RESULT_MALFORMED;
}

static bool is_stored_already(const struct source_intake *intake)
{
    return position_compare(intake->at, store_end(intake->store)) < 0;
}

static enum result compare(struct source_intake *intake, uint64_t offset, struct span bytes)
{
    enum result result = store_compare(intake->store, (struct position){intake->at.file, offset}, bytes);
    if (result == RESULT_NOT_FOUND)
        result = RESULT_DIVERGED; /* the store ends inside of an event of the source */
    if (result == RESULT_DIVERGED)
        snprintf(intake->message, sizeof(intake->message),
                 "file %" PRIu64 " has other bytes at %" PRIu64 " than when they came first", intake->at.file,
                 offset);
    return result;
}

/* The event that was written is whole. */
static enum result end_stored(struct source_intake *intake, const struct binlog_event_header *header,
                              struct span head)
{
    enum result result = store_event_done(intake->store, header, head);
    if (result != RESULT_OK)
        snprintf(intake->message, sizeof(intake->message),
                 "the store does not take a %s event at %" PRIu64 " of file %" PRIu64 ": %s",
                 binlog_event_type_name(header->type), intake->at.offset, intake->at.file,
                 result_text(result));
    return result;
}

/* An event that stands in the source's file: stored, or compared when it was stored before. */
static enum result take_stored(struct source_intake *intake, const struct binlog_event_header *header,
                               struct span event)
{
    enum result result = check_begun(intake);
    if (result == RESULT_OK)
        result = check_place(intake, header);
    if (result != RESULT_OK)
        return result;
    if (is_stored_already(intake)) {
        result = compare(intake, intake->at.offset, event);
    } else {
        result = store_write(intake->store, event);
        if (result == RESULT_OK)
            result = end_stored(intake, header, event);
    }
    intake->at.offset += header->length;
    return result;
}

static enum result take_format(struct source_intake *intake, const struct binlog_event_header *header,
                               struct span event)
{
    enum result result = binlog_format_decode(event, &intake->format);
    if (result != RESULT_OK) {
        snprintf(intake->message, sizeof(intake->message), "a format description is %s", result_text(result));
        return result;
    }
    intake->has_format = true;
    return header->log_pos == 0 ? RESULT_OK : take_stored(intake, header, event);
}

static enum result check_event(struct source_intake *intake, const struct binlog_event_header *header,
                               struct span event)
{
    bool is_checksummed = intake->has_format && binlog_format_is_checksummed(&intake->format);
    enum result result = is_checksummed ? binlog_event_check(event) : RESULT_OK;
    if (result != RESULT_OK)
        snprintf(intake->message, sizeof(intake->message),
                 "a %s event at %" PRIu64 " of file %" PRIu64 ": %s", binlog_event_type_name(header->type),
                 intake->at.offset, intake->at.file, result_text(result));
    return result;
}

/* A dump that begins inside of an encrypted file of MariaDB's says again how that is encrypted; what it sends
 * is not. */
static bool is_repeated(const struct binlog_event_header *header)
{
    return header->type == BINLOG_MARIADB_START_ENCRYPTION && header->log_pos == 0;
}

enum result source_intake_event(struct source_intake *intake, struct span event)
{
    struct binlog_event_header header;
    enum result result = binlog_event_header_decode(event, &header);
    if (result == RESULT_OK && header.length != event.length)
        result = RESULT_MALFORMED;
    if (result != RESULT_OK) {
        snprintf(intake->message, sizeof(intake->message), "an event's header is %s", result_text(result));
        return result;
    }
    if (header.type == BINLOG_ROTATE && binlog_rotate_is_artificial(&header))
        return take_rotate(intake, event);
    if (header.type == BINLOG_FORMAT_DESCRIPTION)
        return take_format(intake, &header, event);
    result = check_event(intake, &header, event);
    if (result != RESULT_OK || !binlog_event_type_is_stored(header.type) || is_repeated(&header))
        return result; /* a heartbeat has done its work by arriving */
    return take_stored(intake, &header, event);
}

/* ---- long events ---- */

enum result source_intake_begin(struct source_intake *intake, struct span header_bytes)
{
    struct source_intake_long *part = &intake->part;
    enum result result = binlog_event_header_decode(header_bytes, &part->header);
    if (result == RESULT_OK && !binlog_event_type_is_stored(part->header.type))
        result = RESULT_MALFORMED;
    if (result == RESULT_OK)
        result = check_begun(intake);
    if (result != RESULT_OK)
        return result;
    part->seen = part->head_length = 0;
    part->verdict = check_place(intake, &part->header);
    binlog_crc_init(&part->crc, &part->header);
    return RESULT_OK;
}

enum result source_intake_piece(struct source_intake *intake, struct span piece)
{
    struct source_intake_long *part = &intake->part;
    if (piece.length > part->header.length - part->seen) {
        snprintf(intake->message, sizeof(intake->message), "an event is longer than its header says");
        return RESULT_MALFORMED;
    }
    binlog_crc_update(&part->crc, piece);
    size_t room = SOURCE_INTAKE_HEAD_BYTES - part->head_length;
    size_t copied = piece.length < room ? piece.length : room;
    memcpy(part->head + part->head_length, piece.data, copied);
    part->head_length += copied;
    uint64_t offset = intake->at.offset + part->seen;
    part->seen += piece.length;
    if (part->verdict != RESULT_OK)
        return RESULT_OK;
    if (!is_stored_already(intake))
        return store_write(intake->store, piece);
    part->verdict = compare(intake, offset, piece);
    return RESULT_OK;
}

enum result source_intake_end(struct source_intake *intake)
{
    struct source_intake_long *part = &intake->part;
    enum result result = part->seen == part->header.length ? RESULT_OK : RESULT_TRUNCATED;
    if (result == RESULT_OK && binlog_format_is_checksummed(&intake->format))
        result = binlog_crc_final(&part->crc);
    if (result != RESULT_OK) {
        snprintf(intake->message, sizeof(intake->message), "an event of %" PRIu32 " bytes: %s",
                 part->header.length, result_text(result));
        return result;
    }
    result = part->verdict;
    if (result == RESULT_OK && !is_stored_already(intake))
        result = end_stored(intake, &part->header, (struct span){part->head, part->head_length});
    intake->at.offset += part->header.length;
    return result;
}
