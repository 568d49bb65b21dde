/* The bodies of journal_record.h, an encoder and a decoder for each layout. */
#include "recovery/journal_record.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <string.h>

static const char *const names[JOURNAL_TYPE_END] = {
    [JOURNAL_CHECKPOINT] = "checkpoint",
    [JOURNAL_STARTED] = "started",
    [JOURNAL_STOPPED] = "stopped",
    [JOURNAL_SOURCE] = "source",
    [JOURNAL_ATTACH] = "attach",
    [JOURNAL_DETACH] = "detach",
    [JOURNAL_ACKS] = "acks",
    [JOURNAL_CONFIRM] = "confirm",
    [JOURNAL_POLICY] = "policy",
    [JOURNAL_DISCARD] = "discard",
    [JOURNAL_ADMITTED] = "admitted",
    [JOURNAL_REFUSED] = "refused",
    [JOURNAL_OVERRIDE] = "override",
};

const char *journal_type_name(enum journal_type type)
{
    assert(type > 0 && type < JOURNAL_TYPE_END);
    return names[type];
}

/* ---- texts and positions ---- */

static size_t text_length(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

static void put_text(struct writer *writer, const char *text, size_t max)
{
    size_t length = text_length(text);
    writer_zero_string(writer, (struct span){(const uint8_t *)text, length < max ? length : max - 1});
}

/* The text in place: the NUL stands behind it in the body. */
static const char *get_text(struct reader *reader, size_t max)
{
    struct span span = reader_zero_string(reader);
    if (reader_failed(reader) || span.length >= max) {
        reader_fail(reader);
        return "";
    }
    return (const char *)span.data;
}

static void put_position(struct writer *writer, struct position position)
{
    writer_u64(writer, position.file);
    writer_u64(writer, position.offset);
}

static struct position get_position(struct reader *reader)
{
    struct position position = {.file = reader_u64(reader)};
    position.offset = reader_u64(reader);
    return position;
}

/* ---- one pair for each layout ---- */

static void put_source(struct writer *writer, const struct journal_source *source)
{
    writer_u8(writer, (uint8_t)source->flavor);
    writer_u32(writer, source->server_id);
    put_text(writer, source->server_uuid, JOURNAL_UUID_MAX);
    put_text(writer, source->base, BINLOG_BASE_MAX);
    put_text(writer, source->version, JOURNAL_VERSION_MAX);
}

static struct journal_source get_source(struct reader *reader)
{
    uint8_t flavor = reader_u8(reader);
    if (flavor > FLAVOR_MARIADB)
        reader_fail(reader);
    struct journal_source source = {.flavor = (enum flavor)flavor, .server_id = reader_u32(reader)};
    source.server_uuid = get_text(reader, JOURNAL_UUID_MAX);
    source.base = get_text(reader, BINLOG_BASE_MAX);
    source.version = get_text(reader, JOURNAL_VERSION_MAX);
    return source;
}

static void put_started(struct writer *writer, const struct journal_started *started)
{
    put_text(writer, started->server_uuid, JOURNAL_UUID_MAX);
    put_text(writer, started->version, JOURNAL_VERSION_MAX);
}

static struct journal_started get_started(struct reader *reader)
{
    struct journal_started started = {.server_uuid = get_text(reader, JOURNAL_UUID_MAX)};
    started.version = get_text(reader, JOURNAL_VERSION_MAX);
    return started;
}

static void put_attach(struct writer *writer, const struct journal_attach *attach)
{
    put_text(writer, attach->name, JOURNAL_CONSUMER_MAX);
    writer_u32(writer, attach->server_id);
    put_text(writer, attach->server_uuid, JOURNAL_UUID_MAX);
    writer_u64(writer, attach->connection_id);
    put_position(writer, attach->from);
}

static struct journal_attach get_attach(struct reader *reader)
{
    struct journal_attach attach = {.name = get_text(reader, JOURNAL_CONSUMER_MAX)};
    attach.server_id = reader_u32(reader);
    attach.server_uuid = get_text(reader, JOURNAL_UUID_MAX);
    attach.connection_id = reader_u64(reader);
    attach.from = get_position(reader);
    return attach;
}

static void put_detach(struct writer *writer, const struct journal_detach *detach)
{
    put_text(writer, detach->name, JOURNAL_CONSUMER_MAX);
    writer_u64(writer, detach->connection_id);
    writer_u8(writer, detach->is_every);
    put_position(writer, detach->sent);
}

static struct journal_detach get_detach(struct reader *reader)
{
    struct journal_detach detach = {.name = get_text(reader, JOURNAL_CONSUMER_MAX)};
    detach.connection_id = reader_u64(reader);
    uint8_t is_every = reader_u8(reader);
    if (is_every > 1)
        reader_fail(reader);
    detach.is_every = is_every == 1;
    detach.sent = get_position(reader);
    return detach;
}

static void put_acks(struct writer *writer, const struct journal_acks *acks)
{
    assert(acks->count <= JOURNAL_ACKS_MAX);
    writer_u16(writer, (uint16_t)acks->count);
    for (size_t i = 0; i < acks->count; i++) {
        put_text(writer, acks->items[i].name, JOURNAL_CONSUMER_MAX);
        put_position(writer, acks->items[i].acked);
    }
}

static struct journal_acks get_acks(struct reader *reader, struct journal_ack *items)
{
    struct journal_acks acks = {.items = items, .count = reader_u16(reader)};
    if (acks.count > JOURNAL_ACKS_MAX) {
        reader_fail(reader);
        acks.count = 0;
    }
    for (size_t i = 0; i < acks.count; i++) {
        items[i].name = get_text(reader, JOURNAL_CONSUMER_MAX);
        items[i].acked = get_position(reader);
    }
    return acks;
}

static void put_confirm(struct writer *writer, const struct journal_confirm *confirm)
{
    put_position(writer, confirm->up_to);
    put_text(writer, confirm->gtid, JOURNAL_TEXT_MAX);
}

static struct journal_confirm get_confirm(struct reader *reader)
{
    struct journal_confirm confirm = {.up_to = get_position(reader)};
    confirm.gtid = get_text(reader, JOURNAL_TEXT_MAX);
    return confirm;
}

static void put_policy(struct writer *writer, const struct journal_policy *policy)
{
    put_text(writer, policy->rule, JOURNAL_TEXT_MAX);
    put_text(writer, policy->who, JOURNAL_TEXT_MAX);
}

static struct journal_policy get_policy(struct reader *reader)
{
    struct journal_policy policy = {.rule = get_text(reader, JOURNAL_TEXT_MAX)};
    policy.who = get_text(reader, JOURNAL_TEXT_MAX);
    return policy;
}

static void put_discard(struct writer *writer, const struct journal_discard *discard)
{
    put_position(writer, discard->from);
    put_position(writer, discard->to);
    put_text(writer, discard->gtids, JOURNAL_TEXT_MAX);
    put_text(writer, discard->reason, JOURNAL_TEXT_MAX);
    put_text(writer, discard->kept_as, JOURNAL_TEXT_MAX);
    if (discard->places != NULL && discard->places[0] != '\0')
        put_text(writer, discard->places, JOURNAL_TEXT_MAX);
}

static struct journal_discard get_discard(struct reader *reader)
{
    struct journal_discard discard = {.from = get_position(reader)};
    discard.to = get_position(reader);
    discard.gtids = get_text(reader, JOURNAL_TEXT_MAX);
    discard.reason = get_text(reader, JOURNAL_TEXT_MAX);
    discard.kept_as = get_text(reader, JOURNAL_TEXT_MAX);
    discard.places = reader_left(reader) > 0 ? get_text(reader, JOURNAL_TEXT_MAX) : "";
    return discard;
}

/* ---- the whole ---- */

/* At least as many bytes as the body takes. */
static size_t room_for(const struct journal_record *record)
{
    switch (record->type) {
    case JOURNAL_CHECKPOINT:
        return record->checkpoint.length;
    case JOURNAL_ACKS:
        return 2 + record->acks.count * (JOURNAL_CONSUMER_MAX + 16);
    case JOURNAL_CONFIRM:
        return 32 + text_length(record->confirm.gtid);
    case JOURNAL_POLICY:
        return 32 + text_length(record->policy.rule) + text_length(record->policy.who);
    case JOURNAL_DISCARD:
        return 64 + text_length(record->discard.gtids) + text_length(record->discard.reason) +
               text_length(record->discard.kept_as) + text_length(record->discard.places);
    case JOURNAL_ADMITTED:
    case JOURNAL_REFUSED:
    case JOURNAL_OVERRIDE:
        return 1 + text_length(record->text);
    default:
        return 1024;
    }
}

static void put_body(struct writer *writer, const struct journal_record *record)
{
    switch (record->type) {
    case JOURNAL_CHECKPOINT:
        writer_span(writer, record->checkpoint);
        break;
    case JOURNAL_STARTED:
        put_started(writer, &record->started);
        break;
    case JOURNAL_SOURCE:
        put_source(writer, &record->source);
        break;
    case JOURNAL_ATTACH:
        put_attach(writer, &record->attach);
        break;
    case JOURNAL_DETACH:
        put_detach(writer, &record->detach);
        break;
    case JOURNAL_ACKS:
        put_acks(writer, &record->acks);
        break;
    case JOURNAL_CONFIRM:
        put_confirm(writer, &record->confirm);
        break;
    case JOURNAL_POLICY:
        put_policy(writer, &record->policy);
        break;
    case JOURNAL_DISCARD:
        put_discard(writer, &record->discard);
        break;
    case JOURNAL_ADMITTED:
    case JOURNAL_REFUSED:
    case JOURNAL_OVERRIDE:
        put_text(writer, record->text, JOURNAL_TEXT_MAX);
        break;
    case JOURNAL_STOPPED:
    case JOURNAL_TYPE_END:
        break;
    }
}

uint8_t *journal_record_encode(const struct journal_record *record, size_t *ret_length)
{
    size_t room = room_for(record);
    uint8_t *body = xmalloc(room + 1);
    struct writer writer;
    writer_init(&writer, body, room);
    put_body(&writer, record);
    assert(!writer_failed(&writer));
    *ret_length = writer.length;
    return body;
}

static void get_body(struct reader *reader, struct journal_ack *acks, struct journal_record *record)
{
    switch (record->type) {
    case JOURNAL_CHECKPOINT:
        record->checkpoint = reader_rest(reader);
        break;
    case JOURNAL_STARTED:
        record->started = get_started(reader);
        break;
    case JOURNAL_SOURCE:
        record->source = get_source(reader);
        break;
    case JOURNAL_ATTACH:
        record->attach = get_attach(reader);
        break;
    case JOURNAL_DETACH:
        record->detach = get_detach(reader);
        break;
    case JOURNAL_ACKS:
        record->acks = get_acks(reader, acks);
        break;
    case JOURNAL_CONFIRM:
        record->confirm = get_confirm(reader);
        break;
    case JOURNAL_POLICY:
        record->policy = get_policy(reader);
        break;
    case JOURNAL_DISCARD:
        record->discard = get_discard(reader);
        break;
    case JOURNAL_ADMITTED:
    case JOURNAL_REFUSED:
    case JOURNAL_OVERRIDE:
        record->text = get_text(reader, JOURNAL_TEXT_MAX);
        break;
    case JOURNAL_STOPPED:
    case JOURNAL_TYPE_END:
        break;
    }
}

enum result journal_record_decode(const struct journal_frame *frame,
                                  struct journal_ack ret_acks[JOURNAL_ACKS_MAX],
                                  struct journal_record *ret_record)
{
    if (frame->type == 0 || frame->type >= JOURNAL_TYPE_END)
        return RESULT_UNSUPPORTED;
    struct journal_record record = {.type = (enum journal_type)frame->type};
    struct reader reader;
    reader_init_span(&reader, frame->body);
    get_body(&reader, ret_acks, &record);
    if (!reader_at_end(&reader))
        return RESULT_MALFORMED;
    *ret_record = record;
    return RESULT_OK;
}
