/*
 * For the tests of the store: a directory of its own, a store on a loop, files as a source would write them
 * (made here, or real ones from test/golden), and a source's stream that feeds them in.
 */
#ifndef ACKGATE_TEST_STORE_FIXTURE_H
#define ACKGATE_TEST_STORE_FIXTURE_H

#include "protocol/binlog_rotate.h"
#include "protocol/xalloc.h"
#include "proxy/disk_io.h"
#include "proxy/log.h"
#include "proxy/store.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a file as a source writes it ---- */

struct source_file {
    char name[64];
    uint8_t *bytes;
    size_t length;
    size_t room;
    bool is_checksummed;
    uint32_t time;
};

static inline void source_file_room(struct source_file *file, size_t more_bytes)
{
    if (file->length + more_bytes > file->room) {
        file->room = (file->length + more_bytes) * 2;
        file->bytes = xrealloc(file->bytes, file->room);
    }
}

/* Appends an event with this body; the checksum is right. */
static inline void source_file_event(struct source_file *file, uint8_t type, uint32_t server,
                                     struct span body)
{
    size_t tail = file->is_checksummed ? BINLOG_CHECKSUM_BYTES : 0;
    size_t length = BINLOG_HEADER_BYTES + body.length + tail;
    source_file_room(file, length);
    uint8_t *event = file->bytes + file->length;
    struct writer writer;
    writer_init(&writer, event, length);
    struct binlog_event_header header = {.timestamp = file->time,
                                         .type = type,
                                         .server_id = server,
                                         .length = (uint32_t)length,
                                         .log_pos = (uint32_t)(file->length + length)};
    binlog_event_header_encode(&writer, &header);
    writer_span(&writer, body);
    writer_zeros(&writer, tail);
    if (file->is_checksummed)
        binlog_event_seal(event, length);
    file->length += length;
}

static inline void source_file_format(struct source_file *file, enum flavor flavor)
{
    struct binlog_format format = {.version = 4,
                                   .header_length = 19,
                                   .post_header_count = flavor == FLAVOR_MYSQL ? 42 : 171,
                                   .checksum =
                                       file->is_checksummed ? BINLOG_CHECKSUM_CRC32 : BINLOG_CHECKSUM_NONE};
    strcpy(format.server_version, flavor == FLAVOR_MYSQL ? "9.7.4" : "10.11.19-MariaDB");
    format.post_header_lengths[BINLOG_QUERY] = 13;
    source_file_room(file, BINLOG_FORMAT_EVENT_MAX);
    struct binlog_event_header header = {.timestamp = file->time, .server_id = 1};
    struct writer writer;
    for (int round = 0; round < 2; round++) { /* the first tells the length */
        writer_init(&writer, file->bytes + file->length, BINLOG_FORMAT_EVENT_MAX);
        binlog_format_encode(&writer, &header, &format);
        header.log_pos = (uint32_t)(file->length + writer.length);
    }
    file->length += writer.length;
}

/* Magic, format and the state event; state as text. */
static inline struct source_file source_file_new(enum flavor flavor, const char *name, const char *state,
                                                 bool is_checksummed)
{
    struct source_file file = {.is_checksummed = is_checksummed, .time = 1700000000};
    snprintf(file.name, sizeof(file.name), "%s", name);
    source_file_room(&file, BINLOG_MAGIC_BYTES);
    memcpy(file.bytes, binlog_magic, BINLOG_MAGIC_BYTES);
    file.length = BINLOG_MAGIC_BYTES;
    source_file_format(&file, flavor);
    struct gtid_state start;
    gtid_state_init(&start, flavor);
    ck_assert_int_eq(gtid_state_parse(&start, span_of_text(state)), RESULT_OK);
    bool is_mysql = flavor == FLAVOR_MYSQL;
    size_t length = is_mysql ? gtid_set_encoded_bytes(&start.set) : gtid_list_encoded_bytes(&start.list);
    uint8_t *body = xmalloc(length + 1);
    struct writer writer;
    writer_init(&writer, body, length);
    if (is_mysql)
        gtid_set_encode(&writer, &start.set);
    else
        gtid_list_encode(&writer, &start.list);
    source_file_event(&file, is_mysql ? BINLOG_PREVIOUS_GTIDS : BINLOG_MARIADB_GTID_LIST, 1,
                      writer_span_written(&writer));
    free(body);
    gtid_state_release(&start);
    return file;
}

static inline void source_file_query(struct source_file *file, const char *sql)
{
    uint8_t body[512];
    struct writer writer;
    writer_init(&writer, body, sizeof(body));
    struct binlog_query query = {.sql = span_of_text(sql)};
    binlog_query_encode(&writer, &query);
    source_file_event(file, BINLOG_QUERY, 1, writer_span_written(&writer));
}

/* A transaction of one rows event of that many bytes. */
static inline void source_file_txn(struct source_file *file, const struct gtid *gtid, size_t rows_bytes)
{
    uint8_t body[BINLOG_GTID_BODY_MAX];
    struct writer writer;
    bool is_mysql = gtid->flavor == FLAVOR_MYSQL;
    struct binlog_gtid event = {.gtid = *gtid, .flags = is_mysql ? 0 : MARIADB_GTID_TRANSACTIONAL};
    writer_init(&writer, body, sizeof(body));
    uint8_t type = is_mysql ? BINLOG_GTID : BINLOG_MARIADB_GTID;
    binlog_gtid_encode(&writer, type, &event);
    source_file_event(file, type, is_mysql ? 1 : gtid->mariadb.server, writer_span_written(&writer));
    if (is_mysql)
        source_file_query(file, "BEGIN");
    uint8_t *rows = xmalloc(rows_bytes + 1);
    for (size_t i = 0; i < rows_bytes; i++)
        rows[i] = (uint8_t)(i * 31 + file->length);
    source_file_event(file, BINLOG_WRITE_ROWS, 1, (struct span){rows, rows_bytes});
    free(rows);
    writer_init(&writer, body, sizeof(body));
    writer_u64(&writer, file->length);
    source_file_event(file, BINLOG_XID, 1, writer_span_written(&writer));
}

static const char uuid_text[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

static inline struct gtid mysql_gtid(int64_t gno)
{
    struct gtid_origin origin = {0};
    ck_assert_int_eq(uuid_parse(span_of_text(uuid_text), origin.uuid), RESULT_OK);
    return gtid_of_mysql(&origin, gno);
}

static inline void source_file_rotate(struct source_file *file, const char *next)
{
    uint8_t body[128];
    struct writer writer;
    writer_init(&writer, body, sizeof(body));
    writer_u64(&writer, BINLOG_START);
    writer_text(&writer, next);
    source_file_event(file, BINLOG_ROTATE, 1, writer_span_written(&writer));
}

static inline struct source_file source_file_golden(const char *golden, const char *name)
{
    char path[256];
    struct source_file file = {.is_checksummed = true};
    snprintf(file.name, sizeof(file.name), "%s", name);
    snprintf(path, sizeof(path), "test/golden/binlog_%s.binlog", golden);
    FILE *in = fopen(path, "rb");
    ck_assert_msg(in != NULL, "%s: run this from the repository's root", path);
    source_file_room(&file, 65536);
    file.length = fread(file.bytes, 1, 65536, in);
    fclose(in);
    file.bytes[21] &= (uint8_t)~BINLOG_FLAG_IN_USE; /* as a dump sends it */
    return file;
}

static inline void source_file_free(struct source_file *file)
{
    free(file->bytes);
    file->bytes = NULL;
}

/* ---- a store ---- */

struct fixture {
    char dir[64];
    struct loop *loop;
    struct store *store;
    bool is_unsynced; /* store.sync = os */
    uint64_t retain_ms;
    uint64_t retain_bytes;
    struct store_cut cut; /* the journal's last discard */
    unsigned durable_told;
    unsigned failed_told;
    int failed_reason;
    unsigned txns_told;
};

static inline void fixture_on_durable(void *argument)
{
    ((struct fixture *)argument)->durable_told++;
}

static inline void fixture_on_failed(void *argument, int reason)
{
    ((struct fixture *)argument)->failed_told++;
    ((struct fixture *)argument)->failed_reason = reason;
}

static inline void fixture_on_txn(void *argument, uint64_t file, const struct txn *txn)
{
    ck_assert_uint_gt(file, 0);
    ck_assert_uint_gt(txn->end, txn->start);
    ((struct fixture *)argument)->txns_told++;
}

static inline enum result fixture_open(struct fixture *fixture)
{
    struct store_options options = {
        .dir = fixture->dir,
        .is_synced = !fixture->is_unsynced,
        .retain_ms = fixture->retain_ms,
        .retain_bytes = fixture->retain_bytes,
        .cut = fixture->cut,
    };
    struct store_callbacks callbacks = {
        .on_txn = fixture_on_txn,
        .on_durable = fixture_on_durable,
        .on_failed = fixture_on_failed,
        .argument = fixture,
    };
    return store_open(fixture->loop, &options, &callbacks, &fixture->store);
}

static inline void fixture_init(struct fixture *fixture)
{
    const char *tmp = getenv("TMPDIR");
    *fixture = (struct fixture){.store = NULL};
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/ackgate-store-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    ck_assert_ptr_nonnull(mkdtemp(fixture->dir));
    fixture->loop = loop_new();
    log_set_level(LOG_LEVEL_ERROR + 1);
}

static inline void fixture_start(struct fixture *fixture)
{
    fixture_init(fixture);
    ck_assert_int_eq(fixture_open(fixture), RESULT_OK);
}

static inline void remove_all(const char *dir)
{
    DIR *list = opendir(dir);
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list))
        unlinkat(dirfd(list), entry->d_name, 0);
    closedir(list);
    rmdir(dir);
}

static inline void fixture_release(struct fixture *fixture)
{
    store_close(&fixture->store);
    loop_free(&fixture->loop);
    remove_all(fixture->dir);
}

static inline void fixture_reopen(struct fixture *fixture)
{
    store_close(&fixture->store);
    ck_assert_int_eq(fixture_open(fixture), RESULT_OK);
}

static inline void turn(struct fixture *fixture)
{
    event_base_loop(loop_base(fixture->loop), EVLOOP_ONCE);
}

static inline void wait_durable(struct fixture *fixture)
{
    while (!position_equal(store_durable(fixture->store), store_end(fixture->store)))
        turn(fixture);
}

static inline const char *path_of(const struct fixture *fixture, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", fixture->dir, name);
    return path;
}

/* ---- a source's stream ---- */

static inline enum result feed_event(struct store *store, struct span event, size_t piece_bytes)
{
    struct binlog_event_header header;
    ck_assert_int_eq(binlog_event_header_decode(event, &header), RESULT_OK);
    for (size_t at = 0; at < event.length; at += piece_bytes) {
        size_t length = event.length - at < piece_bytes ? event.length - at : piece_bytes;
        enum result result = store_write(store, (struct span){event.data + at, length});
        if (result != RESULT_OK)
            return result;
    }
    if (event.length > BINLOG_HEADER_BYTES + TXN_BODY_BYTES)
        event.length = BINLOG_HEADER_BYTES + TXN_BODY_BYTES;
    return store_event_done(store, &header, event);
}

/* Feeds [from, to) of the file's events; a flush after each flush_every of them (0: one at the end). */
static inline enum result feed_range(struct store *store, const struct source_file *file, size_t from,
                                     size_t to, size_t piece_bytes, unsigned flush_every)
{
    unsigned count = 0;
    for (size_t at = from; at < to;) {
        struct binlog_event_header header;
        struct span left = {file->bytes + at, file->length - at};
        ck_assert_int_eq(binlog_event_header_decode(left, &header), RESULT_OK);
        enum result result = feed_event(store, (struct span){left.data, header.length}, piece_bytes);
        at += header.length;
        if (result == RESULT_OK && flush_every != 0 && ++count % flush_every == 0)
            result = store_flush(store);
        if (result != RESULT_OK)
            return result;
    }
    return store_flush(store);
}

static inline enum flavor flavor_of(const struct source_file *file)
{
    struct binlog_format format;
    struct binlog_event_header header;
    struct span event = {file->bytes + 4, file->length - 4};
    ck_assert_int_eq(binlog_event_header_decode(event, &header), RESULT_OK);
    event.length = header.length;
    ck_assert_int_eq(binlog_format_decode(event, &format), RESULT_OK);
    return format.flavor;
}

static inline enum result feed(struct store *store, const struct source_file *file)
{
    enum result result = store_begin_file(store, flavor_of(file), file->name);
    return result == RESULT_OK ? feed_range(store, file, 4, file->length, SIZE_MAX / 2, 0) : result;
}

/* ---- files on disk ---- */

static inline uint8_t *slurp(const char *path, size_t *ret_length)
{
    FILE *in = fopen(path, "rb");
    ck_assert_msg(in != NULL, "%s", path);
    struct stat status;
    ck_assert_int_eq(fstat(fileno(in), &status), 0);
    uint8_t *bytes = xmalloc((size_t)status.st_size + 1);
    *ret_length = fread(bytes, 1, (size_t)status.st_size, in);
    ck_assert_uint_eq(*ret_length, (size_t)status.st_size);
    fclose(in);
    return bytes;
}

static inline void spill(const char *path, const void *bytes, size_t length)
{
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, length, out), length);
    fclose(out);
}

/* The file on disk is the source's, up to `length`, with the in-use flag as said. */
static inline void assert_same_file(const struct fixture *fixture, const struct source_file *file,
                                    size_t length, bool is_in_use)
{
    size_t there;
    uint8_t *bytes = slurp(path_of(fixture, file->name), &there);
    ck_assert_uint_eq(there, length);
    if (length > 21) {
        ck_assert_int_eq(bytes[21] & BINLOG_FLAG_IN_USE, is_in_use ? BINLOG_FLAG_IN_USE : 0);
        bytes[21] = (uint8_t)((bytes[21] & ~BINLOG_FLAG_IN_USE) | (file->bytes[21] & BINLOG_FLAG_IN_USE));
    }
    ck_assert_int_eq(memcmp(bytes, file->bytes, length), 0);
    free(bytes);
}

static inline bool is_there(const struct fixture *fixture, const char *name)
{
    return access(path_of(fixture, name), F_OK) == 0;
}

static inline void assert_gtids(const struct store *store, const char *text)
{
    char *have = gtid_state_format(store_gtids(store));
    ck_assert_str_eq(have, text);
    free(have);
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
