/* A binlog file: events one behind the other, each through its decoder, and the transactions that they make.
 */
#include "protocol/binlog_format.h"
#include "protocol/binlog_gtid.h"
#include "protocol/binlog_heartbeat.h"
#include "protocol/binlog_query.h"
#include "protocol/binlog_rotate.h"
#include "protocol/binlog_txn.h"
#include "protocol/gtid_state.h"
#include "test/fuzz/fuzz.h"

struct walk {
    struct binlog_format format;
    struct txn_tracker tracker;
    enum flavor flavor;
    bool is_checksummed;
};

static void try_gtid(const struct binlog_event_header *header, struct span body)
{
    struct binlog_gtid gtid, again;
    if (!binlog_gtid_is_type(header->type) || binlog_gtid_decode(header, body, &gtid) != RESULT_OK)
        return;
    uint8_t bytes[BINLOG_GTID_BODY_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_gtid_encode(&writer, header->type, &gtid);
    fuzz_check(!writer_failed(&writer));
    fuzz_check(binlog_gtid_decode(header, writer_span_written(&writer), &again) == RESULT_OK);
    fuzz_check(gtid_equal(&gtid.gtid, &again.gtid) && gtid.flags == again.flags);
    fuzz_check(gtid.transaction_length == again.transaction_length && gtid.commit_id == again.commit_id);
}

static void try_rotate(const struct binlog_event_header *header, struct span body)
{
    struct binlog_rotate rotate, again;
    if (header->type != BINLOG_ROTATE || binlog_rotate_decode(body, &rotate) != RESULT_OK)
        return;
    uint8_t bytes[BINLOG_ROTATE_EVENT_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_rotate_encode(&writer, header, &rotate, true);
    struct span event = writer_span_written(&writer), event_body;
    fuzz_check(binlog_event_check(event) == RESULT_OK);
    fuzz_check(binlog_event_body(event, true, &event_body) == RESULT_OK);
    fuzz_check(binlog_rotate_decode(event_body, &again) == RESULT_OK);
    fuzz_check(rotate.position == again.position && span_equal(rotate.name, again.name));
}

static void try_others(const struct walk *walk, const struct binlog_event_header *header, struct span body)
{
    struct binlog_heartbeat heartbeat;
    struct binlog_query query;
    struct binlog_xa_prepare prepare;
    uint64_t xid;
    (void)!binlog_heartbeat_decode(header, body, &heartbeat);
    if (binlog_query_decode(body, BINLOG_QUERY_POST_HEADER_BYTES, walk->flavor, &query) == RESULT_OK) {
        (void)binlog_query_verb(query.sql);
        (void)binlog_query_is_create(query.sql);
    }
    (void)!binlog_xa_prepare_decode(body, &prepare);
    (void)!binlog_xid_decode(body, &xid);
    struct gtid_state state;
    gtid_state_init(&state, walk->flavor);
    (void)!gtid_state_decode(&state, header->type, body);
    gtid_state_release(&state);
    fuzz_check(binlog_event_type_name(header->type) != NULL);
}

/* With its checksum put right first, which the fuzzer would not find. */
static void try_format(struct walk *walk, const struct binlog_event_header *header, struct span event)
{
    if (header->type != BINLOG_FORMAT_DESCRIPTION ||
        event.length < BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES)
        return;
    struct span copy = fuzz_copy(event);
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.data;
    binlog_event_seal(bytes, copy.length);
    struct binlog_format format, again;
    if (binlog_format_decode(copy, &format) == RESULT_OK) {
        walk->format = format;
        walk->is_checksummed = binlog_format_is_checksummed(&format);
        txn_tracker_set_format(&walk->tracker, &format);
        binlog_format_prepare(bytes, copy.length, event.length % 2 == 0, event.length % 3 == 0);
        fuzz_check(binlog_format_decode(copy, &again) == RESULT_OK);
        uint8_t encoded[BINLOG_FORMAT_EVENT_MAX];
        struct writer writer;
        writer_init(&writer, encoded, sizeof encoded);
        binlog_format_encode(&writer, header, &format);
        fuzz_check(!writer_failed(&writer));
        fuzz_check(binlog_format_decode(writer_span_written(&writer), &again) == RESULT_OK);
        fuzz_check(strcmp(format.server_version, again.server_version) == 0 &&
                   format.checksum == again.checksum);
    }
    fuzz_free(copy);
}

static void try_event(struct walk *walk, const struct binlog_event_header *header, struct span event,
                      uint64_t at)
{
    try_format(walk, header, event);
    (void)!binlog_event_check(event);
    struct span body;
    if (binlog_event_body(event, walk->is_checksummed, &body) != RESULT_OK)
        return;
    try_gtid(header, body);
    try_rotate(header, body);
    try_others(walk, header, body);
    struct span part =
        fuzz_copy((struct span){body.data, body.length < TXN_BODY_BYTES ? body.length : TXN_BODY_BYTES});
    enum txn_step step;
    if (txn_tracker_step(&walk->tracker, header, part, at, &step) == RESULT_OK && step == TXN_STEP_ENDS) {
        fuzz_check(walk->tracker.txn.start < walk->tracker.txn.end);
        (void)txn_is_undone_by_cut(&walk->tracker.txn);
        fuzz_check(txn_kind_name(walk->tracker.txn.kind) != NULL);
    }
    fuzz_free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < BINLOG_MAGIC_BYTES || length > 60000)
        return 0;
    struct walk walk = {.flavor = data[0] % 2 == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB};
    txn_tracker_init(&walk.tracker, walk.flavor);
    size_t at = BINLOG_MAGIC_BYTES;
    while (at < length) {
        struct span left = {data + at, length - at};
        struct binlog_event_header header;
        if (binlog_event_header_decode(left, &header) != RESULT_OK || header.length > left.length)
            break;
        struct span event = fuzz_copy((struct span){left.data, header.length});
        try_event(&walk, &header, event, at);
        fuzz_free(event);
        at += header.length;
    }
    return 0;
}
