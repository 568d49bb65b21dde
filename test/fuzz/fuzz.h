/*
 * For the fuzz targets: each is a libFuzzer program over one group of decoders. Whatever the bytes, a decoder
 * must not read outside them, and what it takes for good must come back the same from its encoder.
 */
#ifndef ACKGATE_TEST_FUZZ_H
#define ACKGATE_TEST_FUZZ_H

#include "protocol/reader.h"
#include "protocol/writer.h"
#include "protocol/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* Like assert(), but there in every build. */
#define fuzz_check(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* A copy in memory of exactly its size, so that a read behind its end is seen. The caller frees it. */
static inline struct span fuzz_copy(struct span span)
{
    uint8_t *copy = xmalloc(span.length == 0 ? 1 : span.length);
    if (span.length > 0)
        memcpy(copy, span.data, span.length);
    return (struct span){copy, span.length};
}

static inline void fuzz_free(struct span span)
{
    free((void *)(uintptr_t)span.data);
}

#endif
