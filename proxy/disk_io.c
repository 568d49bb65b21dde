/* The table of disk_io.h, and whole reads and writes over it. */
#include "proxy/disk_io.h"

#include <errno.h>
#include <unistd.h>

struct disk_io disk_io = {
    .pwrite = pwrite,
    .fdatasync = fdatasync,
    .ftruncate = ftruncate,
};

enum result disk_io_write(int fd, struct span bytes, uint64_t offset)
{
    while (bytes.length > 0) {
        ssize_t taken = disk_io.pwrite(fd, bytes.data, bytes.length, (off_t)offset);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken == 0)
            errno = ENOSPC; /* a device that takes nothing more and does not say why */
        if (taken <= 0)
            return RESULT_IO;
        bytes.data += taken;
        bytes.length -= (size_t)taken;
        offset += (uint64_t)taken;
    }
    return RESULT_OK;
}

enum result disk_io_read(int fd, uint8_t *ret_data, size_t length_bytes, uint64_t offset)
{
    while (length_bytes > 0) {
        ssize_t taken = pread(fd, ret_data, length_bytes, (off_t)offset);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return RESULT_IO;
        if (taken == 0)
            return RESULT_TRUNCATED;
        ret_data += taken;
        length_bytes -= (size_t)taken;
        offset += (uint64_t)taken;
    }
    return RESULT_OK;
}
