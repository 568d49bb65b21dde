/* `ackgate passwd`: turns a password into the lines for the config. */
#ifndef ACKGATE_PROXY_PASSWD_H
#define ACKGATE_PROXY_PASSWD_H

/*
 * Asks twice without echo when stdin is a terminal, else reads one line of it; prints to stdout. user NULL:
 * "admin". Returns the exit code: 0, or 1 with the reason on stderr.
 */
int passwd_run(const char *user);

#endif
