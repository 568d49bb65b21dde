/* Session-state changes of track.h. */
#include "protocol/track.h"

#include "protocol/constants.h"
#include "protocol/response.h"

#include <assert.h>

#define GTIDS_AS_TEXT 0 /* the only encoding there is */

void track_cursor_init(struct track_cursor *cursor, struct span state)
{
    reader_init_span(&cursor->reader, state);
}

bool track_cursor_next(struct track_cursor *cursor, struct track_entry *ret_entry)
{
    if (reader_left(&cursor->reader) == 0)
        return false;
    struct track_entry entry = {.type = reader_u8(&cursor->reader)};
    entry.data = reader_lenenc_string(&cursor->reader);
    if (reader_failed(&cursor->reader))
        return false;
    *ret_entry = entry;
    return true;
}

enum result track_cursor_result(const struct track_cursor *cursor)
{
    return reader_result(&cursor->reader);
}

enum result track_variable_decode(struct reader *data, struct span *ret_name, struct span *ret_value)
{
    struct span value = {0};
    struct span name = reader_lenenc_string(data);
    if (!reader_failed(data))
        (void)reader_lenenc_string_or_null(data, &value);
    enum result result = reader_result(data);
    if (result == RESULT_OK) {
        *ret_name = name;
        *ret_value = value;
    }
    return result;
}

enum result track_string_decode(struct span data, struct span *ret_text)
{
    struct reader reader;
    reader_init_span(&reader, data);
    struct span text = reader_lenenc_string(&reader);
    enum result result = reader_result_at_end(&reader);
    if (result == RESULT_OK)
        *ret_text = text;
    return result;
}

enum result track_gtids_decode(struct span data, struct span *ret_gtids)
{
    struct reader reader;
    reader_init_span(&reader, data);
    uint8_t encoding = reader_u8(&reader);
    if (!reader_failed(&reader) && encoding != GTIDS_AS_TEXT)
        return RESULT_UNSUPPORTED;
    struct span gtids = reader_lenenc_string(&reader);
    enum result result = reader_result_at_end(&reader);
    if (result == RESULT_OK)
        *ret_gtids = gtids;
    return result;
}

/* Bytes of a length-encoded string, its length included. */
static size_t lenenc_bytes(size_t length)
{
    size_t prefix = length < 251 ? 1 : length <= 0xFFFF ? 3 : length <= 0xFFFFFF ? 4 : 9;
    return prefix + length;
}

void track_variable_encode(struct writer *writer, struct span name, struct span value)
{
    writer_u8(writer, TRACK_SYSTEM_VARIABLES);
    writer_lenenc(writer, lenenc_bytes(name.length) + lenenc_bytes(value.length));
    writer_lenenc_string(writer, name);
    writer_lenenc_string(writer, value);
}

void track_gtids_encode(struct writer *writer, struct span gtids)
{
    writer_u8(writer, TRACK_GTIDS);
    writer_lenenc(writer, 1 + lenenc_bytes(gtids.length));
    writer_u8(writer, GTIDS_AS_TEXT);
    writer_lenenc_string(writer, gtids);
}

void track_string_encode(struct writer *writer, uint8_t type, struct span text)
{
    assert(type != TRACK_GTIDS && type != TRACK_SYSTEM_VARIABLES);
    writer_u8(writer, type);
    writer_lenenc(writer, lenenc_bytes(text.length));
    writer_lenenc_string(writer, text);
}

static void note_variable(struct response_gtids *gtids, struct span name, struct span value)
{
    if (span_is_text(name, "last_gtid")) {
        gtids->last_gtid = value;
    } else if (span_is_text(name, "session_track_gtids")) {
        gtids->track_gtids_changed = true;
        gtids->track_gtids = value;
    } else if (span_is_text(name, "session_track_system_variables")) {
        gtids->track_variables_changed = true;
        gtids->track_variables = value;
    }
}

static enum result note_variables(struct response_gtids *gtids, struct span data)
{
    struct reader reader;
    reader_init_span(&reader, data);
    while (reader_left(&reader) > 0) {
        struct span name;
        struct span value;
        enum result result = track_variable_decode(&reader, &name, &value);
        if (result != RESULT_OK)
            return result;
        note_variable(gtids, name, value);
    }
    return RESULT_OK;
}

static enum result note_state(struct response_gtids *gtids, struct span state)
{
    struct track_cursor cursor;
    struct track_entry entry;
    track_cursor_init(&cursor, state);
    while (track_cursor_next(&cursor, &entry)) {
        enum result result = RESULT_OK;
        if (entry.type == TRACK_GTIDS)
            result = track_gtids_decode(entry.data, &gtids->own_gtids);
        else if (entry.type == TRACK_SYSTEM_VARIABLES)
            result = note_variables(gtids, entry.data);
        if (result != RESULT_OK)
            return result;
    }
    return track_cursor_result(&cursor);
}

enum result response_find_gtids(struct span payload, uint64_t caps, struct response_gtids *ret_gtids)
{
    struct response_gtids gtids = {0};
    struct response_ok ok;
    enum result result = response_ok_decode(payload, caps, &ok);
    if (result != RESULT_OK)
        return result;
    gtids.status = ok.status;
    if (ok.state.length > 0)
        result = note_state(&gtids, ok.state);
    if (result == RESULT_OK)
        *ret_gtids = gtids;
    return result;
}
