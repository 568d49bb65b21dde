/* What a start finds in the store's directory: binlog files, the index, the synced offset, the WAL. It is
 * refused, or it is a store that can be walked, read and cut, and opens again to the same. The first byte:
 * bit 0, the journal knows of a cut; bit 1, there is one to make; then the cut's file and offset (two bytes).
 * The rest are pieces, as the enum says, with the file's number in the upper half of what they are. */
#include <fcntl.h>
#include <zlib.h>

#include "protocol/binlog_format.h"
#include "test/fuzz/fuzz_store.h"

enum piece {
    INDEX,        /* as it is */
    INDEX_LINES,  /* each line gets its checksum */
    DURABLE_LINE, /* gets its checksum */
    WAL_RECORD,   /* two bytes of offset and a payload, for the file */
    BYTES,        /* behind what the file has */
    EVENT,        /* the same; length, end and checksum are made right */
    PIECES,
};
enum { FILES = 16, WAL_BYTES = 4 * 1024 * 1024, WAL_BLOCK = 4096, CUT_EPOCH = 2 };

struct scene {
    struct fuzz_store store;
    uint64_t sizes[FILES];
    uint32_t wal_records;
    uint64_t wal_at;
    struct position last_start; /* of the last transaction */
    struct position seen;
};

static void append(const char *name, struct span bytes)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", fuzz_store_dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    fuzz_check(fd >= 0 && write(fd, bytes.data, bytes.length) == (ssize_t)bytes.length);
    (void)close(fd);
}

static void append_sealed_line(const char *name, struct span line)
{
    char *text = xasprintf("%08x %.*s\n", (unsigned)crc32(0, line.data, (uInt)line.length), (int)line.length,
                           (const char *)line.data);

    append(name, span_of_text(text));
    free(text);
}

static void append_sealed_lines(const char *name, struct span text)
{
    while (text.length > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.length);
        size_t length = end == NULL ? text.length : (size_t)(end - text.data);
        append_sealed_line(name, (struct span){text.data, length});
        length += end != NULL;
        text.data += length;
        text.length -= length;
    }
}

static void put_wal_record(struct scene *scene, uint64_t file, struct span bytes)
{
    static uint8_t record[WAL_BLOCK * 4];
    struct writer writer;
    char path[128];

    if (bytes.length < 3 || bytes.length > sizeof record - 64)
        return;
    uint64_t offset = bytes.data[0] + 256u * bytes.data[1];
    bytes.data += 2;
    bytes.length -= 2;
    (void)snprintf(path, sizeof path, "%s/ackgate-store.wal", fuzz_store_dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    writer_init(&writer, record, sizeof record);
    writer_text(&writer, "AGW1");
    writer_u32(&writer, 0);
    writer_u64(&writer, 7);
    writer_u32(&writer, scene->wal_records++);
    writer_u32(&writer, (uint32_t)bytes.length);
    writer_u64(&writer, file);
    writer_u64(&writer, offset);
    writer_u32(&writer, (uint32_t)crc32(0, (const Bytef *)"binlog", 6));
    writer_span(&writer, bytes);
    size_t length = writer.length;
    writer_init(&writer, record + 4, 4);
    writer_u32(&writer, (uint32_t)crc32(0, record + 8, (uInt)length - 8));
    fuzz_check(fd >= 0 && ftruncate(fd, WAL_BYTES) == 0);
    fuzz_check(pwrite(fd, record, length, (off_t)scene->wal_at) == (ssize_t)length);
    (void)close(fd);
    scene->wal_at += (length + WAL_BLOCK - 1) / WAL_BLOCK * WAL_BLOCK;
}

static void append_event(uint64_t *at, const char *name, struct span bytes)
{
    if (bytes.length < BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES)
        return;
    struct span event = fuzz_copy(bytes);
    fuzz_seal_event((uint8_t *)(uintptr_t)event.data, event.length, at);
    append(name, event);
    fuzz_free(event);
}

static void put(struct scene *scene, uint8_t what, struct span bytes)
{
    unsigned number = what >> 4;
    char name[32];

    (void)snprintf(name, sizeof name, "binlog.%06u", number + 1);
    if (scene->sizes[number] == 0 && (what & 15) == EVENT) {
        append(name, (struct span){binlog_magic, BINLOG_MAGIC_BYTES});
        scene->sizes[number] = BINLOG_START;
    }
    switch ((what & 15) % PIECES) {
    case INDEX:
        append("ackgate-store.index", bytes);
        break;
    case INDEX_LINES:
        append_sealed_lines("ackgate-store.index", bytes);
        break;
    case DURABLE_LINE:
        append_sealed_line("ackgate-store.durable", bytes);
        break;
    case WAL_RECORD:
        put_wal_record(scene, number + 1, bytes);
        break;
    case BYTES:
        append(name, bytes);
        scene->sizes[number] += bytes.length;
        break;
    default:
        append_event(&scene->sizes[number], name, bytes);
        break;
    }
}

/* ---- a store that opened ---- */

static bool on_txn(void *argument, uint64_t file, const struct txn *txn)
{
    struct scene *scene = argument;

    fuzz_check(txn->start < txn->end);
    fuzz_check(position_compare(scene->seen, (struct position){file, txn->start}) <= 0);
    scene->seen = (struct position){file, txn->end};
    scene->last_start = (struct position){file, txn->start};
    fuzz_check(position_compare(scene->seen, store_end(scene->store.store)) <= 0);
    return true;
}

static void read_all(struct store *store)
{
    struct position at = store_start(store), end = store_end(store);
    struct span bytes;
    enum result result = RESULT_OK;

    while (result == RESULT_OK) {
        result = store_read(store, at, 65536, &bytes);
        if (result == RESULT_OK)
            at.offset += bytes.length;
        if (result == RESULT_CLOSED && at.file < end.file) {
            at = (struct position){at.file + 1, BINLOG_START};
            result = RESULT_OK;
        }
    }
    fuzz_check(result == RESULT_AGAIN && position_equal(at, end));
}

static void find_again(struct scene *scene)
{
    struct gtid_state have;
    struct position from;
    uint64_t file;
    char offending[256];

    gtid_state_init(&have, store_flavor(scene->store.store));
    if (store_gtids_at(scene->store.store, scene->last_start, &have) == RESULT_OK &&
        store_find_gtids(scene->store.store, &have, &from, offending, sizeof offending) == RESULT_OK)
        fuzz_check(store_has_position(scene->store.store, from));
    gtid_state_release(&have);
    (void)!store_run_start(scene->store.store, store_end(scene->store.store).file + 1, &file);
    (void)!store_checkpoint(scene->store.store, store_end(scene->store.store).file, &file);
}

static void cut(struct scene *scene)
{
    struct store_cut at = {scene->last_start, CUT_EPOCH + 1};

    if (store_cut(scene->store.store, &at) != RESULT_OK)
        return;
    fuzz_check(position_equal(store_end(scene->store.store), at.at));
    scene->store.cut = at;
    fuzz_store_check_reopened(&scene->store);
}

static void look(struct scene *scene, bool cuts)
{
    struct store *store = scene->store.store;

    if (store_is_empty(store))
        return;
    read_all(store);
    scene->seen = store_start(store);
    if (store_scan(store, store_start(store), on_txn, scene) == RESULT_OK && scene->last_start.file != 0)
        find_again(scene);
    fuzz_store_check_reopened(&scene->store);
    if (cuts && scene->last_start.file != 0)
        cut(scene);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct scene scene = {0};
    struct reader reader;
    struct span bytes;
    uint8_t what;

    if (length < 4)
        return 0;
    fuzz_store_init(&scene.store, FLAVOR_UNKNOWN);
    reader_init(&reader, data, length);
    uint8_t mode = reader_u8(&reader);
    struct position at = {.file = reader_u8(&reader)};
    at.offset = reader_u16(&reader);
    if (mode & 1)
        scene.store.cut = (struct store_cut){at, CUT_EPOCH};
    while (fuzz_next_piece(&reader, &what, &bytes))
        put(&scene, what, bytes);
    if (fuzz_store_open(&scene.store) == RESULT_OK)
        look(&scene, (mode & 2) != 0);
    fuzz_store_release(&scene.store);
    return 0;
}
