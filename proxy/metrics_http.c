/* The requests and responses of metrics_http.h. */
#include "proxy/metrics_http.h"

#include "protocol/xalloc.h"

#include <stdlib.h>
#include <string.h>

/* The empty line after the headers, with or without carriage returns. */
static bool has_end(struct span bytes)
{
    return memmem(bytes.data, bytes.length, "\r\n\r\n", 4) != NULL ||
           memmem(bytes.data, bytes.length, "\n\n", 2) != NULL;
}

/* The word up to a blank, which is taken away too; empty when there is none. */
static struct span take_word(struct span *line)
{
    const uint8_t *blank = line->length == 0 ? NULL : memchr(line->data, ' ', line->length);
    if (blank == NULL)
        return (struct span){NULL, 0};
    struct span word = {line->data, (size_t)(blank - line->data)};
    line->data += word.length + 1;
    line->length -= word.length + 1;
    return word;
}

static enum result decode_line(struct span line, struct http_request *ret_request)
{
    struct span method = take_word(&line);
    struct span path = take_word(&line);
    if (line.length < 8 || memcmp(line.data, "HTTP/1.", 7) != 0 || path.length == 0 || path.data[0] != '/')
        return RESULT_MALFORMED;
    bool is_head = span_is_text(method, "HEAD");
    if (!is_head && !span_is_text(method, "GET"))
        return RESULT_UNSUPPORTED;
    const uint8_t *query = memchr(path.data, '?', path.length);
    if (query != NULL)
        path.length = (size_t)(query - path.data);
    *ret_request = (struct http_request){is_head, path};
    return RESULT_OK;
}

enum result http_request_decode(struct span bytes, struct http_request *ret_request)
{
    if (bytes.data == NULL || !has_end(bytes))
        return RESULT_AGAIN;
    const uint8_t *end = memchr(bytes.data, '\n', bytes.length);
    struct span line = {bytes.data, (size_t)(end - bytes.data)};
    return decode_line(line, ret_request);
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Service Unavailable";
    }
}

struct http_response http_response_of_text(int status, const char *text)
{
    return (struct http_response){.status = status, .body = span_of_text(text)};
}

struct http_response http_response_of_owned(int status, const char *type, char *text)
{
    return (struct http_response){.status = status, .type = type, .body = span_of_text(text), .owned = text};
}

void http_response_release(struct http_response *response)
{
    free(response->owned);
    *response = (struct http_response){0};
}

char *http_head_format(const struct http_response *response, size_t *ret_length_bytes)
{
    char *head = xasprintf(
        "HTTP/1.1 %d %s\r\n"
        "Content-Type: %s\r\n"
        "Content-Length: %zu\r\n"
        "Cache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "%s"
        "Connection: close\r\n\r\n",
        response->status, reason_of(response->status),
        response->type != NULL ? response->type : "text/plain; charset=utf-8", response->body.length,
        response->status == 405 ? "Allow: GET, HEAD\r\n" : "");
    *ret_length_bytes = strlen(head);
    return head;
}
