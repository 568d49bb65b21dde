/*
 * The client's answer to the greeting: an SSLRequest, after which the client's connection goes on in TLS, and
 * the login itself, which is passed on with other capabilities, after TLS with the source where that is asked
 * for.
 *
 * The source learns the client's capabilities from its own SSLRequest already, so TLS with the source has to
 * wait for the client's login.
 */
#include "proxy/session.h"

#include "protocol/constants.h"
#include "protocol/greeting.h"
#include "protocol/login.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "proxy/tls_log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = TLS_ERROR_MAX };

#define UNFINISHED "it was not finished within app.auth_timeout"

#define CAPS_NEEDED (CAP_SESSION_TRACK | CAP_DEPRECATE_EOF)
/* What ackgate does not speak, and what it does not know and could change packets that it finds its way in.
 */
#define CAPS_MASKED (CAP_SSL | CAP_MARIADB_MULTI | ~CAPS_KNOWN)
/* What is between a client and ackgate only. */
#define CAPS_OF_CLIENTS (CAP_COMPRESS | CAP_ZSTD)

static struct tls_context *client_tls(const struct session *session)
{
    return session->thread->shared->tls->app;
}

static struct tls_context *source_tls(const struct session *session)
{
    return session->thread->shared->tls->source;
}

static bool is_source_local(const struct session *session)
{
    return config_source_is_local(session->thread->shared->config);
}

bool session_is_client_secure(const struct session *session)
{
    return conn_is_secure(&session->client.conn) || conn_is_local(&session->client.conn);
}

bool session_is_source_secure(const struct session *session)
{
    return conn_is_secure(&session->source.conn) || is_source_local(session);
}

/* 0: the source lacks what ackgate cannot do without. */
uint64_t session_login_offered(const struct session *session, uint64_t source_caps)
{
    if ((source_caps & CAPS_NEEDED) != CAPS_NEEDED)
        return 0;
    return (source_caps & ~CAPS_MASKED) | (tls_context_is_on(client_tls(session)) ? CAP_SSL : 0);
}

static void bad_handshake(struct session *session, uint8_t sequence)
{
    session_auth_client_is_wrong(session, ERROR_CODE_BAD_HANDSHAKE, sequence, "Bad handshake");
}

/* ---- TLS with the client ---- */

static void on_client_secured(void *argument, enum result result)
{
    struct session *session = argument;
    if (result != RESULT_OK) {
        tls_log_failed("app", session->client.conn.peer, conn_tls_error(&session->client.conn));
        session_close(session);
        return;
    }
    atomic_store_explicit(&session->is_tls, true, memory_order_relaxed);
    session_watch(session);
}

static void secure_client(struct session *session, struct packet_header header, struct span early)
{
    if (!tls_context_is_on(client_tls(session)) || conn_is_secure(&session->client.conn)) {
        session_auth_client_is_wrong(session, ERROR_CODE_BAD_HANDSHAKE, header.sequence,
                                     "ackgate: TLS is not offered on this port");
        return;
    }
    session->last_sequence = header.sequence;
    conn_secure(&session->client.conn, tls_new(client_tls(session), NULL), early, on_client_secured);
}

static bool is_tls_missing(const struct session *session)
{
    return tls_context_mode(client_tls(session)) >= TLS_REQUIRED && !session_is_client_secure(session);
}

static void refuse_plain(struct session *session, uint8_t sequence)
{
    tls_log_plain("app", session->client.conn.peer);
    session_fail(session, ERROR_CODE_SECURE_TRANSPORT_REQUIRED, (uint8_t)(sequence + 1),
                 "Connections using insecure transport are prohibited: ackgate has app.tls = required");
}

/* ---- TLS with the source ---- */

static void enter_auth(struct session *session)
{
    session->is_clients_turn = false;
    session->phase = SESSION_AUTH;
}

static void fail_secure(struct session *session, const char *why)
{
    char message[MESSAGE_MAX];
    snprintf(message, sizeof(message), "ackgate: TLS with the source failed: %s", why);
    tls_log_failed("app", "the source", why);
    session_fail(session, ERROR_CODE_UNKNOWN, (uint8_t)(session->last_sequence + 1), message);
}

static void on_source_secured(void *argument, enum result result)
{
    struct session *session = argument;
    if (result != RESULT_OK) {
        fail_secure(session, conn_tls_error(&session->source.conn));
        session_watch(session);
        return;
    }
    const struct tls *tls = session->source.conn.tls;
    log_debug(session_name(session), "TLS with the source: %s%s", tls_version(tls),
              tls_is_resumed(tls) ? ", resumed" : "");
    struct span packet = backlog_span(&session->greeting);
    uint8_t *bytes = xmalloc(packet.length);
    memcpy(bytes, packet.data, packet.length);
    backlog_release(&session->greeting);
    enter_auth(session);
    session_auth_relay_source(session, bytes, packet_header_decode(bytes));
    session_flush(session);
    free(bytes);
    session_watch(session);
}

/* The SSLRequest is the login's beginning. */
static void secure_source(struct session *session, uint8_t *bytes, struct packet_header header)
{
    packet_header_encode(bytes, header); /* it may have become shorter */
    backlog_release(&session->greeting);
    backlog_append(&session->greeting, (struct span){bytes, PACKET_HEADER_BYTES + (size_t)header.length});
    session_auth_send_source(session, (struct span){bytes + PACKET_HEADER_BYTES, SSL_REQUEST_BYTES});
    session_flush(session);
    if (session_is_over(session))
        return;
    if (backlog_bytes(&session->source.out) > 0) {
        fail_secure(session, "the source does not read");
        return;
    }
    session->phase = SESSION_SECURING;
    const char *host = session->thread->shared->config->source.host;
    conn_secure(&session->source.conn, tls_new(source_tls(session), host), (struct span){0},
                on_source_secured);
}

static bool is_source_tls_wanted(const struct session *session)
{
    return tls_context_is_on(source_tls(session)) && !is_source_local(session);
}

/* ---- the login ---- */

/* The login without its password in the packet's place, where it is no longer than before. */
static enum result replace_login(const struct login *login, uint8_t *bytes, struct packet_header *header)
{
    struct writer writer;
    uint8_t *copy = xmalloc(SESSION_PACKET_MAX);
    writer_init(&writer, copy, header->length);
    login_encode(&writer, login);
    enum result result = writer_failed(&writer) ? RESULT_TOO_LARGE : RESULT_OK;
    if (result == RESULT_OK) {
        memcpy(bytes + PACKET_HEADER_BYTES, copy, writer.length);
        header->length = (uint32_t)writer.length;
    }
    free(copy);
    return result;
}

/* Capabilities for the source, in the packet. */
static enum result prepare(struct session *session, struct login *login, uint8_t *bytes,
                           struct packet_header *header, bool is_source_tls)
{
    uint64_t offered = session_login_offered(session, session->source_caps);
    uint64_t unwanted = ((~offered | CAP_SSL) & ~LOGIN_CAPS_WITH_FIELDS) | CAPS_OF_CLIENTS;
    uint64_t added = CAPS_NEEDED | (is_source_tls ? CAP_SSL : 0);
    session->client_caps = login->capabilities & offered;
    session->source_caps = (session->client_caps & ~(CAP_SSL | CAPS_OF_CLIENTS)) | added;
    session_password_set_plugin(&session->password, login->plugin, (struct span){0});
    enum result result = RESULT_OK;
    if (session_password_take_out(session, login))
        result = replace_login(login, bytes, header);
    if (result != RESULT_OK)
        return result;
    return login_change_capabilities(bytes + PACKET_HEADER_BYTES, header->length, added, unwanted & ~added);
}

static void on_login(struct session *session, struct packet_header header, struct login *login,
                     uint8_t *bytes)
{
    bool has_tls = (session->source_caps & CAP_SSL) != 0;
    bool is_source_tls = is_source_tls_wanted(session) && has_tls;
    session->last_sequence = header.sequence;
    if (is_source_tls_wanted(session) && !has_tls && tls_context_mode(source_tls(session)) >= TLS_REQUIRED) {
        fail_secure(session, "the source offers none");
        return;
    }
    session_compress_ask(session, login);
    session_auth_set_identity(session, login);
    if (prepare(session, login, bytes, &header, is_source_tls) != RESULT_OK) {
        bad_handshake(session, header.sequence);
        return;
    }
    if (!session_proxy_announce(session))
        return;
    if (is_source_tls) {
        secure_source(session, bytes, header);
        return;
    }
    session_auth_relay_source(session, bytes, header);
    enter_auth(session);
    backlog_release(&session->greeting);
}

void session_login_take(struct session *session, struct packet_header header, struct span payload,
                        uint8_t *bytes, size_t rest_length_bytes)
{
    struct login login;
    if (header.sequence != (uint8_t)(session->last_sequence + 1)) {
        session_auth_client_is_wrong(session, ERROR_CODE_PACKETS_OUT_OF_ORDER, header.sequence,
                                     "Got packets out of order");
        return;
    }
    if (login_is_ssl_request(payload)) {
        secure_client(session, header,
                      (struct span){bytes + PACKET_HEADER_BYTES + payload.length, rest_length_bytes});
        return;
    }
    if (login_decode(payload, &login) != RESULT_OK)
        bad_handshake(session, header.sequence);
    else if (is_tls_missing(session))
        refuse_plain(session, header.sequence);
    else
        on_login(session, header, &login, bytes);
}

/* Who is late, and with what. */
void session_login_on_timeout(struct session *session)
{
    static _Thread_local struct log_limit limit;
    if (session->phase == SESSION_SECURING) {
        fail_secure(session, UNFINISHED);
    } else if (conn_is_securing(&session->client.conn)) {
        tls_log_failed("app", session->client.conn.peer, UNFINISHED);
        session_close(session);
    } else {
        log_limited(&limit, LOG_LEVEL_INFO, session_name(session),
                    "closed: no login within app.auth_timeout");
        session_fail(session, ERROR_CODE_READ_TIMEOUT, (uint8_t)(session->last_sequence + 1),
                     "ackgate: no login within app.auth_timeout");
    }
}
