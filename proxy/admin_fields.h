/* COM_FIELD_LIST: the columns of a table, which clients ask for to complete names. Manual: "COM_FIELD_LIST".
 */
#ifndef ACKGATE_PROXY_ADMIN_FIELDS_H
#define ACKGATE_PROXY_ADMIN_FIELDS_H

#include "proxy/channel.h"

/* Answers: argument is the table's name, a NUL, and a pattern that is not looked at. */
void admin_fields_send(struct channel *channel, uint64_t capabilities, struct span argument);

#endif
