/* The acks of replica_acks.h. */
#include "proxy/replica_acks.h"

#include "protocol/constants.h"

#include <assert.h>
#include <string.h>

void replica_acks_init(struct replica_acks *acks)
{
    *acks = (struct replica_acks){0};
    packet_joiner_init(&acks->joiner, 0, SEMISYNC_ACK_MAX);
}

void replica_acks_release(struct replica_acks *acks)
{
    packet_joiner_release(&acks->joiner);
}

void replica_acks_asked(struct replica_acks *acks, struct position end, const struct gtid *gtid,
                        uint64_t now_us)
{
    if (acks->count == ACKS_PENDING_MAX)
        return; /* the figures do without it */
    acks->asked[(acks->first + acks->count++) % ACKS_PENDING_MAX] = (struct asked_ack){end, *gtid, now_us};
}

static enum result decode(struct span payload, const char *base, struct position *ret_ack)
{
    struct semisync_ack ack;
    struct span ack_base;
    struct position position;
    if (payload.length == 1 && payload.data[0] == COMMAND_QUIT)
        return RESULT_CLOSED;
    enum result result = semisync_ack_decode(payload, &ack);
    if (result == RESULT_OK)
        result = binlog_name_parse(ack.name, &ack_base, &position.file);
    if (result != RESULT_OK)
        return result;
    if (!span_is_text(ack_base, base))
        return RESULT_DIVERGED;
    position.offset = ack.offset;
    *ret_ack = position;
    return RESULT_OK;
}

size_t replica_acks_begin_read(struct replica_acks *acks, uint8_t *buffer)
{
    size_t length = acks->rest_length;
    memcpy(buffer, acks->rest, length);
    acks->rest_length = 0;
    return length;
}

static void keep_rest(struct replica_acks *acks, struct reader *stream)
{
    struct span rest = reader_rest(stream);
    assert(rest.length <= sizeof(acks->rest));
    if (rest.length > 0)
        memcpy(acks->rest, rest.data, rest.length);
    acks->rest_length = rest.length;
}

enum result replica_acks_read(struct replica_acks *acks, struct span bytes, const char *base, bool *ret_has,
                              struct position *ret_ack)
{
    struct reader stream;
    struct span payload;
    reader_init_span(&stream, bytes);
    *ret_has = false;
    for (;;) {
        if (packet_cursor_is_between_payloads(&acks->joiner.cursor))
            packet_cursor_expect_any(&acks->joiner.cursor);
        enum result result = packet_joiner_next(&acks->joiner, &stream, &payload);
        if (result == RESULT_AGAIN) {
            keep_rest(acks, &stream);
            return RESULT_OK;
        }
        if (result == RESULT_OK)
            result = decode(payload, base, ret_ack);
        if (result != RESULT_OK)
            return result;
        *ret_has = true;
    }
}

/* Four buckets for each power of two: [4, 5), [5, 6), [6, 7), [7, 8), [8, 10), … */
static size_t bucket_of(uint64_t took_us)
{
    if (took_us < 4)
        return (size_t)took_us;
    unsigned power = 63u - (unsigned)__builtin_clzll(took_us);
    size_t bucket = (size_t)(power - 1) * 4 + ((took_us >> (power - 2)) & 3);
    return bucket < ACKS_BUCKETS ? bucket : ACKS_BUCKETS - 1;
}

static uint64_t bucket_end_us(size_t bucket)
{
    if (bucket < 4)
        return bucket + 1;
    unsigned power = (unsigned)(bucket / 4) + 1;
    return (UINT64_C(5) + bucket % 4) << (power - 2);
}

bool replica_acks_take(struct replica_acks *acks, struct position acked, uint64_t now_us)
{
    if (position_compare(acked, acks->acked) <= 0)
        return false;
    acks->acked = acked;
    while (acks->count > 0) {
        const struct asked_ack *asked = &acks->asked[acks->first];
        if (position_compare(asked->end, acked) > 0)
            break;
        acks->acked_gtid = asked->gtid;
        acks->buckets[bucket_of(now_us - asked->sent_us)]++;
        acks->latencies++;
        acks->total_us += now_us - asked->sent_us;
        acks->first = (acks->first + 1) % ACKS_PENDING_MAX;
        acks->count--;
    }
    return true;
}

void replica_acks_histogram(const struct replica_acks *acks, struct view_histogram *ret_histogram)
{
    struct view_histogram histogram = {.total_us = acks->total_us};
    for (size_t i = 0; i < ACKS_BUCKETS; i++) {
        size_t power = i / 4 + 1; /* four for each power of two, from [4, 5) on */
        histogram.counts[power < VIEW_BUCKETS ? power : VIEW_BUCKETS - 1] += acks->buckets[i];
    }
    *ret_histogram = histogram;
}

uint64_t replica_acks_percentile_us(const struct replica_acks *acks, double share)
{
    double wanted = share * acks->latencies;
    uint64_t seen = 0;
    for (size_t i = 0; i < ACKS_BUCKETS && acks->latencies > 0; i++) {
        seen += acks->buckets[i];
        if ((double)seen >= wanted && seen > 0)
            return bucket_end_us(i);
    }
    return 0;
}
