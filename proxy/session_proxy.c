/*
 * Who the client is, when a proxy stands between: the PROXY header that a listed peer may send in front of
 * everything else (app.proxy_protocol_from), and the one that a MariaDB source gets (source.proxy_protocol).
 *
 * A listed peer does not have to send one, as with MariaDB itself: clients in the same network come directly.
 * So the greeting does not wait for it; the header may come until the login does. The source gets its own
 * only then, too: MariaDB reads it in front of the login, and a connection that its client leaves before has
 * nobody to name.
 */
#include "proxy/session.h"

#include "protocol/constants.h"
#include "protocol/proxy_header.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { MAPPED_BYTES = 12 }; /* of an IPv6 address, in front of the IPv4 address in it */

static const uint8_t mapped[MAPPED_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

static bool is_mapped(const struct proxy_end *end)
{
    return memcmp(end->address, mapped, MAPPED_BYTES) == 0;
}

static void unmap(struct proxy_end *end)
{
    memmove(end->address, end->address + MAPPED_BYTES, PROXY_ADDRESS_BYTES - MAPPED_BYTES);
    memset(end->address + PROXY_ADDRESS_BYTES - MAPPED_BYTES, 0, MAPPED_BYTES);
}

/* IPv4 is IPv4, whatever socket it came through. */
static void simplify(struct proxy_header *header)
{
    if (header->kind != PROXY_KIND_TCP6 || !is_mapped(&header->source) || !is_mapped(&header->destination))
        return;
    header->kind = PROXY_KIND_TCP4;
    unmap(&header->source);
    unmap(&header->destination);
}

/* ---- from the client's side ---- */

static void refuse(struct session *session, const char *message)
{
    static _Thread_local struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_WARN, session_name(session), "closed: %s", message);
    session_fail(session, ERROR_CODE_HOST_NOT_PRIVILEGED, (uint8_t)(session->last_sequence + 1), message);
}

static void refuse_stranger(struct session *session)
{
    char message[192];
    snprintf(message, sizeof(message),
             "ackgate: a PROXY header is not accepted from %s: it is not in app.proxy_protocol_from",
             session->client.conn.peer);
    refuse(session, message);
}

/* From here on it is the client's address that is shown and logged. */
static void rename_peer(struct session *session)
{
    char host[INET6_ADDRSTRLEN];
    char peer[sizeof(session->client.conn.peer)];
    const struct proxy_header *header = session->proxied;
    bool is_tcp4 = header->kind == PROXY_KIND_TCP4;
    inet_ntop(is_tcp4 ? AF_INET : AF_INET6, header->source.address, host, sizeof(host));
    snprintf(peer, sizeof(peer), is_tcp4 ? "%s:%u" : "[%s]:%u", host, header->source.port);
    log_debug(session_name(session), "a proxy, which speaks for %s", peer);
    pthread_mutex_lock(&session->thread->mutex);
    conn_set_peer(&session->client.conn, peer);
    pthread_mutex_unlock(&session->thread->mutex);
}

static void take_header(struct session *session, struct proxy_header *header)
{
    session->has_begun = true;
    if (header->kind == PROXY_KIND_LOCAL) /* the proxy speaks for itself */
        return;
    simplify(header);
    session->proxied = xmalloc(sizeof(*header));
    *session->proxied = *header;
    rename_peer(session);
}

bool session_proxy_take(struct session *session, uint8_t **data, size_t *length_bytes)
{
    struct span bytes = {*data, *length_bytes};
    struct proxy_header header;
    size_t header_length = 0;
    if (!proxy_header_is_start(bytes)) {
        session->has_begun = true;
        return true;
    }
    if (bytes.length >= PROXY_HEADER_START_BYTES && !session->is_proxy) {
        refuse_stranger(session);
        return false;
    }
    enum result result = proxy_header_decode(bytes, &header, &header_length);
    if (result == RESULT_AGAIN) {
        backlog_append(&session->client.in, bytes);
        return false;
    }
    if (result != RESULT_OK) {
        refuse(session, "ackgate: the PROXY header cannot be read");
        return false;
    }
    take_header(session, &header);
    *data += header_length;
    *length_bytes -= header_length;
    return *length_bytes > 0;
}

/* ---- towards the source ---- */

static bool take_end(const struct sockaddr_storage *address, struct proxy_end *ret_end)
{
    const struct sockaddr_in *ipv4 = (const void *)address;
    const struct sockaddr_in6 *ipv6 = (const void *)address;
    if (address->ss_family == AF_INET) {
        memcpy(ret_end->address, &ipv4->sin_addr, sizeof(ipv4->sin_addr));
        ret_end->port = ntohs(ipv4->sin_port);
        return true;
    }
    if (address->ss_family != AF_INET6)
        return false;
    memcpy(ret_end->address, &ipv6->sin6_addr, sizeof(ipv6->sin6_addr));
    ret_end->port = ntohs(ipv6->sin6_port);
    return true;
}

/* False: the client is gone, and nobody can say who it was. */
static bool ask_socket(int fd, struct proxy_header *ret_header)
{
    struct sockaddr_storage peer;
    struct sockaddr_storage own;
    socklen_t peer_length = sizeof(peer);
    socklen_t own_length = sizeof(own);
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_length) != 0 ||
        getsockname(fd, (struct sockaddr *)&own, &own_length) != 0)
        return false;
    struct proxy_header header = {.kind = peer.ss_family == AF_INET6 ? PROXY_KIND_TCP6 : PROXY_KIND_TCP4};
    if (!take_end(&peer, &header.source) || !take_end(&own, &header.destination))
        header = (struct proxy_header){.kind = PROXY_KIND_LOCAL}; /* a Unix socket */
    simplify(&header);
    *ret_header = header;
    return true;
}

bool session_proxy_announce(struct session *session)
{
    uint8_t bytes[PROXY_HEADER_ENCODED_MAX];
    struct proxy_header header;
    struct writer writer;
    if (!session->thread->shared->config->source.is_proxied || !session->is_mariadb)
        return true;
    if (session->proxied != NULL)
        header = *session->proxied;
    else if (!ask_socket(session->client.conn.fd, &header)) {
        session_close(session);
        return false;
    }
    writer_init(&writer, bytes, sizeof(bytes));
    proxy_header_encode(&writer, &header);
    session_put_copy(session, &session->source, writer_span_written(&writer));
    return true;
}
