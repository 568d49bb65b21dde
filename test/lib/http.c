/* The client of http.h. */
#include "test/lib/http.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/raw_client.h"

enum { ANSWER_MAX = 1024 * 1024 };

static char *read_to_the_end(struct place where, int fd, size_t *ret_length)
{
    static char buffer[ANSWER_MAX];
    size_t length = 0;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, RAW_SECONDS * 1000) != 1)
            fail_at(where, "no answer, or no end of it, after %.*s", (int)length, buffer);
        ssize_t got = recv(fd, buffer + length, sizeof buffer - length, 0);
        if (got <= 0)
            break;
        length += (size_t)got;
        if (length == sizeof buffer)
            fail_at(where, "the answer is endless");
    }
    *ret_length = length;
    return place_format("%.*s", (int)length, buffer);
}

struct http_answer http_ask_at(struct place where, uint16_t port, const char *bytes)
{
    struct raw_client client;
    struct http_answer answer = {.head = "", .body = ""};
    size_t length;

    raw_open_at(where, &client, port);
    (void)raw_send(&client, bytes, strlen(bytes));
    char *text = read_to_the_end(where, client.fd, &length);
    raw_close(&client);
    if (length == 0)
        return answer;
    char *end = strstr(text, "\r\n\r\n");
    if (!end || sscanf(text, "HTTP/1.1 %d ", &answer.status) != 1)
        fail_at(where, "no HTTP response: %s", text);
    end[2] = '\0';
    answer.head = text;
    answer.body = end + 4;
    answer.length = length - (size_t)(answer.body - text);
    return answer;
}

struct http_answer http_get_at(struct place where, uint16_t port, const char *path)
{
    return http_ask_at(where, port, place_format("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path));
}

double http_metric_at(struct place where, uint16_t port, const char *series)
{
    struct http_answer answer = http_get_at(where, port, "/metrics");
    const char *found = strstr(answer.body, place_format("\n%s ", series));

    if (!found)
        fail_at(where, "/metrics has no %s:\n%s", series, answer.body);
    return strtod(found + strlen(series) + 2, NULL);
}
