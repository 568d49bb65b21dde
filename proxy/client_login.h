/*
 * Logging in to a MySQL or MariaDB server with a password of our own, over a channel: the source's stream,
 * and app connections that ended before their client logged in (so that the source does not count an aborted
 * connect).
 *
 * Speaks caching_sha2_password (fast; full with the server's RSA key over plain connections),
 * mysql_native_password and auth switches between them; goes on in TLS first, as the context says. Manual:
 * "Connection Phase", "Caching_sha2_password information".
 */
#ifndef ACKGATE_PROXY_CLIENT_LOGIN_H
#define ACKGATE_PROXY_CLIENT_LOGIN_H

#include "protocol/greeting.h"
#include "proxy/channel.h"

struct client_login_options {
    const char *user;
    const char *password;
    uint64_t capabilities;   /* wanted; what the server lacks is left out */
    bool is_local;           /* a Unix socket: no TLS, and the server wants a password in clear */
    struct tls_context *tls; /* NULL: none */
    const char *host;        /* for the certificate */
};

struct client_login;

/* result RESULT_OK, RESULT_DENIED (the server's own error, escaped for a log), or what broke. message is
 * never NULL. */
typedef void client_login_done_fn(void *argument, enum result result, const char *message);

/*
 * Takes the server's greeting (a payload that the caller received; copied) and drives the channel's callbacks
 * until done; then the caller sets its own callbacks again. Options' strings are copied and wiped after use.
 * The login object frees itself before on_done; client_login_cancel() ends it without a call. A greeting that
 * cannot be answered (an error packet, another protocol) calls on_done at once and returns NULL.
 */
struct client_login *client_login_start(struct channel *channel, struct span greeting,
                                        const struct client_login_options *options,
                                        client_login_done_fn *on_done, void *argument);
void client_login_cancel(struct client_login **login);

#endif
