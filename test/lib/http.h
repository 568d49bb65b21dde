/* HTTP requests by hand to ackgate's metrics port, and figures out of what it answers.
 *
 * What a response points to lives as long as the process. */
#ifndef ACKGATE_TEST_HTTP_H
#define ACKGATE_TEST_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/lib/fail.h"

struct http_answer {
    int status;       /* 0: the connection ended without a response */
    const char *head; /* status line and headers */
    const char *body;
    size_t length; /* of the body */
};

/* Sends these bytes and reads up to the end of the connection, at most RAW_SECONDS. */
#define http_ask(port, bytes) http_ask_at(HERE, port, bytes)
struct http_answer http_ask_at(struct place where, uint16_t port, const char *bytes);
/* GET path. */
#define http_get(port, path) http_get_at(HERE, port, path)
struct http_answer http_get_at(struct place where, uint16_t port, const char *path);

/* A sample out of /metrics by its whole name with labels: "ackgate_sessions_in_state{state=\"idle\"}". Fails
 * if there is none. */
#define http_metric(port, series) http_metric_at(HERE, port, series)
double http_metric_at(struct place where, uint16_t port, const char *series);

#endif
