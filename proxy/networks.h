/* A list of networks, as the config writes them: "10.0.0.0/8, ::1, 192.0.2.7". */
#ifndef ACKGATE_PROXY_NETWORKS_H
#define ACKGATE_PROXY_NETWORKS_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stddef.h>

struct networks;
struct sockaddr;

/*
 * An address without a length stands for itself alone; one that has bits behind its length is refused,
 * because more may have been meant than is wanted. Empty text gives NULL, which no address is in. On problems
 * RESULT_MALFORMED, and ret_error says what is wrong with which of them.
 */
MUST_CHECK enum result networks_parse(const char *text, struct networks **ret_networks, char *ret_error,
                                      size_t error_max);
void networks_free(struct networks **networks);

/* IPv4 mapped into IPv6 counts as IPv4. Another family than these is in none. */
bool networks_have(const struct networks *networks, const struct sockaddr *address);
bool networks_have_peer(const struct networks *networks, int fd); /* whoever is connected to the socket */

#endif
