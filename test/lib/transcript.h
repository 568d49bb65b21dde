/* What a server says to a raw client in answer to one command, packet by packet, in a form in which two
 * connections can be compared byte for byte: numbers of transactions and statements, which no two
 * connections share, are replaced by '#', and all else stays, sequence numbers too.
 *
 * It finds the end of a response by itself, for every kind of response and all capabilities, and so is a
 * second opinion on what the session's response tracker does. */
#ifndef ACKGATE_TEST_TRANSCRIPT_H
#define ACKGATE_TEST_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/command.h"
#include "test/lib/fail.h"
#include "test/lib/raw_client.h"

struct transcript {
    uint8_t *bytes; /* owned */
    size_t length;
    size_t room;
    unsigned packets;
    uint32_t statement_id; /* of the last COM_STMT_PREPARE_OK */
    uint16_t status;       /* of the last OK or EOF */
    bool is_closed;        /* by the server */
};

void transcript_release(struct transcript *transcript);
/* Reads the response to a command of this kind. `file` is what the client sends if it is asked for one. */
#define transcript_take(transcript, client, kind, file)                                                      \
    transcript_take_at(HERE, transcript, client, kind, file)
void transcript_take_at(struct place where, struct transcript *transcript, struct raw_client *client,
                        enum command_response kind, const char *file);
/* The last packet that the client has read, as the end of a login. */
void transcript_add_last(struct transcript *transcript, const struct raw_client *client);
bool transcript_equal(const struct transcript *one, const struct transcript *two);
/* Where they part, as text with some bytes before and after; lives until the next call. */
const char *transcript_difference(const struct transcript *one, const struct transcript *two);

#endif
