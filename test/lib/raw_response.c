/* Reading a response while it is still coming, see raw_response.h. */
#include "test/lib/raw_response.h"

#include <poll.h>

#include "protocol/constants.h"
#include "test/lib/wait.h"

enum { FINISH_MS = 20000 };

void raw_response_init(struct raw_response *response, struct raw_client *client)
{
    *response = (struct raw_response){.client = client};
    resultset_reader_init(&response->reader, client->capabilities);
}

static void take_step(struct raw_response *response, enum resultset_step step)
{
    response->oks += step == RESULTSET_STEP_OK;
    response->resultsets += step == RESULTSET_STEP_END;
    response->rows += step == RESULTSET_STEP_ROW;
    if (step == RESULTSET_STEP_ERROR) {
        (void)raw_is_error(response->client, &response->error);
        response->is_over = true;
    } else if (step == RESULTSET_STEP_OK || step == RESULTSET_STEP_END) {
        response->status = response->reader.status;
        /* MariaDB's EOFs have this flag for all clients */
        response->tells_more |= step == RESULTSET_STEP_OK &&
                                !(response->client->capabilities & CAP_SESSION_TRACK) &&
                                (response->status & STATUS_SESSION_STATE_CHANGED);
        response->is_over = (response->status & STATUS_MORE_RESULTS) == 0;
    }
}

static void take_packet(struct place where, struct raw_response *response)
{
    struct raw_client *client = response->client;
    uint8_t sequence = client->sequence;
    enum resultset_step step;

    switch (raw_read_packet(client)) {
    case RAW_CLOSED:
        response->is_over = response->is_closed = true;
        return;
    case RAW_TIMEOUT:
        fail_at(where, "half a packet has come");
    case RAW_PACKET:
        break;
    }
    if (client->read_sequence != sequence)
        fail_at(where, "a packet has sequence number %u instead of %u", client->read_sequence, sequence);
    if (resultset_reader_next(&response->reader, (struct span){client->payload, client->payload_bytes},
                              &step) != RESULT_OK)
        fail_at(where, "a packet of %zu bytes cannot be read as part of a response", client->payload_bytes);
    take_step(response, step);
}

bool raw_response_read_at(struct place where, struct raw_response *response, unsigned ms)
{
    uint64_t end_ms = now_ms() + ms;

    while (!response->is_over) {
        uint64_t now = now_ms();
        struct pollfd poll_fd = {.fd = response->client->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, now < end_ms ? (int)(end_ms - now) : 0) <= 0)
            return false;
        take_packet(where, response);
    }
    return true;
}

void raw_response_assert_waiting_at(struct place where, struct raw_response *response, unsigned ms)
{
    if (raw_response_read_at(where, response, ms))
        fail_at(where, "the response is over (error %u, %u OKs, %u result sets)%s", response->error,
                response->oks, response->resultsets, response->is_closed ? ": closed" : "");
}

unsigned raw_response_finish_try_at(struct place where, struct raw_response *response)
{
    if (!raw_response_read_at(where, response, (unsigned)(FINISH_MS * wait_factor())))
        fail_at(where, "the response does not end (%u OKs, %u result sets, %llu rows so far)", response->oks,
                response->resultsets, (unsigned long long)response->rows);
    if (response->is_closed)
        fail_at(where, "the peer closes the connection instead of answering");
    return response->error;
}

void raw_response_finish_at(struct place where, struct raw_response *response)
{
    if (raw_response_finish_try_at(where, response))
        fail_at(where, "error %u: %.*s", response->error, (int)response->client->payload_bytes,
                (const char *)response->client->payload);
}
