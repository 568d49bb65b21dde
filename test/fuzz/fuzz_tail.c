/* The reader of a source's binlog files under libFuzzer: the input is a binlog file as it may lie on a disk.
 * What it lists is in order, within the file, and survives the way to the admin port. */
#include "protocol/xalloc.h"
#include "recovery/binlog_tail.h"
#include "recovery/tail_text.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/memory_storage.h"

static struct memory_storage storage;

static void put(const char *path, const void *bytes, size_t length)
{
    struct storage_file *file;
    enum result result = storage_open(&storage.base, path, STORAGE_CREATE, &file);
    if (result == RESULT_OK)
        result = storage_write(file, 0, bytes, length);
    fuzz_check(result == RESULT_OK);
    storage_close(&file);
}

static void check(const struct tail *tail, size_t size)
{
    size_t length, line;
    struct tail parsed;
    for (size_t i = 0; i < tail->txn_count; i++) {
        const struct tail_txn *txn = &tail->txns[i];
        fuzz_check(txn->start < txn->end && txn->end <= size);
        fuzz_check(i == 0 || txn->start >= tail->txns[i - 1].end);
    }
    char *text = tail_format(tail, &length);
    tail_init(&parsed);
    enum result result = tail_parse((struct span){(const uint8_t *)text, length}, &parsed, &line);
    if (result != RESULT_OK)
        fprintf(stderr, "%s line %zu: %s", text, line, result_text(result));
    fuzz_check(result == RESULT_OK && parsed.txn_count == tail->txn_count);
    fuzz_check(position_equal(parsed.end, tail->end));
    tail_release(&parsed);
    free(text);
}

static void read_from(uint64_t offset, size_t size)
{
    struct binlog_index index;
    struct tail tail;
    char *problem = NULL;
    struct binlog_tail_request request = {
        &storage.base, "/d", &index, {1, offset}
    };
    enum result result = binlog_index_read(&storage.base, "/d/b.index", "/d", &index);
    fuzz_check(result == RESULT_OK);
    tail_init(&tail);
    result = binlog_tail_read(&request, &tail, &problem);
    fuzz_check((result == RESULT_OK) == (problem == NULL));
    if (result == RESULT_OK)
        check(&tail, size);
    free(problem);
    tail_release(&tail);
    binlog_index_release(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_storage_init(&storage, 1);
    put("/d/b.index", "b.000001\n", 9);
    put("/d/b.000001", data, size);
    read_from(BINLOG_START, size);
    read_from(size / 2, size);
    read_from(size, size);
    memory_storage_release(&storage);
    return 0;
}
