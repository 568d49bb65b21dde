/*
 * Where a client's connection and the source's differ in security, the authentication cannot be passed on as
 * it is: one side wants a password in the clear, inside of TLS or a Unix socket, and the other encrypted with
 * an RSA key. Then ackgate does that step.
 *
 *     client secure, source not   the client sends the password in the clear; ackgate asks the source for its
 *                                 key and sends it encrypted
 *     source secure, client not   the client asks for a key and gets ackgate's own; ackgate sends in the
 * clear what it decrypts
 *
 * This concerns caching_sha2_password when the source does not have the hash in its cache, and
 * sha256_password. Scrambles of other plugins do not care about the connection. A password is kept for one
 * round trip at most and wiped then. Used by the session files only.
 */
#ifndef ACKGATE_PROXY_SESSION_PASSWORD_H
#define ACKGATE_PROXY_SESSION_PASSWORD_H

#include "protocol/greeting.h"
#include "protocol/login.h"

#include <stdbool.h>

struct session;

enum session_plugin {
    SESSION_PLUGIN_OTHER,
    SESSION_PLUGIN_SHA2,
    SESSION_PLUGIN_SHA256,
    SESSION_PLUGIN_CLEAR
};

/* The authentication under way; plugin and scramble are needed again by COM_CHANGE_USER. */
struct session_password {
    uint8_t scramble[SCRAMBLE_BYTES];
    uint8_t plugin; /* enum session_plugin: whose packets come now */
    enum {
        PASSWORD_NOT_ASKED,
        PASSWORD_ASKED,          /* the client's next packet is the password, or asks for a key */
        PASSWORD_WAITS_FOR_KEY,  /* of the source's */
        PASSWORD_COMES_ENCRYPTED /* with our key */
    } stage;
    char *clear; /* while it waits for the key */
    size_t length;
};

/* What login, COM_CHANGE_USER or the source names; an empty scramble leaves the one before. */
void session_password_set_plugin(struct session_password *password, struct span name, struct span scramble);
void session_password_forget(struct session_password *password);

/* True: what stood in the login was meant for a connection of the other kind and is taken out; an empty
 * response of no plugin makes the source ask again. False: it may go to the source as it is. */
bool session_password_take_out(const struct session *session, struct login *login);
/* The source now asks for a password in the clear, and its connection is not secure, but the client's is. */
bool session_password_is_exposed(const struct session *session);

/* A packet of the source's or the client's. True: it was for ackgate, and what follows has been put. */
bool session_password_from_source(struct session *session, struct span payload);
bool session_password_from_client(struct session *session, struct span payload);

#endif
