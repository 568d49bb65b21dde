/*
 * The system calls that change files of the store, in one table, so that tests can make the i-th of them
 * fail. Everybody else calls them and leaves the table alone.
 */
#ifndef ACKGATE_PROXY_DISK_IO_H
#define ACKGATE_PROXY_DISK_IO_H

#include "protocol/reader.h"

#include <sys/types.h>

struct disk_io {
    ssize_t (*pwrite)(int fd, const void *data, size_t length_bytes, off_t offset);
    int (*fdatasync)(int fd); /* also from the disk thread */
    int (*ftruncate)(int fd, off_t length_bytes);
};
extern struct disk_io disk_io;

/* Writes all of it, also when the system takes it in parts. RESULT_IO: errno says why. */
MUST_CHECK enum result disk_io_write(int fd, struct span bytes, uint64_t offset);
/* Reads all of it. RESULT_TRUNCATED: the file is shorter; RESULT_IO. */
MUST_CHECK enum result disk_io_read(int fd, uint8_t *ret_data, size_t length_bytes, uint64_t offset);

#endif
