/*
 * Ends a connection to the source whose client has left before it logged in.
 *
 * Health checks do that all day. Closed as it is, the source would count an aborted connect and, many times
 * from one host, block it; so ackgate logs in with its own account and says good-bye. Belongs to a thread,
 * frees itself; app_thread_stop() cuts what is left.
 */
#ifndef ACKGATE_PROXY_FAREWELL_H
#define ACKGATE_PROXY_FAREWELL_H

#include "proxy/app_thread.h"
#include "proxy/conn.h"

/* Takes over the connection, connected or about to be. greeting: the source's, if it has been read, else
 * empty. */
void farewell_start(struct app_thread *thread, struct conn_link link, struct span greeting);
void farewell_cut_all(struct app_thread *thread);

size_t farewell_count(const struct app_thread *thread); /* under way */

#endif
