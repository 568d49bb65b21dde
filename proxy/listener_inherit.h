/*
 * Listening sockets that whoever started us has opened already, after sd_listen_fds(3): $LISTEN_FDS of them,
 * from descriptor 3 on, if $LISTEN_PID is this process. They outlive it: who connects while ackgate is being
 * restarted waits in the system's queue for the next one.
 */
#ifndef ACKGATE_PROXY_LISTENER_INHERIT_H
#define ACKGATE_PROXY_LISTENER_INHERIT_H

#include <sys/socket.h>

/* Once, before the first listener. */
void listener_inherit_start(void);

/* The socket that is bound to this address, for listener.c, which owns it then; -1: there is none. */
int listener_inherit_take(const struct sockaddr *address);

/* Closes those that no listener took, and says so in the log. */
void listener_inherit_end(void);

#endif
