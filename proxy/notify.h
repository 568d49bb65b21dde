/*
 * Telling the service manager how we are, after sd_notify(3): datagrams to $NOTIFY_SOCKET. Without one
 * nothing happens, and a failure to send is nobody's concern. `main` calls these, on the replication loop.
 */
#ifndef ACKGATE_PROXY_NOTIFY_H
#define ACKGATE_PROXY_NOTIFY_H

#include <stdint.h>

void notify_ready(void);     /* all ports listen; also the end of a reload */
void notify_reloading(void); /* the config is being read again; notify_ready() has to follow */
void notify_stopping(void);
void notify_alive(void); /* what WatchdogSec= waits for */

/* How often notify_alive() is wanted: half of what the manager waits for. 0: not at all ($WATCHDOG_USEC is
 * not set, is no number, or $WATCHDOG_PID is another process). */
uint64_t notify_watchdog_ms(void);

#endif
