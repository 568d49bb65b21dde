/* Responses: OK, ERR, EOF and their rewriting for a client with fewer capabilities, trackers, result sets. */
#include "protocol/constants.h"
#include "protocol/response.h"
#include "protocol/resultset.h"
#include "protocol/track.h"
#include "test/fuzz/fuzz.h"

/* 0xFE begins an OK only where EOF packets are done away with. */
static bool may_be_ok(struct span payload, uint64_t caps)
{
    return payload.length > 0 && (payload.data[0] == RESPONSE_HEADER_OK || (caps & CAP_DEPRECATE_EOF) != 0);
}

static void try_ok(struct span payload, uint64_t caps)
{
    struct response_ok ok, again;
    if (!may_be_ok(payload, caps) || response_ok_decode(payload, caps, &ok) != RESULT_OK)
        return;
    uint8_t bytes[70000];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    response_ok_encode(&writer, &ok, caps);
    fuzz_check(!writer_failed(&writer));
    fuzz_check(response_ok_decode(writer_span_written(&writer), caps, &again) == RESULT_OK);
    fuzz_check(ok.affected_rows == again.affected_rows && ok.last_insert_id == again.last_insert_id);
    fuzz_check(span_equal(ok.info, again.info) && span_equal(ok.state, again.state));
    uint16_t status;
    fuzz_check(response_status(payload, caps, &status) == RESULT_OK && status == ok.status);
}

static void try_rewrite(struct span payload, uint64_t caps, uint64_t client_caps)
{
    uint8_t bytes[70000];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    client_caps &= caps;
    if (!may_be_ok(payload, caps) ||
        response_ok_rewrite(payload, caps, client_caps, FLAVOR_MYSQL, &writer) != RESULT_OK)
        return;
    struct span rewritten = writer_span_written(&writer);
    uint16_t before, after;
    fuzz_check(response_status(payload, caps, &before) == RESULT_OK);
    fuzz_check(response_status(rewritten, client_caps, &after) == RESULT_OK);
    uint16_t may_go = STATUS_SESSION_STATE_CHANGED;
    if ((before & STATUS_OUT_PARAMETERS) != 0)
        may_go |= STATUS_OUT_PARAMETERS | STATUS_MORE_RESULTS;
    fuzz_check(((before ^ after) & ~may_go) == 0);
}

static void try_trackers(struct span payload, uint64_t caps)
{
    struct response_gtids gtids;
    (void)!response_find_gtids(payload, caps, &gtids);
    struct track_cursor cursor;
    track_cursor_init(&cursor, payload);
    struct track_entry entry;
    while (track_cursor_next(&cursor, &entry)) {
        struct span name, value;
        struct reader reader;
        reader_init_span(&reader, entry.data);
        while (!reader_at_end(&reader) && track_variable_decode(&reader, &name, &value) == RESULT_OK)
            ;
        (void)!track_string_decode(entry.data, &name);
        (void)!track_gtids_decode(entry.data, &name);
    }
    (void)!track_cursor_result(&cursor);
}

/* The payload as several packets, each with a length byte before it. */
static void try_resultset(struct span payload, uint64_t caps)
{
    struct resultset_reader resultset;
    resultset_reader_init(&resultset,
                          caps & ~(CAP_OPTIONAL_METADATA | CAP_MARIADB_METADATA | CAP_MARIADB_CACHE));
    struct reader reader;
    reader_init_span(&reader, payload);
    while (reader_left(&reader) > 0) {
        struct span packet = fuzz_copy(reader_bytes(&reader, reader_u8(&reader)));
        enum resultset_step step = RESULTSET_STEP_MORE;
        enum result result = resultset_reader_next(&resultset, packet, &step);
        struct resultset_value values[16];
        if (result == RESULT_OK && step == RESULTSET_STEP_ROW && resultset.columns <= 16)
            (void)!resultset_row_decode(packet, (size_t)resultset.columns, values);
        fuzz_free(packet);
        if (result != RESULT_OK)
            break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 16 || length > 60000)
        return 0;
    struct reader reader;
    reader_init(&reader, data, length);
    uint64_t caps = reader_u64(&reader) | CAP_PROTOCOL_41;
    uint64_t client_caps = reader_u64(&reader) | CAP_PROTOCOL_41;
    struct span payload = fuzz_copy(reader_rest(&reader));
    (void)response_kind_of_first(payload, payload.length, caps);
    if (payload.length > 0)
        (void)response_kind_of_row(payload.data[0], payload.length, caps);
    (void)response_is_error(payload);
    try_ok(payload, caps);
    try_rewrite(payload, caps, client_caps);
    try_trackers(payload, caps);
    try_resultset(payload, caps);
    struct response_error error;
    struct response_eof eof;
    (void)!response_error_decode(payload, &error);
    (void)!response_eof_decode(payload, &eof);
    fuzz_free(payload);
    return 0;
}
