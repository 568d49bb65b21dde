/* Telling the service manager how we are, after sd_notify(3): a datagram to $NOTIFY_SOCKET. Without one,
 * nothing happens. */
#ifndef ACKGATE_PROXY_NOTIFY_H
#define ACKGATE_PROXY_NOTIFY_H

/* state: "READY=1", "STOPPING=1", … Failures are nobody's concern. */
void notify_service_manager(const char *state);

#endif
