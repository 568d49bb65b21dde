/* A raw client's response to one command, read piece by piece, so that a test can look at it while it is
 * still coming: what has come so far, and whether it is over.
 *
 *     raw_send_command(&client, COMMAND_QUERY, text, strlen(text));
 *     raw_response_init(&response, &client);
 *     raw_response_assert_waiting(&response, 200);
 *     …
 *     raw_response_finish(&response);
 *
 * For OK, ERR and result sets, text or binary. The client must not have agreed to MariaDB's extensions. */
#ifndef ACKGATE_TEST_RAW_RESPONSE_H
#define ACKGATE_TEST_RAW_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/resultset.h"
#include "test/lib/fail.h"
#include "test/lib/raw_client.h"

struct raw_response {
    struct raw_client *client;
    struct resultset_reader reader;
    bool is_over;
    bool is_closed; /* by the peer, before the response was over; is_over then too */
    unsigned oks;   /* answers without a result set */
    unsigned resultsets;
    uint64_t rows;
    uint16_t status; /* of the last OK or EOF */
    bool tells_more; /* session state, though the client has not agreed to CAP_SESSION_TRACK */
    unsigned error;  /* of the ERR that ended it, 0: none */
};

/* The command has been sent. */
void raw_response_init(struct raw_response *response, struct raw_client *client);
/* Takes what comes within `ms`; true if the response is over. Broken packets and wrong sequence numbers fail
 * the test. */
#define raw_response_read(response, ms) raw_response_read_at(HERE, response, ms)
bool raw_response_read_at(struct place where, struct raw_response *response, unsigned ms);
/* Asserts that it does not end within `ms`. */
#define raw_response_assert_waiting(response, ms) raw_response_assert_waiting_at(HERE, response, ms)
void raw_response_assert_waiting_at(struct place where, struct raw_response *response, unsigned ms);
/* Waits for the end, which must not be an error; raw_response_finish_try() returns the error number. */
#define raw_response_finish(response) raw_response_finish_at(HERE, response)
void raw_response_finish_at(struct place where, struct raw_response *response);
#define raw_response_finish_try(response) raw_response_finish_try_at(HERE, response)
unsigned raw_response_finish_try_at(struct place where, struct raw_response *response);

#endif
