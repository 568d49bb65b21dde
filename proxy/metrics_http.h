/* As much of HTTP/1.1 (RFC 9112) as a scraper, a health check or a browser needs here: a request's first
 * line, and a response. */
#ifndef ACKGATE_PROXY_METRICS_HTTP_H
#define ACKGATE_PROXY_METRICS_HTTP_H

#include "protocol/reader.h"

struct http_request {
    bool is_head;
    struct span path; /* without a query; points into the bytes */
};

struct http_response {
    int status;
    const char *type; /* constant; NULL: text/plain */
    struct span body;
    char *owned; /* the body's memory when it was made for this response, else NULL */
};

/*
 * RESULT_AGAIN: the header section is not complete yet. RESULT_UNSUPPORTED: another method than GET and HEAD.
 * RESULT_MALFORMED: no HTTP/1 request.
 */
MUST_CHECK enum result http_request_decode(struct span bytes, struct http_request *ret_request);

/* A response of constant text. */
struct http_response http_response_of_text(int status, const char *text);
/* Takes over an allocated text. */
struct http_response http_response_of_owned(int status, const char *type, char *text);
void http_response_release(struct http_response *response);

/*
 * What stands before the body, allocated. It asks for the connection to be closed afterwards, forbids
 * caching, and keeps a browser from loading anything from elsewhere, or into a page from elsewhere.
 */
char *http_head_format(const struct http_response *response, size_t *ret_length_bytes);

#endif
