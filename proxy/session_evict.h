/*
 * Room for those who come: when there are too many connections, at app.max_connections or at the source, a
 * client that has not answered the greeting for a while gives up its place, the oldest first. So connections
 * that stop in the middle of the handshake keep nobody out until app.auth_timeout ends them.
 */
#ifndef ACKGATE_PROXY_SESSION_EVICT_H
#define ACKGATE_PROXY_SESSION_EVICT_H

struct app_thread;

enum session_evicted {
    SESSION_EVICTED,
    SESSION_EVICT_LATER, /* none has waited for long enough */
    SESSION_EVICT_NOBODY
};

/* Ends one session of this thread that waits for its client to log in. */
enum session_evicted session_evict(struct app_thread *thread);

#endif
