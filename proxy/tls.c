/*
 * The connections of tls.h over OpenSSL, through a BIO of our own: it reads what was read before the
 * handshake first, and it always takes what OpenSSL writes, so that OpenSSL never has to be called again with
 * the same bytes.
 */
#include "proxy/tls.h"

#include "protocol/xalloc.h"
#include "proxy/tls_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { RECORD_BYTES = 16 * 1024, ERROR_BYTES = 256 };

/* Bytes in a row with a consumed part in front. */
struct pile {
    uint8_t *data;
    size_t start;
    size_t end;
};

struct tls {
    SSL *ssl;
    int fd;
    struct pile early;  /* read before TLS began */
    struct pile unsent; /* sealed, and not taken by the socket */
    bool is_established;
    int broken; /* an errno: nothing can be sent any more */
    bool has_more;
    char *error;
};

/* ---- the BIO ---- */

static size_t pile_length(const struct pile *pile)
{
    return pile->end - pile->start;
}

static void pile_consume(struct pile *pile, size_t length)
{
    pile->start += length;
    if (pile->start < pile->end)
        return;
    free(pile->data);
    *pile = (struct pile){0};
}

static void pile_append(struct pile *pile, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    pile->data = xrealloc(pile->data, pile->end + length);
    memcpy(pile->data + pile->end, bytes, length);
    pile->end += length;
}

static ssize_t send_some(struct tls *tls, const void *bytes, size_t length)
{
    ssize_t sent;
    do
        sent = send(tls->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (sent < 0) {
        tls->broken = errno;
        pile_consume(&tls->unsent, pile_length(&tls->unsent));
    }
    return sent;
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
    struct tls *tls = BIO_get_data(bio);
    size_t whole = (size_t)length;
    ssize_t sent = 0;
    if (pile_length(&tls->unsent) == 0)
        sent = send_some(tls, bytes, whole);
    if (sent < 0)
        return -1;
    pile_append(&tls->unsent, bytes + sent, whole - (size_t)sent);
    return length;
}

static int bio_read(BIO *bio, char *buffer, int room)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t early = pile_length(&tls->early);
    if (early > 0) {
        size_t length = early < (size_t)room ? early : (size_t)room;
        memcpy(buffer, tls->early.data + tls->early.start, length);
        pile_consume(&tls->early, length);
        return (int)length;
    }
    ssize_t length;
    do
        length = recv(tls->fd, buffer, (size_t)room, MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_read(bio);
    if (length == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ackgate");
    assert(method != NULL);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
}

/* ---- life ---- */

static bool is_number(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static void expect_host(struct tls *tls, const struct tls_context *context, const char *host)
{
    if (host == NULL || tls_context_side(context) != TLS_CLIENT)
        return;
    bool is_address = is_number(host);
    if (!is_address)
        SSL_set_tlsext_host_name(tls->ssl, host);
    if (tls_context_mode(context) != TLS_VERIFY_IDENTITY)
        return;
    X509_VERIFY_PARAM *rules = SSL_get0_param(tls->ssl);
    int done =
        is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, host) : X509_VERIFY_PARAM_set1_host(rules, host, 0);
    assert(done == 1);
    (void)done;
}

struct tls *tls_new(struct tls_context *context, const char *host)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    struct tls *tls = xcalloc(1, sizeof(*tls));
    tls->fd = -1;
    tls->ssl = tls_context_connect(context);
    expect_host(tls, context, host);
    BIO *bio = BIO_new(method);
    assert(bio != NULL);
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    if (tls_context_side(context) == TLS_SERVER)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    return tls;
}

void tls_free(struct tls **tls)
{
    struct tls *old = *tls;
    if (old == NULL)
        return;
    *tls = NULL;
    if (old->is_established)
        tls_end(old);
    /* OpenSSL would else forget the session, which has nothing wrong about it */
    SSL_set_shutdown(old->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(old->ssl);
    pile_consume(&old->early, pile_length(&old->early));
    pile_consume(&old->unsent, pile_length(&old->unsent));
    free(old->error);
    free(old);
}

void tls_start(struct tls *tls, int fd, struct span early)
{
    tls->fd = fd;
    pile_append(&tls->early, early.data, early.length);
}

/* ---- what goes wrong ---- */

static void set_error(struct tls *tls, const char *text)
{
    free(tls->error);
    tls->error = xstrdup(text);
}

/* The reason for a call that has not succeeded. */
static enum result explain(struct tls *tls, int outcome)
{
    char text[ERROR_BYTES];
    int reason = errno;
    int code = SSL_get_error(tls->ssl, outcome);
    if (code == SSL_ERROR_WANT_READ)
        return RESULT_AGAIN;
    if (code == SSL_ERROR_ZERO_RETURN)
        return RESULT_CLOSED;
    tls->is_established = false;
    if (code == SSL_ERROR_SYSCALL || ERR_peek_error() == 0) {
        set_error(tls, strerror(reason));
        errno = reason;
        return RESULT_IO;
    }
    long verdict = SSL_get_verify_result(tls->ssl);
    tls_take_error(text, sizeof(text));
    if (verdict != X509_V_OK)
        snprintf(text, sizeof(text), "the peer's certificate: %s", X509_verify_cert_error_string(verdict));
    set_error(tls, text);
    errno = EPROTO;
    return RESULT_MALFORMED;
}

const char *tls_error(const struct tls *tls)
{
    return tls->error == NULL ? "" : tls->error;
}

enum result tls_handshake(struct tls *tls)
{
    ERR_clear_error();
    errno = 0;
    int outcome = SSL_do_handshake(tls->ssl);
    if (outcome == 1) {
        tls->is_established = true;
        tls->has_more = SSL_has_pending(tls->ssl) || pile_length(&tls->early) > 0;
        return RESULT_OK;
    }
    enum result result = explain(tls, outcome);
    if (result == RESULT_CLOSED || (result == RESULT_IO && errno == 0)) {
        set_error(tls, "the peer closed the connection during the handshake");
        return RESULT_CLOSED;
    }
    return result == RESULT_MALFORMED ? RESULT_DENIED : result;
}

/* ---- bytes ---- */

static enum result broken(const struct tls *tls)
{
    errno = tls->broken;
    return RESULT_IO;
}

enum result tls_read(struct tls *tls, void *buffer, size_t room_bytes, size_t *ret_length)
{
    size_t total = 0;
    enum result result = RESULT_OK;
    tls->has_more = false;
    while (total < room_bytes && result == RESULT_OK) {
        size_t length = 0;
        ERR_clear_error();
        errno = 0;
        int outcome = SSL_read_ex(tls->ssl, (uint8_t *)buffer + total, room_bytes - total, &length);
        if (outcome != 1)
            result = explain(tls, outcome);
        total += length;
        if (!SSL_has_pending(tls->ssl) && pile_length(&tls->early) == 0)
            break;
    }
    if (total == 0 && result == RESULT_AGAIN && tls->broken != 0)
        return broken(tls);
    if (total == 0)
        return result;
    /* an end that came right behind is told by the next call */
    tls->has_more = result == RESULT_OK ? SSL_has_pending(tls->ssl) || pile_length(&tls->early) > 0
                                        : result != RESULT_AGAIN;
    *ret_length = total;
    return RESULT_OK;
}

bool tls_has_more(const struct tls *tls)
{
    return tls->has_more;
}

bool tls_has_unsent(const struct tls *tls)
{
    return pile_length(&tls->unsent) > 0;
}

enum result tls_flush(struct tls *tls)
{
    while (tls_has_unsent(tls)) {
        ssize_t sent = send_some(tls, tls->unsent.data + tls->unsent.start, pile_length(&tls->unsent));
        if (sent == 0)
            return RESULT_AGAIN;
        if (sent > 0)
            pile_consume(&tls->unsent, (size_t)sent);
    }
    return tls->broken != 0 ? broken(tls) : RESULT_OK;
}

/* The next bytes for one record, from `skip` of the first part on: where they lie if that is worth it, else
 * gathered. */
static struct span gather(const struct iovec *parts, int count, size_t skip, uint8_t *staging)
{
    const uint8_t *first = (const uint8_t *)parts->iov_base + skip;
    size_t length = parts->iov_len - skip;
    if (count == 1 || length >= RECORD_BYTES)
        return (struct span){first, length < RECORD_BYTES ? length : RECORD_BYTES};
    size_t filled = 0;
    for (int i = 0; i < count && filled < RECORD_BYTES; i++) {
        length = parts[i].iov_len - skip;
        if (length > RECORD_BYTES - filled)
            length = RECORD_BYTES - filled;
        if (length > 0)
            memcpy(staging + filled, (const uint8_t *)parts[i].iov_base + skip, length);
        filled += length;
        skip = 0;
    }
    return (struct span){staging, filled};
}

static enum result write_record(struct tls *tls, struct span bytes)
{
    size_t written = 0;
    ERR_clear_error();
    errno = 0;
    int outcome = SSL_write_ex(tls->ssl, bytes.data, bytes.length, &written);
    if (outcome == 1) {
        assert(written == bytes.length);
        return RESULT_OK;
    }
    enum result result = explain(tls, outcome);
    assert(result != RESULT_AGAIN); /* no renegotiation, and our BIO takes all */
    return result == RESULT_CLOSED ? RESULT_IO : result;
}

enum result tls_write(struct tls *tls, const struct iovec *parts, int part_count, size_t *ret_length)
{
    static _Thread_local uint8_t staging[RECORD_BYTES];
    size_t total = 0;
    size_t skip = 0;
    enum result result = tls_flush(tls);
    while (result == RESULT_OK && !tls_has_unsent(tls)) {
        while (part_count > 0 && skip >= parts->iov_len) {
            skip -= parts->iov_len;
            parts++;
            part_count--;
        }
        if (part_count == 0)
            break;
        struct span record = gather(parts, part_count, skip, staging);
        result = write_record(tls, record);
        if (result == RESULT_OK) {
            total += record.length;
            skip += record.length;
        }
    }
    if (total == 0 && result != RESULT_OK)
        return result == RESULT_AGAIN ? RESULT_AGAIN : RESULT_IO;
    *ret_length = total;
    return RESULT_OK;
}

void tls_end(struct tls *tls)
{
    if (!tls->is_established || tls->broken != 0 || (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return;
    ERR_clear_error();
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

/* ---- what it is ---- */

const char *tls_version(const struct tls *tls)
{
    return tls->is_established ? SSL_get_version(tls->ssl) : "";
}

bool tls_is_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl) == 1;
}

void tls_peer_subject(const struct tls *tls, char *ret_subject, size_t subject_max)
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    ret_subject[0] = '\0';
    if (certificate == NULL || SSL_get_verify_result(tls->ssl) != X509_V_OK)
        return;
    BIO *text = BIO_new(BIO_s_mem());
    assert(text != NULL && subject_max > 0);
    char *bytes;
    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    long length = BIO_get_mem_data(text, &bytes);
    if (length > 0 && (size_t)length < subject_max) {
        memcpy(ret_subject, bytes, (size_t)length);
        ret_subject[length] = '\0';
    }
    BIO_free(text);
}
