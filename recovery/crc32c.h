/* CRC-32C (Castagnoli, as in RFC 3720 appendix B.4): the checksum of the journal's frames. */
#ifndef ACKGATE_RECOVERY_CRC32C_H
#define ACKGATE_RECOVERY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from crc, which is 0 at the start: crc32c(crc32c(0, a), b) is the checksum of a followed by b. */
uint32_t crc32c(uint32_t crc, const void *data, size_t length_bytes);

/* The same without the processor's help; what the tests compare with. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t length_bytes);

#endif
