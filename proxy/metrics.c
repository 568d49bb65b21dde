/* The port of metrics.h: listeners, and connections that live for one request. */
#include "proxy/metrics.h"

#include "protocol/xalloc.h"
#include "proxy/conn.h"
#include "proxy/listener.h"
#include "proxy/log.h"
#include "proxy/metrics_http.h"
#include "proxy/metrics_text.h"
#include "proxy/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scrape {
    struct metrics *metrics;
    struct conn conn;
    struct timer timeout;
    size_t request_length;
    char *response; /* owned; NULL until the request is whole */
    size_t response_length;
    size_t response_sent;
    bool is_ended;
    uint8_t request[METRICS_REQUEST_MAX];
};

struct metrics {
    struct loop *loop;
    struct pipeline *pipeline;
    struct listener *listeners[CONFIG_LISTEN_MAX];
    size_t listener_count;
    struct scrape *scrapes[METRICS_CONNECTIONS_MAX]; /* NULL: free */
};

static void on_turn_over_free(void *argument)
{
    struct scrape *scrape = argument;
    free(scrape->response);
    free(scrape);
}

static void end(struct scrape *scrape)
{
    struct metrics *metrics = scrape->metrics;
    if (scrape->is_ended)
        return;
    scrape->is_ended = true;
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        if (metrics->scrapes[i] == scrape)
            metrics->scrapes[i] = NULL;
    }
    timer_release(&scrape->timeout);
    conn_close(&scrape->conn);
    loop_defer(metrics->loop, on_turn_over_free, scrape);
}

static void on_timeout(void *argument)
{
    end(argument);
}

static void write_more(struct scrape *scrape)
{
    while (scrape->response_sent < scrape->response_length) {
        struct iovec part = {scrape->response + scrape->response_sent,
                             scrape->response_length - scrape->response_sent};
        size_t length;
        enum result result = conn_write(&scrape->conn, &part, 1, &length);
        if (result == RESULT_AGAIN) {
            conn_watch(&scrape->conn, CONN_WRITE);
            return;
        }
        if (result != RESULT_OK)
            break;
        scrape->response_sent += length;
    }
    end(scrape);
}

static void respond(struct scrape *scrape, int status, const char *type, const char *body, bool is_head)
{
    scrape->response = http_response_format(status, type, body, is_head, &scrape->response_length);
    write_more(scrape);
}

static void respond_ready(struct scrape *scrape, bool is_head)
{
    char reason[VIEW_REASON + 128];
    bool is_ready = metrics_is_ready(scrape->metrics->pipeline, reason, sizeof(reason));
    respond(scrape, is_ready ? 200 : 503, NULL, reason, is_head);
}

static void serve(struct scrape *scrape, const struct http_request *request)
{
    if (span_is_text(request->path, "/metrics")) {
        char *text = metrics_text_format(scrape->metrics->pipeline);
        respond(scrape, 200, METRICS_TEXT_TYPE, text, request->is_head);
        free(text);
    } else if (span_is_text(request->path, "/healthz")) {
        respond(scrape, 200, NULL, "ok\n", request->is_head);
    } else if (span_is_text(request->path, "/readyz")) {
        respond_ready(scrape, request->is_head);
    } else {
        respond(scrape, 404, NULL, "there are /metrics, /healthz and /readyz\n", request->is_head);
    }
}

static void consider(struct scrape *scrape)
{
    struct http_request request;
    struct span bytes = {scrape->request, scrape->request_length};
    switch (http_request_decode(bytes, &request)) {
    case RESULT_OK:
        serve(scrape, &request);
        break;
    case RESULT_AGAIN:
        if (scrape->request_length == sizeof(scrape->request))
            respond(scrape, 431, NULL, "the request is too long\n", false);
        break;
    case RESULT_UNSUPPORTED:
        respond(scrape, 405, NULL, "only GET and HEAD\n", false);
        break;
    default:
        respond(scrape, 400, NULL, "not an HTTP/1 request\n", false);
    }
}

static void on_ready(void *argument, unsigned what)
{
    struct scrape *scrape = argument;
    if (scrape->is_ended)
        return;
    if (what & CONN_WRITE) {
        write_more(scrape);
        return;
    }
    size_t length;
    enum result result = conn_read(&scrape->conn, scrape->request + scrape->request_length,
                                   sizeof(scrape->request) - scrape->request_length, &length);
    if (result == RESULT_AGAIN)
        return;
    if (result != RESULT_OK) {
        end(scrape);
        return;
    }
    scrape->request_length += length;
    consider(scrape);
}

static void on_accept(void *argument, int fd)
{
    struct metrics *metrics = argument;
    size_t place = 0;
    while (place < METRICS_CONNECTIONS_MAX && metrics->scrapes[place] != NULL)
        place++;
    if (place == METRICS_CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    struct scrape *scrape = xcalloc(1, sizeof(*scrape));
    scrape->metrics = metrics;
    metrics->scrapes[place] = scrape;
    conn_open(&scrape->conn, metrics->loop, fd, on_ready, scrape);
    timer_init(&scrape->timeout, metrics->loop, on_timeout, scrape);
    timer_start(&scrape->timeout, METRICS_TIMEOUT_MS);
    conn_watch(&scrape->conn, CONN_READ);
}

enum result metrics_start(struct loop *loop, const struct config *config, struct pipeline *pipeline,
                          struct metrics **ret_metrics)
{
    struct metrics *metrics = xcalloc(1, sizeof(*metrics));
    metrics->loop = loop;
    metrics->pipeline = pipeline;
    for (size_t i = 0; i < config->metrics.listen.count; i++) {
        const char *address = config->metrics.listen.addresses[i];
        enum result result =
            listener_open(loop, address, on_accept, metrics, &metrics->listeners[metrics->listener_count]);
        if (result != RESULT_OK) {
            log_error("metrics", "cannot listen on %s: %s", address,
                      result == RESULT_IO ? strerror(errno) : result_text(result));
            metrics_stop(&metrics);
            return result;
        }
        metrics->listener_count++;
        log_info("metrics", "listening on %s", address);
    }
    *ret_metrics = metrics;
    return RESULT_OK;
}

void metrics_stop(struct metrics **metrics)
{
    struct metrics *old = *metrics;
    if (old == NULL)
        return;
    *metrics = NULL;
    for (size_t i = 0; i < old->listener_count; i++)
        listener_close(&old->listeners[i]);
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        if (old->scrapes[i] != NULL)
            end(old->scrapes[i]);
    }
    free(old);
}
