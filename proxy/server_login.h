/*
 * Letting somebody log in to a port of ackgate's own (admin, replication) with an account of the config:
 * greeting, scramble check with caching_sha2_password (fast path, which the stored hash always allows) or
 * mysql_native_password, auth switch to what the client's plugin can do, error 1045 otherwise (with no hint
 * which of the two was wrong). Before it TLS, where the client asks for it and the port has it.
 */
#ifndef ACKGATE_PROXY_SERVER_LOGIN_H
#define ACKGATE_PROXY_SERVER_LOGIN_H

#include "protocol/greeting.h"
#include "proxy/channel.h"
#include "proxy/config.h"

struct server_login_options {
    const struct config_account *const *accounts; /* any of them may log in; borrowed */
    size_t account_count;
    const char *server_version; /* shown in the greeting; borrowed until done */
    uint32_t connection_id;
    uint64_t capabilities; /* offered */
    uint64_t timeout_ms;
    const char *object;      /* for the log, e.g. "admin" */
    struct tls_context *tls; /* whether TLS is offered or asked for; NULL: no. A Unix socket needs none */
    const char *schema;      /* the only one that the client may ask for (1049 otherwise); NULL: any */
};

struct server_login_outcome {
    uint64_t capabilities; /* what both sides have */
    size_t account;        /* index into accounts */
    char db[65];           /* the schema the client asked for, "" if none */
    uint8_t charset;
};

struct server_login;

/*
 * result RESULT_OK: the OK has been sent, outcome is valid during the call. Otherwise outcome is NULL and
 * either the error has been sent and the channel closes by itself once it is written (the caller sets its
 * callbacks and frees it in on_closed), or the channel is broken and the caller frees it now:
 * server_login_is_broken() tells which. The caller may free the channel in the call in any case.
 */
typedef void server_login_done_fn(void *argument, enum result result,
                                  const struct server_login_outcome *outcome);

/* Whether that result of a login means that the channel is broken already, so that no on_closed will come. */
bool server_login_is_broken(enum result result);

/*
 * Sends the greeting and drives the channel's callbacks until done; frees itself after on_done. The channel
 * is new, with a payload bound that suits a stranger (SERVER_LOGIN_PAYLOAD_MAX); the caller raises it after
 * the login. Accounts are looked at during the login: they live until done or cancelled.
 */
enum { SERVER_LOGIN_PAYLOAD_MAX = 70 * 1024 }; /* connection attributes may take 64 KiB */
struct server_login *server_login_start(struct loop *loop, struct channel *channel,
                                        const struct server_login_options *options,
                                        server_login_done_fn *on_done, void *argument);
/* Ends it without a call; the channel is the caller's to free. */
void server_login_cancel(struct server_login **login);

#endif
