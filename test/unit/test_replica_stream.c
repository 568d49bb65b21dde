/* layer: proxy */
/*
 * A replica gets the store's events, whole and in order, however little its socket takes at a time; without
 * what it has; with acks asked for where they count.
 */
#include "test/unit/store_fixture.h"

#include "protocol/packet.h"
#include "proxy/clock.h"
#include "proxy/conn.h"
#include "proxy/replica_stream.h"

#include <sys/socket.h>

/* What came out of the socket, event by event. */
struct heard {
    uint8_t *bytes;
    size_t length;
    size_t room;
};

struct bench {
    struct fixture fixture;
    struct conn conn;
    int peer;
    struct replica_stream stream;
    struct replica_skip skip;
    struct replica_acks acks;
    struct stream_batch *batch;
    struct heard heard;
    enum stream_state state;
};

static void ignore_ready(void *argument, unsigned what)
{
    (void)argument;
    (void)what;
}

static void bench_start(struct bench *bench)
{
    int fds[2];
    int size = 4096;
    *bench = (struct bench){0};
    fixture_start(&bench->fixture);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    conn_open(&bench->conn, bench->fixture.loop, fds[0], ignore_ready, NULL);
    bench->peer = fds[1];
    bench->batch = stream_batch_new();
    replica_acks_init(&bench->acks);
    bench->stream.options = (struct replica_stream_options){
        .checksum = SESSION_CHECKSUM_CRC32, .flavor = FLAVOR_MYSQL, .is_non_block = true};
}

static void bench_from(struct bench *bench, struct position from, struct position jump)
{
    struct replica_stream *stream = &bench->stream;
    const struct gtid_state *state;
    struct walk walk;
    stream->store = bench->fixture.store;
    stream->batch = bench->batch;
    stream->conn = &bench->conn;
    stream->skip = &bench->skip;
    stream->acks = &bench->acks;
    stream->options.flavor = store_flavor(stream->store);
    ck_assert_int_eq(store_file_gtids(stream->store, from.file, &state), RESULT_OK);
    walk_init(&walk, stream->options.flavor, from);
    replica_stream_start(stream, from, &walk, jump, state);
}

static void bench_stop(struct bench *bench)
{
    replica_stream_release(&bench->stream);
    replica_skip_release(&bench->skip);
    replica_acks_release(&bench->acks);
    stream_batch_free(&bench->batch);
    conn_close(&bench->conn);
    close(bench->peer);
    free(bench->heard.bytes);
    fixture_release(&bench->fixture);
}

/* Reads at most max bytes off the socket. */
static bool listen_once(struct bench *bench, size_t max)
{
    struct heard *heard = &bench->heard;
    if (heard->room - heard->length < max) {
        heard->room = (heard->room + max) * 2;
        heard->bytes = xrealloc(heard->bytes, heard->room);
    }
    ssize_t length = read(bench->peer, heard->bytes + heard->length, max);
    heard->length += length > 0 ? (size_t)length : 0;
    return length > 0;
}

/* Runs to the end, with a peer that reads `step` bytes after every run. */
static void bench_run(struct bench *bench, size_t step)
{
    do {
        bench->state = replica_stream_run(&bench->stream, 100000);
        ck_assert_int_ne(bench->state, STREAM_BROKEN);
        listen_once(bench, step);
    } while (bench->state == STREAM_WAITS_FOR_SOCKET || bench->state == STREAM_HAS_MORE);
    while (listen_once(bench, 65536))
        ;
}

/* The next event heard, its packets joined. False: EOF or nothing left. */
static bool next_event(struct bench *bench, size_t *at, uint8_t *sequence, uint8_t **ret_event,
                       size_t *ret_length, bool *ret_wants_ack)
{
    size_t prefix = bench->stream.options.is_semi_sync ? 3 : 1;
    uint8_t *joined = NULL;
    size_t length = 0;
    size_t packet;
    do {
        if (bench->heard.length - *at < PACKET_HEADER_BYTES)
            return false;
        struct packet_header header = packet_header_decode(bench->heard.bytes + *at);
        ck_assert_uint_eq(header.sequence, *sequence);
        (*sequence)++;
        packet = header.length;
        ck_assert_uint_le(*at + PACKET_HEADER_BYTES + packet, bench->heard.length);
        joined = xrealloc(joined, length + packet + 1);
        memcpy(joined + length, bench->heard.bytes + *at + PACKET_HEADER_BYTES, packet);
        length += packet;
        *at += PACKET_HEADER_BYTES + packet;
    } while (packet == PACKET_PAYLOAD_MAX);
    if (joined[0] != 0) {
        free(joined);
        return false;
    }
    *ret_wants_ack = prefix == 3 && joined[2] == 1;
    if (*ret_wants_ack)
        *sequence = 1;
    *ret_length = length - prefix;
    memmove(joined, joined + prefix, *ret_length);
    *ret_event = joined;
    return true;
}

/* Everything heard after the head is the file's bytes from `from` on. */
static void assert_hears_file(struct bench *bench, const struct source_file *file, size_t from)
{
    size_t at = 0;
    uint8_t sequence = 1;
    uint8_t *event;
    size_t length;
    bool wants_ack;
    for (unsigned i = 0; next_event(bench, &at, &sequence, &event, &length, &wants_ack); i++) {
        if (i == 0) {
            ck_assert_uint_eq(event[4], BINLOG_ROTATE);
        } else {
            ck_assert_uint_le(from + length, file->length);
            ck_assert_int_eq(memcmp(event, file->bytes + from, length), 0);
            from += length;
        }
        free(event);
    }
    ck_assert_uint_eq(from, file->length);
    ck_assert_uint_eq(at, bench->heard.length);
}

static const struct {
    const char *golden;
    const char *name;
} goldens[] = {
    {"mysql_row",         "binlog.000001"   },
    {"mysql_compressed",  "binlog.000007"   },
    {"mariadb_row",       "mysql-bin.000003"},
    {"mariadb_domains",   "binlog.000036"   },
    {"mariadb_cached",    "binlog.000001"   },
    {"mysql_statement",   "binlog.000001"   },
    {"mariadb_statement", "binlog.1000001"  },
};
#define GOLDENS ((int)(sizeof(goldens) / sizeof(goldens[0])))

START_TEST(real_files_arrive_whole_however_little_is_read)
{
    static const size_t steps[] = {1, 17, 1000, 65536};
    for (int round = 0; round < 8; round++) {
        struct bench bench;
        bench_start(&bench);
        struct source_file file = source_file_golden(goldens[_i].golden, goldens[_i].name);
        ck_assert_int_eq(feed(bench.fixture.store, &file), RESULT_OK);
        bench.stream.options.is_semi_sync = round >= 4;
        bench_from(&bench, store_start(bench.fixture.store), POSITION_NONE);
        bench_run(&bench, steps[round % 4]);
        ck_assert_int_eq(bench.state, STREAM_OVER);
        ck_assert_str_eq(bench.stream.error_text, "");
        ck_assert(position_equal(bench.stream.sent, store_end(bench.fixture.store)));
        assert_hears_file(&bench, &file, 4);
        source_file_free(&file);
        bench_stop(&bench);
    }
}
END_TEST

START_TEST(events_longer_than_a_window_and_than_a_packet_pass)
{
    struct bench bench;
    struct gtid gtids[] = {mysql_gtid(1), mysql_gtid(2), mysql_gtid(3)};
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    source_file_txn(&file, &gtids[0], 700000);
    source_file_txn(&file, &gtids[1], PACKET_PAYLOAD_MAX + 1000000);
    source_file_txn(&file, &gtids[2], 5);
    bench_start(&bench);
    ck_assert_int_eq(feed(bench.fixture.store, &file), RESULT_OK);
    bench.stream.options.is_semi_sync = true;
    bench_from(&bench, store_start(bench.fixture.store), POSITION_NONE);
    bench_run(&bench, 65536);
    assert_hears_file(&bench, &file, 4);
    /* far behind one ack in each MiB, and one at the end */
    ck_assert_uint_ge(bench.acks.count, 1);
    ck_assert_uint_le(bench.acks.count, 3);
    ck_assert(position_equal(bench.acks.asked[bench.acks.count - 1].end, store_end(bench.fixture.store)));
    source_file_free(&file);
    bench_stop(&bench);
}
END_TEST

START_TEST(a_client_without_checksums_gets_none)
{
    struct bench bench;
    struct source_file file = source_file_golden("mysql_row", "binlog.000001");
    bench_start(&bench);
    ck_assert_int_eq(feed(bench.fixture.store, &file), RESULT_OK);
    bench.stream.options.checksum = SESSION_CHECKSUM_UNKNOWN;
    bench_from(&bench, store_start(bench.fixture.store), POSITION_NONE);
    bench_run(&bench, 100);
    size_t at = 0;
    size_t from = 4;
    uint8_t sequence = 1;
    uint8_t *event;
    size_t length;
    bool wants_ack;
    for (unsigned i = 0; next_event(&bench, &at, &sequence, &event, &length, &wants_ack); i++) {
        struct binlog_event_header header;
        struct binlog_format format;
        ck_assert_int_eq(binlog_event_header_decode((struct span){event, length}, &header), RESULT_OK);
        ck_assert_uint_eq(header.length, length);
        if (i == 1) { /* keeps its own checksum, and says that the others have none */
            ck_assert_int_eq(binlog_format_decode((struct span){event, length}, &format), RESULT_OK);
            ck_assert_int_eq(format.checksum, BINLOG_CHECKSUM_NONE);
            from += length;
        } else if (i > 1) {
            size_t body = length - BINLOG_HEADER_BYTES;
            ck_assert_int_eq(
                memcmp(event + BINLOG_HEADER_BYTES, file.bytes + from + BINLOG_HEADER_BYTES, body), 0);
            from += length + BINLOG_CHECKSUM_BYTES;
        }
        free(event);
    }
    ck_assert_uint_eq(from, file.length);
    source_file_free(&file);
    bench_stop(&bench);
}
END_TEST

/* What was heard, as "R F P g1 b w x …": one letter per event; H and a list L as they come. */
static void tell(struct bench *bench, char *ret_text, size_t max)
{
    size_t at = 0;
    uint8_t sequence = 1;
    uint8_t *event;
    size_t length;
    bool wants_ack;
    ret_text[0] = '\0';
    while (next_event(bench, &at, &sequence, &event, &length, &wants_ack)) {
        struct binlog_event_header header;
        struct binlog_gtid gtid;
        char word[32] = "";
        ck_assert_int_eq(binlog_event_header_decode((struct span){event, length}, &header), RESULT_OK);
        struct span body = {event + BINLOG_HEADER_BYTES,
                            length - BINLOG_HEADER_BYTES - BINLOG_CHECKSUM_BYTES};
        if (header.type == BINLOG_GTID && binlog_gtid_decode(&header, body, &gtid) == RESULT_OK)
            snprintf(word, sizeof(word), "%lld ", (long long)gtid.gtid.mysql.gno);
        else if (header.type == BINLOG_MARIADB_GTID && binlog_gtid_decode(&header, body, &gtid) == RESULT_OK)
            snprintf(word, sizeof(word), "%u-%u-%llu ", gtid.gtid.mariadb.domain, gtid.gtid.mariadb.server,
                     (unsigned long long)gtid.gtid.mariadb.seq);
        else if (header.type == BINLOG_HEARTBEAT)
            snprintf(word, sizeof(word), "H ");
        else if (header.type == BINLOG_MARIADB_GTID_LIST && (header.flags & BINLOG_FLAG_ARTIFICIAL))
            snprintf(word, sizeof(word), "L ");
        else if (header.type == BINLOG_ROTATE && header.timestamp == 0)
            snprintf(word, sizeof(word), "R ");
        ck_assert_uint_lt(strlen(ret_text) + strlen(word), max);
        strcat(ret_text, word);
        free(event);
    }
}

static const struct {
    const char *have; /* intervals of the one uuid */
    const char *told;
} mysql_rows[] = {
    {"",       "R 1 2 3 R 4 5 6 "},
    {":1",     "R H 2 3 R 4 5 6 "},
    {":1-2:5", "R H 3 R 4 H 6 "  },
    {":2",     "R 1 H 3 R 4 5 6 "},
    {":1-6",   "R H R H "        },
    {":6",     "R 1 2 3 R 4 5 H "},
};

START_TEST(what_a_mysql_replica_has_is_left_out_and_told)
{
    struct bench bench;
    char text[256];
    struct gtid_set have;
    gtid_set_init(&have);
    bench_start(&bench);
    struct source_file first = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct source_file second =
        source_file_new(FLAVOR_MYSQL, "binlog.000002", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3", true);
    for (int i = 1; i <= 6; i++) {
        struct gtid gtid = mysql_gtid(i);
        source_file_txn(i <= 3 ? &first : &second, &gtid, 50);
    }
    source_file_rotate(&first, "binlog.000002");
    ck_assert_int_eq(feed(bench.fixture.store, &first), RESULT_OK);
    ck_assert_int_eq(feed(bench.fixture.store, &second), RESULT_OK);
    snprintf(text, sizeof(text), "%s%s", uuid_text, mysql_rows[_i].have);
    if (mysql_rows[_i].have[0] != '\0')
        ck_assert_int_eq(gtid_set_parse(&have, span_of_text(text)), RESULT_OK);
    replica_skip_set_mysql(&bench.skip, &have);
    bench_from(&bench, store_start(bench.fixture.store), POSITION_NONE);
    bench_run(&bench, 100);
    tell(&bench, text, sizeof(text));
    ck_assert_str_eq(text, mysql_rows[_i].told);
    gtid_set_release(&have);
    source_file_free(&first);
    source_file_free(&second);
    bench_stop(&bench);
}
END_TEST

static const struct {
    const char *start;
    const char *until; /* NULL: none */
    const char *told;
} mariadb_rows[] = {
    {"",            NULL,          "R 0-1-1 0-1-2 5-1-1 0-2-3 0-1-4 5-1-2 "},
    {"0-1-2",       NULL,          "R L 5-1-1 0-2-3 0-1-4 5-1-2 "          },
    {"0-2-3",       NULL,          "R 5-1-1 L 0-1-4 5-1-2 "                },
    {"0-1-2,5-1-1", NULL,          "R L L 0-2-3 0-1-4 5-1-2 "              },
    {"0-1-4,5-1-2", NULL,          "R L L "                                },
    {"5-1-1",       NULL,          "R 0-1-1 0-1-2 L 0-2-3 0-1-4 5-1-2 "    },
    {"",            "0-1-2",       "R 0-1-1 0-1-2 L "                      },
    {"0-1-1",       "0-2-3,5-1-1", "R L 0-1-2 5-1-1 0-2-3 L "              },
    {"0-1-1",       "0-1-1",       "R L L "                                },
};

START_TEST(a_mariadb_replica_starts_and_ends_in_each_domain)
{
    static const struct gtid_mariadb gtids[] = {
        {0, 1, 1},
        {0, 1, 2},
        {5, 1, 1},
        {0, 2, 3},
        {0, 1, 4},
        {5, 1, 2}
    };
    struct bench bench;
    char text[256];
    struct gtid_list start;
    struct gtid_list until;
    struct gtid_list none;
    gtid_list_init(&start);
    gtid_list_init(&until);
    gtid_list_init(&none);
    bench_start(&bench);
    struct source_file file = source_file_new(FLAVOR_MARIADB, "binlog.000001", "", true);
    for (size_t i = 0; i < sizeof(gtids) / sizeof(gtids[0]); i++) {
        struct gtid gtid = gtid_of_mariadb(gtids[i].domain, gtids[i].server, gtids[i].seq);
        source_file_txn(&file, &gtid, 50);
    }
    ck_assert_int_eq(feed(bench.fixture.store, &file), RESULT_OK);
    ck_assert_int_eq(gtid_list_parse(&start, span_of_text(mariadb_rows[_i].start)), RESULT_OK);
    replica_skip_set_mariadb(&bench.skip, &start);
    replica_skip_begin_file(&bench.skip, &none, &store_gtids(bench.fixture.store)->list);
    if (mariadb_rows[_i].until != NULL) {
        ck_assert_int_eq(gtid_list_parse(&until, span_of_text(mariadb_rows[_i].until)), RESULT_OK);
        replica_skip_set_until(&bench.skip, &until, &start);
    }
    bench_from(&bench, store_start(bench.fixture.store), POSITION_NONE);
    bench_run(&bench, 100);
    tell(&bench, text, sizeof(text));
    ck_assert_str_eq(text, mariadb_rows[_i].told);
    ck_assert_int_eq(bench.state, STREAM_OVER);
    gtid_list_release(&start);
    gtid_list_release(&until);
    source_file_free(&file);
    bench_stop(&bench);
}
END_TEST

START_TEST(a_live_replica_is_asked_for_one_ack_per_batch)
{
    struct bench bench;
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    size_t fed = 4;
    bench_start(&bench);
    bench.stream.options.is_non_block = false;
    bench.stream.options.is_semi_sync = true;
    ck_assert_int_eq(store_begin_file(bench.fixture.store, FLAVOR_MYSQL, file.name), RESULT_OK);
    for (int i = 1; i <= 9; i++) {
        struct gtid gtid = mysql_gtid(i);
        source_file_txn(&file, &gtid, 20);
        if (i % 3 != 0)
            continue;
        ck_assert_int_eq(feed_range(bench.fixture.store, &file, fed, file.length, 1000, 0), RESULT_OK);
        fed = file.length;
        if (i == 3)
            bench_from(&bench, store_start(bench.fixture.store), POSITION_NONE);
        bench_run(&bench, 65536);
        ck_assert_int_eq(bench.state, STREAM_WAITS_FOR_STORE);
        struct position end = store_end(bench.fixture.store);
        ck_assert_uint_eq(bench.acks.count, 1);
        ck_assert(position_equal(bench.acks.asked[bench.acks.first].end, end));
        ck_assert(position_equal(replica_stream_covered(&bench.stream, end), end));
        ck_assert(replica_acks_take(&bench.acks, end, clock_monotonic_us()));
        ck_assert(!replica_acks_take(&bench.acks, end, clock_monotonic_us()));
        ck_assert_int_eq(bench.acks.acked_gtid.mysql.gno, i);
    }
    ck_assert_uint_eq(bench.acks.latencies, 3);
    assert_hears_file(&bench, &file, 4);
    source_file_free(&file);
    bench_stop(&bench);
}
END_TEST

START_TEST(acks_are_read_torn_and_joined)
{
    struct replica_acks acks;
    uint8_t wire[256];
    struct writer writer;
    bool has;
    struct position acked = POSITION_NONE;
    writer_init(&writer, wire, sizeof(wire));
    for (uint64_t offset = 100; offset <= 300; offset += 100) {
        uint8_t payload[SEMISYNC_ACK_MAX];
        struct writer ack;
        uint8_t sequence = 0;
        writer_init(&ack, payload, sizeof(payload));
        semisync_ack_encode(&ack, &(struct semisync_ack){offset, span_of_text("binlog.000002")});
        packet_encode(&writer, writer_span_written(&ack), &sequence);
    }
    for (size_t piece = 1; piece <= writer.length; piece++) {
        uint8_t buffer[300];
        replica_acks_init(&acks);
        acked = POSITION_NONE;
        for (size_t at = 0; at < writer.length; at += piece) {
            size_t length = writer.length - at < piece ? writer.length - at : piece;
            size_t kept = replica_acks_begin_read(&acks, buffer);
            memcpy(buffer + kept, wire + at, length);
            ck_assert_int_eq(
                replica_acks_read(&acks, (struct span){buffer, kept + length}, "binlog", &has, &acked),
                RESULT_OK);
        }
        ck_assert(has);
        ck_assert_uint_eq(acked.file, 2);
        ck_assert_uint_eq(acked.offset, 300);
        replica_acks_release(&acks);
    }
    replica_acks_init(&acks);
    ck_assert_int_eq(replica_acks_read(&acks, writer_span_written(&writer), "other", &has, &acked),
                     RESULT_DIVERGED);
    replica_acks_release(&acks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_stream");
    TCase *tests = tcase_create("streams");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, real_files_arrive_whole_however_little_is_read, 0, GOLDENS);
    tcase_add_test(tests, events_longer_than_a_window_and_than_a_packet_pass);
    tcase_add_test(tests, a_client_without_checksums_gets_none);
    tcase_add_loop_test(tests, what_a_mysql_replica_has_is_left_out_and_told, 0,
                        sizeof(mysql_rows) / sizeof(mysql_rows[0]));
    tcase_add_loop_test(tests, a_mariadb_replica_starts_and_ends_in_each_domain, 0,
                        sizeof(mariadb_rows) / sizeof(mariadb_rows[0]));
    tcase_add_test(tests, a_live_replica_is_asked_for_one_ack_per_batch);
    tcase_add_test(tests, acks_are_read_torn_and_joined);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
