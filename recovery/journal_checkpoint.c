/*
 * The state of journal_state.h as bytes: the body of a checkpoint.
 *
 *     epoch u32, starts u64, attaches u64, flags u8 (1 stopped, 2 source known, 4 admitted, 8 rule changed,
 *         16 unproven),
 *     own uuid, flavour u8, source's server id u32, uuid, base and version,
 *     confirmed position and GTID, rule,
 *     count u32 of consumers, each: name, server id u32, uuid, attached u32, lost u32, sent, has_acked u8,
 * acked, changed u64, count u32 of discards, each: epoch u32, time u64, from, to, gtids, reason, kept_as,
 * count u32 of overrides, each a text; and, if any discard has them, the places of each discard, a text.
 * Texts end with a NUL, a position is file u64 and offset u64. The sequence is that of the frame.
 */
#include "protocol/xalloc.h"
#include "recovery/journal_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { IS_STOPPED = 1, HAS_SOURCE = 2, IS_ADMITTED = 4, HAS_RULE = 8, IS_UNPROVEN = 16, ALL_FLAGS = 31 };

/* ---- writing ---- */

static void put_text(struct writer *writer, const char *text)
{
    writer_zero_string(writer, span_of_text(text));
}

static void put_position(struct writer *writer, struct position position)
{
    writer_u64(writer, position.file);
    writer_u64(writer, position.offset);
}

static void put_head(struct writer *writer, const struct journal_state *state)
{
    writer_u32(writer, state->epoch);
    writer_u64(writer, state->starts);
    writer_u64(writer, state->attaches);
    writer_u8(writer, (uint8_t)((state->is_stopped ? IS_STOPPED : 0) | (state->has_source ? HAS_SOURCE : 0) |
                                (state->is_admitted ? IS_ADMITTED : 0) | (state->rule ? HAS_RULE : 0) |
                                (state->is_unproven ? IS_UNPROVEN : 0)));
    put_text(writer, state->own_uuid);
    writer_u8(writer, (uint8_t)state->flavor);
    writer_u32(writer, state->source_server_id);
    put_text(writer, state->source_uuid);
    put_text(writer, state->source_base);
    put_text(writer, state->source_version);
    put_position(writer, state->confirmed);
    put_text(writer, state->confirmed_gtid);
    put_text(writer, state->rule == NULL ? "" : state->rule);
}

static void put_consumer(struct writer *writer, const struct journal_consumer *consumer)
{
    put_text(writer, consumer->name);
    writer_u32(writer, consumer->server_id);
    put_text(writer, consumer->server_uuid);
    writer_u32(writer, consumer->attached);
    writer_u32(writer, consumer->lost);
    put_position(writer, consumer->sent);
    writer_u8(writer, consumer->has_acked);
    put_position(writer, consumer->acked);
    writer_u64(writer, consumer->changed_ms);
}

static void put_discarded(struct writer *writer, const struct journal_discarded *discarded)
{
    writer_u32(writer, discarded->epoch);
    writer_u64(writer, discarded->time_ms);
    put_position(writer, discarded->from);
    put_position(writer, discarded->to);
    put_text(writer, discarded->gtids);
    put_text(writer, discarded->reason);
    put_text(writer, discarded->kept_as);
}

/* At least as many bytes as the state takes. */
static size_t room_for(const struct journal_state *state)
{
    size_t room = sizeof(*state) + 64 + strlen(state->confirmed_gtid);
    room += state->rule == NULL ? 0 : strlen(state->rule);
    room += state->consumers_count * sizeof(*state->consumers);
    for (size_t i = 0; i < state->discards_count; i++) {
        const struct journal_discarded *discarded = &state->discards[i];
        room += sizeof(*discarded) + strlen(discarded->gtids) + strlen(discarded->reason) +
                strlen(discarded->kept_as) + strlen(discarded->places);
    }
    for (size_t i = 0; i < state->overrides_count; i++)
        room += strlen(state->overrides[i]) + 1;
    return room;
}

static bool has_places(const struct journal_state *state)
{
    for (size_t i = 0; i < state->discards_count; i++)
        if (state->discards[i].places[0] != '\0')
            return true;
    return false;
}

uint8_t *journal_state_encode(const struct journal_state *state, size_t *ret_length)
{
    size_t room = room_for(state);
    uint8_t *bytes = xmalloc(room);
    struct writer writer;
    writer_init(&writer, bytes, room);
    put_head(&writer, state);
    writer_u32(&writer, (uint32_t)state->consumers_count);
    for (size_t i = 0; i < state->consumers_count; i++)
        put_consumer(&writer, &state->consumers[i]);
    writer_u32(&writer, (uint32_t)state->discards_count);
    for (size_t i = 0; i < state->discards_count; i++)
        put_discarded(&writer, &state->discards[i]);
    writer_u32(&writer, (uint32_t)state->overrides_count);
    for (size_t i = 0; i < state->overrides_count; i++)
        put_text(&writer, state->overrides[i]);
    for (size_t i = 0; i < state->discards_count && has_places(state); i++)
        put_text(&writer, state->discards[i].places);
    assert(!writer_failed(&writer));
    *ret_length = writer.length;
    return bytes;
}

/* ---- reading ---- */

static struct span get_span(struct reader *reader, size_t max)
{
    struct span span = reader_zero_string(reader);
    if (span.length >= max)
        reader_fail(reader);
    if (reader_failed(reader))
        span.length = 0;
    return span;
}

static void get_text(struct reader *reader, char *ret_text, size_t max)
{
    struct span span = get_span(reader, max);
    memset(ret_text, 0, max);
    if (span.length > 0)
        memcpy(ret_text, span.data, span.length);
}

static char *get_copy(struct reader *reader)
{
    struct span span = get_span(reader, JOURNAL_TEXT_MAX);
    return xstrndup(span.length == 0 ? "" : (const char *)span.data, span.length);
}

static struct position get_position(struct reader *reader)
{
    struct position position = {.file = reader_u64(reader)};
    position.offset = reader_u64(reader);
    return position;
}

static void get_head(struct reader *reader, struct journal_state *state)
{
    state->epoch = reader_u32(reader);
    state->starts = reader_u64(reader);
    state->attaches = reader_u64(reader);
    uint8_t flags = reader_u8(reader);
    state->is_stopped = (flags & IS_STOPPED) != 0;
    state->has_source = (flags & HAS_SOURCE) != 0;
    state->is_admitted = (flags & IS_ADMITTED) != 0;
    state->is_unproven = (flags & IS_UNPROVEN) != 0;
    get_text(reader, state->own_uuid, sizeof(state->own_uuid));
    uint8_t flavor = reader_u8(reader);
    if (flavor > FLAVOR_MARIADB || (flags & ~ALL_FLAGS) != 0)
        reader_fail(reader);
    state->flavor = (enum flavor)(flavor > FLAVOR_MARIADB ? FLAVOR_UNKNOWN : flavor);
    state->source_server_id = reader_u32(reader);
    get_text(reader, state->source_uuid, sizeof(state->source_uuid));
    get_text(reader, state->source_base, sizeof(state->source_base));
    get_text(reader, state->source_version, sizeof(state->source_version));
    state->confirmed = get_position(reader);
    free(state->confirmed_gtid);
    state->confirmed_gtid = get_copy(reader);
    state->rule = get_copy(reader);
    if ((flags & HAS_RULE) == 0) {
        free(state->rule);
        state->rule = NULL;
    }
}

static void get_consumer(struct reader *reader, struct journal_consumer *consumer)
{
    get_text(reader, consumer->name, sizeof(consumer->name));
    consumer->server_id = reader_u32(reader);
    get_text(reader, consumer->server_uuid, sizeof(consumer->server_uuid));
    consumer->attached = reader_u32(reader);
    consumer->lost = reader_u32(reader);
    consumer->sent = get_position(reader);
    consumer->has_acked = reader_u8(reader) != 0;
    consumer->acked = get_position(reader);
    consumer->changed_ms = reader_u64(reader);
}

static void get_discarded(struct reader *reader, struct journal_discarded *discarded)
{
    discarded->epoch = reader_u32(reader);
    discarded->time_ms = reader_u64(reader);
    discarded->from = get_position(reader);
    discarded->to = get_position(reader);
    discarded->gtids = get_copy(reader);
    discarded->reason = get_copy(reader);
    discarded->kept_as = get_copy(reader);
}

/* A count of things that take at least min_bytes each: what cannot be there is not allocated. */
static size_t get_count(struct reader *reader, size_t min_bytes)
{
    uint32_t count = reader_u32(reader);
    if (count > reader_left(reader) / min_bytes) {
        reader_fail(reader);
        return 0;
    }
    return count;
}

static void get_lists(struct reader *reader, struct journal_state *state)
{
    state->consumers_count = get_count(reader, 55);
    state->consumers = xcalloc(state->consumers_count + 1, sizeof(*state->consumers));
    for (size_t i = 0; i < state->consumers_count; i++)
        get_consumer(reader, &state->consumers[i]);
    state->discards_count = get_count(reader, 47);
    state->discards = xcalloc(state->discards_count + 1, sizeof(*state->discards));
    for (size_t i = 0; i < state->discards_count; i++)
        get_discarded(reader, &state->discards[i]);
    state->overrides_count = get_count(reader, 1);
    state->overrides = xcalloc(state->overrides_count + 1, sizeof(*state->overrides));
    for (size_t i = 0; i < state->overrides_count; i++)
        state->overrides[i] = get_copy(reader);
    bool are_there = reader_left(reader) > 0;
    for (size_t i = 0; i < state->discards_count; i++)
        state->discards[i].places = are_there ? get_copy(reader) : xstrdup("");
}

enum result journal_state_decode(struct journal_state *state, struct span bytes)
{
    struct reader reader;
    reader_init_span(&reader, bytes);
    struct journal_state decoded;
    journal_state_init(&decoded);
    get_head(&reader, &decoded);
    get_lists(&reader, &decoded);
    if (!reader_at_end(&reader)) {
        journal_state_release(&decoded);
        return RESULT_MALFORMED;
    }
    decoded.sequence = state->sequence;
    journal_state_release(state);
    *state = decoded;
    return RESULT_OK;
}
