/* MariaDB's parsec by hand, for raw_login.c: the server's scramble, an empty answer, the account's salt, a
 * signature with the key that password and salt make. After MariaDB's plugin/auth_parsec. */
#ifndef ACKGATE_TEST_RAW_PARSEC_H
#define ACKGATE_TEST_RAW_PARSEC_H

#include <stdbool.h>

#include "protocol/reader.h"

struct raw_client;

#define RAW_PARSEC "parsec"

/* server_scramble: what came with the plugin's name. Fails the test when the server leaves the protocol;
 * whether the signature is taken is the next packet. */
void raw_parsec_respond(struct raw_client *client, struct span server_scramble, struct span password);

#endif
