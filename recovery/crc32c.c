/* CRC-32C with the processor's instruction where it has it (SSE 4.2), else by table, four bytes at a time. */
#include "recovery/crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* reflected */

static uint32_t table[4][256];
static uint32_t (*update)(uint32_t, const uint8_t *, size_t);
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

static uint32_t update_by_table(uint32_t crc, const uint8_t *bytes, size_t length)
{
    for (; length >= 4; bytes += 4, length -= 4) {
        crc ^= (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
               (uint32_t)bytes[3] << 24;
        crc = table[3][crc & 0xFF] ^ table[2][crc >> 8 & 0xFF] ^ table[1][crc >> 16 & 0xFF] ^
              table[0][crc >> 24];
    }
    for (; length > 0; bytes++, length--)
        crc = crc >> 8 ^ table[0][(crc ^ *bytes) & 0xFF];
    return crc;
}

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int slice = 1; slice < 4; slice++)
            table[slice][i] = table[slice - 1][i] >> 8 ^ table[0][table[slice - 1][i] & 0xFF];
    }
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t update_by_instruction(uint32_t crc, const uint8_t *bytes,
                                                                        size_t length)
{
    uint64_t wide = crc;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t chunk;
        memcpy(&chunk, bytes, sizeof(chunk));
        wide = __builtin_ia32_crc32di(wide, chunk);
    }
    crc = (uint32_t)wide;
    for (; length > 0; bytes++, length--)
        crc = __builtin_ia32_crc32qi(crc, *bytes);
    return crc;
}
#endif

static void choose(void)
{
    fill_table();
    update = update_by_table;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2"))
        update = update_by_instruction;
#endif
}

uint32_t crc32c(uint32_t crc, const void *data, size_t length_bytes)
{
    pthread_once(&chosen, choose);
    return ~update(~crc, data, length_bytes);
}

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t length_bytes)
{
    pthread_once(&chosen, choose);
    return ~update_by_table(~crc, data, length_bytes);
}
