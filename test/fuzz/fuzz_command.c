/* Commands that are read: query with attributes, prepare's answer, registration, the dumps, kill; and acks.
 */
#include "protocol/command.h"
#include "protocol/semisync.h"
#include "test/fuzz/fuzz.h"

static uint8_t encoded[70000];

static struct writer start(void)
{
    struct writer writer;
    writer_init(&writer, encoded, sizeof encoded);
    return writer;
}

static void try_query(struct span payload, uint64_t caps)
{
    struct span sql, again;
    if (command_query_decode(payload, caps, &sql) != RESULT_OK)
        return;
    struct writer writer = start();
    command_query_encode(&writer, sql, caps);
    fuzz_check(command_query_decode(writer_span_written(&writer), caps, &again) == RESULT_OK);
    fuzz_check(span_equal(sql, again));
}

static void try_register(struct span payload)
{
    struct command_register command, again;
    if (command_register_decode(payload, &command) != RESULT_OK)
        return;
    struct writer writer = start();
    command_register_encode(&writer, &command);
    fuzz_check(command_register_decode(writer_span_written(&writer), &again) == RESULT_OK);
    fuzz_check(command.server_id == again.server_id && span_equal(command.host, again.host));
    fuzz_check(span_equal(command.user, again.user) && command.port == again.port);
}

static void try_dump(struct span payload)
{
    struct command_dump dump, again;
    if (command_dump_decode(payload, &dump) != RESULT_OK)
        return;
    struct writer writer = start();
    command_dump_encode(&writer, &dump);
    fuzz_check(command_dump_decode(writer_span_written(&writer), &again) == RESULT_OK);
    fuzz_check(dump.position == again.position && dump.flags == again.flags &&
               span_equal(dump.file, again.file));
}

static void try_dump_gtid(struct span payload)
{
    struct command_dump_gtid dump, again;
    if (command_dump_gtid_decode(payload, &dump) != RESULT_OK)
        return;
    struct writer writer = start();
    command_dump_gtid_encode(&writer, &dump);
    fuzz_check(command_dump_gtid_decode(writer_span_written(&writer), &again) == RESULT_OK);
    fuzz_check(dump.position == again.position && span_equal(dump.file, again.file));
    fuzz_check(span_equal(dump.gtid_set, again.gtid_set));
}

static void try_ack(struct span payload)
{
    struct semisync_ack ack, again;
    if (semisync_ack_decode(payload, &ack) != RESULT_OK)
        return;
    struct writer writer = start();
    semisync_ack_encode(&writer, &ack);
    fuzz_check(semisync_ack_decode(writer_span_written(&writer), &again) == RESULT_OK);
    fuzz_check(ack.offset == again.offset && span_equal(ack.name, again.name));
    struct span base;
    uint64_t file;
    if (binlog_name_parse(ack.name, &base, &file) == RESULT_OK) {
        char text[BINLOG_BASE_MAX], name[BINLOG_NAME_MAX];
        fuzz_check(span_copy_text(base, text, sizeof text) == RESULT_OK);
        binlog_name_format(text, file, name);
        fuzz_check(span_is_text(ack.name, name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length < 8 || length > 60000)
        return 0;
    struct reader reader;
    reader_init(&reader, data, length);
    uint64_t caps = reader_u64(&reader);
    struct span payload = fuzz_copy(reader_rest(&reader));
    try_query(payload, caps);
    try_register(payload);
    try_dump(payload);
    try_dump_gtid(payload);
    try_ack(payload);
    struct command_prepared prepared;
    uint32_t number;
    (void)!command_prepared_decode(payload, &prepared);
    (void)!command_statement_id(payload, &number);
    (void)!command_kill_decode(payload, &number);
    if (payload.length > 0) {
        (void)command_response_kind(payload.data[0]);
        fuzz_check(command_name(payload.data[0]) != NULL);
    }
    fuzz_free(payload);
    return 0;
}
