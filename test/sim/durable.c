/* The looking of durable.h. */
#include "test/sim/durable.h"

#include "protocol/reader.h"
#include "test/sim/files.h"

#include <stdio.h>
#include <string.h>

enum { WAL_MAGIC = 0x31574741, WAL_BLOCK_BYTES = 4096, WAL_HEAD_BYTES = 44 };

static bool look(const struct truth_txn *txn, bool is_synced, const uint8_t **ret_data, size_t *ret_length)
{
    char path[96];
    snprintf(path, sizeof(path), "/sim/a/data/store/binlog.%06llu", (unsigned long long)txn->start.file);
    return files_look(path, is_synced, ret_data, ret_length);
}

bool stored_has(const struct truth_txn *txn)
{
    const uint8_t *data;
    size_t length;
    return look(txn, false, &data, &length) && length >= txn->end.offset &&
           memcmp(data + txn->start.offset, txn->bytes, txn->length) == 0;
}

/* Puts what bytes at an offset of the file have of the transaction into its place. */
static void overlay(const struct truth_txn *txn, uint64_t offset, struct span bytes, uint8_t *ret_copy)
{
    uint64_t from = offset > txn->start.offset ? offset : txn->start.offset;
    uint64_t to = offset + bytes.length < txn->end.offset ? offset + bytes.length : txn->end.offset;
    if (from < to)
        memcpy(ret_copy + (from - txn->start.offset), bytes.data + (from - offset), (size_t)(to - from));
}

static void overlay_wal(const struct truth_txn *txn, struct span wal, uint8_t *ret_copy)
{
    uint64_t first_pass = 0;
    for (uint32_t index = 0; wal.length >= WAL_HEAD_BYTES; index++) {
        struct reader reader;
        reader_init_span(&reader, wal);
        bool is_record = reader_u32(&reader) == WAL_MAGIC;
        reader_skip(&reader, 4);
        uint64_t pass = reader_u64(&reader);
        first_pass = index == 0 ? pass : first_pass;
        is_record = is_record && pass == first_pass && reader_u32(&reader) == index;
        uint32_t length = reader_u32(&reader);
        uint64_t file = reader_u64(&reader);
        uint64_t offset = reader_u64(&reader);
        if (!is_record || length > wal.length - WAL_HEAD_BYTES)
            return;
        if (file == txn->start.file)
            overlay(txn, offset, (struct span){wal.data + WAL_HEAD_BYTES, length}, ret_copy);
        size_t taken =
            (WAL_HEAD_BYTES + (size_t)length + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
        taken = taken < wal.length ? taken : wal.length;
        wal = (struct span){wal.data + taken, wal.length - taken};
    }
}

bool durable_has(const struct truth_txn *txn)
{
    uint8_t copy[TRUTH_BYTES_MAX] = {0};
    const uint8_t *data;
    size_t length;
    if (look(txn, true, &data, &length))
        overlay(txn, 0, (struct span){data, length}, copy);
    if (memcmp(copy, txn->bytes, txn->length) == 0)
        return true;
    if (files_look("/sim/a/data/store/ackgate-store.wal", true, &data, &length))
        overlay_wal(txn, (struct span){data, length}, copy);
    return memcmp(copy, txn->bytes, txn->length) == 0;
}
