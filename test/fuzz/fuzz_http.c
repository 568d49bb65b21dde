/* A request to the metrics port: what is taken lies within the bytes, is not decided before its end has come,
 * and does not change with what follows. */
#include "proxy/metrics_http.h"
#include "proxy/page.h"
#include "test/fuzz/fuzz.h"

static void check_torn(struct span bytes, enum result whole, const struct http_request *request)
{
    struct http_request part;
    enum result result = RESULT_AGAIN;
    size_t length = 0;

    while (result == RESULT_AGAIN && length < bytes.length) {
        struct span torn = fuzz_copy((struct span){bytes.data, ++length});
        result = http_request_decode(torn, &part);
        if (result == RESULT_OK)
            fuzz_check(part.is_head == request->is_head && span_equal(part.path, request->path));
        fuzz_free(torn);
    }
    fuzz_check(result == whole);
}

static void check_request(struct span bytes, const struct http_request *request)
{
    struct page_file file;

    fuzz_check(request->path.length > 0 && request->path.data[0] == '/');
    fuzz_check(request->path.data > bytes.data &&
               request->path.data + request->path.length < bytes.data + bytes.length);
    fuzz_check(memchr(request->path.data, '\n', request->path.length) == NULL);
    if (page_find(request->path, &file))
        fuzz_check(file.bytes.length > 0 && file.type != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct http_request request;

    if (length > 1024)
        return 0;
    struct span bytes = fuzz_copy((struct span){data, length});
    enum result result = http_request_decode(bytes, &request);
    if (result == RESULT_OK)
        check_request(bytes, &request);
    check_torn(bytes, result, &request);
    fuzz_free(bytes);
    return 0;
}
