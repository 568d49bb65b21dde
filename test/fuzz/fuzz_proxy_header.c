/* PROXY headers: what is taken lies within the bytes, is the same however much of it has come, and is written
 * and read back the same. */
#include "protocol/proxy_header.h"
#include "test/fuzz/fuzz.h"

static void check_again(const struct proxy_header *header)
{
    uint8_t bytes[PROXY_HEADER_ENCODED_MAX];
    struct proxy_header again;
    struct writer writer;
    size_t length = 0;
    writer_init(&writer, bytes, sizeof bytes);
    proxy_header_encode(&writer, header);
    fuzz_check(!writer_failed(&writer));
    fuzz_check(proxy_header_decode(writer_span_written(&writer), &again, &length) == RESULT_OK);
    fuzz_check(length == writer.length && again.kind == header->kind);
    if (header->kind == PROXY_KIND_LOCAL)
        return;
    fuzz_check(memcmp(&again.source, &header->source, sizeof again.source) == 0);
    fuzz_check(memcmp(&again.destination, &header->destination, sizeof again.destination) == 0);
}

/* What was taken is not decided before its last byte. */
static void check_torn(struct span bytes, size_t length)
{
    struct proxy_header header;
    size_t ignored;
    for (size_t i = 0; i < length; i++)
        fuzz_check(proxy_header_decode((struct span){bytes.data, i}, &header, &ignored) == RESULT_AGAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct proxy_header header;
    size_t header_length = 0;
    struct span bytes = fuzz_copy((struct span){data, length});
    enum result result = proxy_header_decode(bytes, &header, &header_length);
    fuzz_check(result != RESULT_AGAIN || length < PROXY_HEADER_MAX);
    if (result == RESULT_OK) {
        fuzz_check(proxy_header_is_start(bytes));
        fuzz_check(header_length > 0 && header_length <= length && header_length <= PROXY_HEADER_MAX);
        check_again(&header);
        check_torn(bytes, header_length);
    }
    fuzz_free(bytes);
    return 0;
}
