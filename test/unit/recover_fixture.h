/*
 * A source's data directory for the tests of the recovery tool: binlog files and an index in a directory of
 * their own, made from the golden files, and the tail read from them.
 */
#ifndef ACKGATE_TEST_RECOVER_FIXTURE_H
#define ACKGATE_TEST_RECOVER_FIXTURE_H

#include "recovery/binlog_tail.h"
#include "recovery/crc32c.h"
#include "recovery/storage_posix.h"
#include "test/unit/binlog_golden.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

struct recover_dir {
    char path[64];
    char index_path[96];
    char *problem; /* of the last reading that failed */
};

static inline void recover_dir_make(struct recover_dir *dir)
{
    *dir = (struct recover_dir){0};
    bool is_quick = access("/dev/shm", W_OK) == 0;
    snprintf(dir->path, sizeof dir->path, "%s/ackgate-recover-XXXXXX", is_quick ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir->path));
    snprintf(dir->index_path, sizeof dir->index_path, "%s/binlog.index", dir->path);
}

static inline int recover_dir_remove_one(const char *path, const struct stat *status, int type,
                                         struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void recover_dir_remove(struct recover_dir *dir)
{
    nftw(dir->path, recover_dir_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(dir->problem);
}

static inline void recover_write(const struct recover_dir *dir, const char *name, const void *bytes,
                                 size_t length)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir->path, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

/* Its bytes and a NUL behind them; NULL: not there. */
static inline uint8_t *recover_read(const struct recover_dir *dir, const char *name, size_t *ret_length)
{
    char path[512];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", dir->path, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    ck_assert_int_eq(fstat(fileno(file), &status), 0);
    uint8_t *bytes = calloc(1, (size_t)status.st_size + 1);
    ck_assert_uint_eq(fread(bytes, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    fclose(file);
    *ret_length = (size_t)status.st_size;
    return bytes;
}

static inline void recover_write_index(const struct recover_dir *dir, const char *text)
{
    recover_write(dir, "binlog.index", text, strlen(text));
}

/* The golden files were closed in good order; a crash leaves the flag set. */
static inline void recover_mark_in_use(struct binlog_golden *golden)
{
    binlog_event_set_in_use(golden->bytes + BINLOG_MAGIC_BYTES, true);
}

static inline enum result recover_tail(struct recover_dir *dir, struct position from, struct tail *ret_tail)
{
    struct binlog_index index;
    struct binlog_tail_request request = {storage_posix(), dir->path, &index, from};
    enum result result = binlog_index_read(request.storage, dir->index_path, dir->path, &index);
    if (result != RESULT_OK)
        return result;
    free(dir->problem);
    dir->problem = NULL;
    tail_init(ret_tail);
    result = binlog_tail_read(&request, ret_tail, &dir->problem);
    ck_assert((result == RESULT_OK) == (dir->problem == NULL));
    if (result != RESULT_OK)
        tail_release(ret_tail);
    binlog_index_release(&index);
    return result;
}

struct recover_expected {
    char gtid[GTID_TEXT_MAX];
    char kind[32];
    uint64_t start, end;
};

static inline size_t recover_expect(const char *name, struct recover_expected ret_rows[128])
{
    char path[256];
    size_t count = 0;
    snprintf(path, sizeof path, "test/golden/binlog_%s.expected", name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (count < 128) {
        struct recover_expected *row = &ret_rows[count];
        if (fscanf(file, "%95s %lu %lu %31s", row->gtid, &row->start, &row->end, row->kind) != 4)
            break;
        count++;
    }
    fclose(file);
    return count;
}

#endif
