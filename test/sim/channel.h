/* What arrives for the daemon's channels: proxy/channel.h over link.h. Whole payloads, no packets. */
#ifndef ACKGATE_TEST_SIM_CHANNEL_H
#define ACKGATE_TEST_SIM_CHANNEL_H

#include "proxy/channel.h"

void sim_channel_payload(struct channel *channel, struct span payload);
void sim_channel_closed(struct channel *channel);
struct link *sim_channel_link(struct channel *channel);

#endif
