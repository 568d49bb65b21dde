/* The port of metrics.h: listeners, and connections that live for one request. */
#include "proxy/metrics.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/conn.h"
#include "proxy/listener.h"
#include "proxy/log.h"
#include "proxy/metrics_routes.h"
#include "proxy/status_history.h"
#include "proxy/timer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct scrape {
    struct metrics *metrics;
    struct conn conn;
    struct timer timeout;
    uint64_t number; /* lower came earlier */
    bool is_answered;
    bool is_ended;
    size_t request_length;
    struct http_response response; /* only when is_answered */
    char *head;                    /* owned */
    size_t head_length;
    size_t sent; /* of head and body */
    uint8_t request[METRICS_REQUEST_MAX];
};

struct metrics {
    struct loop *loop;
    struct pipeline *pipeline;
    struct status_history *history;
    struct listener *listeners[CONFIG_LISTEN_MAX];
    size_t listener_count;
    uint64_t scrape_count;                           /* ever */
    struct scrape *scrapes[METRICS_CONNECTIONS_MAX]; /* NULL: free */
};

static void on_turn_over_free(void *argument)
{
    struct scrape *scrape = argument;
    http_response_release(&scrape->response);
    free(scrape->head);
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

/* What is left to send, in at most two parts. */
static int parts_left(const struct scrape *scrape, struct iovec ret_parts[2])
{
    const struct span *body = &scrape->response.body;
    int count = 0;
    if (scrape->sent < scrape->head_length)
        ret_parts[count++] = (struct iovec){scrape->head + scrape->sent, scrape->head_length - scrape->sent};
    size_t of_body = scrape->sent > scrape->head_length ? scrape->sent - scrape->head_length : 0;
    if (of_body < body->length)
        ret_parts[count++] = (struct iovec){(void *)(body->data + of_body), body->length - of_body};
    return count;
}

/*
 * Afterwards the client closes: if this side did so while something from it lies unread, the system would
 * reset the connection, and the client might lose the response.
 */
static void write_more(struct scrape *scrape)
{
    struct iovec parts[2];
    for (;;) {
        int count = parts_left(scrape, parts);
        if (count == 0)
            break;
        size_t length;
        enum result result = conn_write(&scrape->conn, parts, count, &length);
        if (result == RESULT_AGAIN) {
            conn_watch(&scrape->conn, CONN_WRITE);
            return;
        }
        if (result != RESULT_OK) {
            end(scrape);
            return;
        }
        scrape->sent += length;
    }
    shutdown(scrape->conn.fd, SHUT_WR);
    conn_watch(&scrape->conn, CONN_READ);
}

static void respond(struct scrape *scrape, struct http_response response, bool is_head)
{
    scrape->is_answered = true;
    scrape->response = response;
    scrape->head = http_head_format(&response, &scrape->head_length);
    if (is_head)
        scrape->response.body.length = 0;
    write_more(scrape);
}

static void answer(struct scrape *scrape, const struct http_request *request)
{
    uint64_t began_us = clock_monotonic_us();
    struct metrics *metrics = scrape->metrics;
    respond(scrape, metrics_answer(metrics->pipeline, metrics->history, request), request->is_head);
    log_debug("metrics", "%s: %" PRIu64 " us of the loop", log_quote(request->path),
              clock_monotonic_us() - began_us);
}

static void consider(struct scrape *scrape)
{
    struct http_request request;
    struct span bytes = {scrape->request, scrape->request_length};
    switch (http_request_decode(bytes, &request)) {
    case RESULT_OK:
        answer(scrape, &request);
        break;
    case RESULT_AGAIN:
        if (scrape->request_length == sizeof(scrape->request))
            respond(scrape, http_response_of_text(431, "the request is too long\n"), false);
        break;
    case RESULT_UNSUPPORTED:
        respond(scrape, http_response_of_text(405, "only GET and HEAD\n"), false);
        break;
    default:
        respond(scrape, http_response_of_text(400, "not an HTTP/1 request\n"), false);
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
    if (scrape->is_answered)
        scrape->request_length = 0; /* whatever still comes */
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
    if (!scrape->is_answered)
        consider(scrape);
}

/* With all places taken, whoever has kept one for the longest makes room: asking takes no time. */
static size_t take_place(struct metrics *metrics)
{
    size_t place = 0;
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        if (metrics->scrapes[i] == NULL)
            return i;
        if (metrics->scrapes[i]->number < metrics->scrapes[place]->number)
            place = i;
    }
    end(metrics->scrapes[place]);
    return place;
}

static void on_accept(void *argument, int fd)
{
    struct metrics *metrics = argument;
    size_t place = take_place(metrics);
    struct scrape *scrape = xcalloc(1, sizeof(*scrape));
    scrape->metrics = metrics;
    scrape->number = metrics->scrape_count++;
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
    metrics->history = status_history_start(loop, pipeline);
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
    status_history_stop(&old->history);
    free(old);
}
