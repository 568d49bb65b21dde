/* As much of HTTP/1.1 (RFC 9112) as a scraper or a health check needs: a request's first line, and a
 * response. */
#ifndef ACKGATE_PROXY_METRICS_HTTP_H
#define ACKGATE_PROXY_METRICS_HTTP_H

#include "protocol/reader.h"

struct http_request {
    bool is_head;
    struct span path; /* without a query; points into the bytes */
};

/*
 * RESULT_AGAIN: the header section is not complete yet. RESULT_UNSUPPORTED: another method than GET and HEAD.
 * RESULT_MALFORMED: no HTTP/1 request.
 */
MUST_CHECK enum result http_request_decode(struct span bytes, struct http_request *ret_request);

/* A whole response, allocated. type NULL: text/plain. */
char *http_response_format(int status, const char *type, const char *body, bool is_head,
                           size_t *ret_length_bytes);

#endif
