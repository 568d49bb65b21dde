/*
 * mysql_native_password, client's and server's side.
 *
 * Manual: "Native Authentication": the client sends SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password)));
 * the server stores SHA1(SHA1(password)). With an empty password the response is empty, which callers tell
 * apart.
 */
#ifndef ACKGATE_PROTOCOL_AUTH_NATIVE_H
#define ACKGATE_PROTOCOL_AUTH_NATIVE_H

#include "protocol/greeting.h"
#include "protocol/reader.h"

#define AUTH_NATIVE_BYTES 20 /* of the response and of what is stored */

/* What a server stores (and prints in hex after a '*'). */
void auth_native_store(struct span password, uint8_t ret_stored[AUTH_NATIVE_BYTES]);
/* The client's response; for a non-empty password. */
void auth_native_respond(struct span password, const uint8_t scramble[SCRAMBLE_BYTES],
                         uint8_t ret_response[AUTH_NATIVE_BYTES]);
/* False for a response of another length, so for an empty one too. */
bool auth_native_verify(struct span response, const uint8_t scramble[SCRAMBLE_BYTES],
                        const uint8_t stored[AUTH_NATIVE_BYTES]);

#endif
