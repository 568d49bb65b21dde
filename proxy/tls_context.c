/*
 * The contexts of tls_context.h over OpenSSL's SSL_CTX, which counts its references: a reload puts another
 * one in its place, and the old one goes with its last connection.
 *
 * Sessions are resumed both ways: a server side hands out tickets (OpenSSL does; their keys live as long as
 * the SSL_CTX), a client side keeps the ticket that came last and offers it to the next connection.
 */
#include "proxy/tls_context.h"

#include "protocol/xalloc.h"
#include "proxy/tls_internal.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Above this an idle connection's read buffer would not be worth its memory; it is given back when empty. */
enum { READ_BUFFER_BYTES = 32 * 1024 };

struct tls_context {
    enum tls_side side;
    struct tls_settings settings;
    pthread_mutex_t mutex; /* guards the rest */
    SSL_CTX *ctx;          /* NULL: TLS is off */
    SSL_SESSION *session;  /* towards a server: to be resumed */
};

void tls_take_error(char *ret_text, size_t text_max)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    if (code == 0)
        snprintf(ret_text, text_max, "no reason is known");
    else if (ERR_SYSTEM_ERROR(code))
        snprintf(ret_text, text_max, "%s", strerror(ERR_GET_REASON(code)));
    else
        snprintf(ret_text, text_max, "%s", reason == NULL ? "unknown TLS error" : reason);
    ERR_clear_error();
}

static enum result fail(char *ret_error, const char *key, const char *path)
{
    char reason[200];
    tls_take_error(reason, sizeof(reason));
    snprintf(ret_error, TLS_ERROR_MAX, "%s %s cannot be used: %s", key, path, reason);
    return RESULT_MALFORMED;
}

/* ---- making an SSL_CTX ---- */

static enum result load_certificate(SSL_CTX *ctx, const struct tls_settings *settings, char *ret_error)
{
    if (settings->cert == NULL)
        return RESULT_OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, settings->cert) != 1)
        return fail(ret_error, "tls_cert", settings->cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, settings->key, SSL_FILETYPE_PEM) == 1)
        return RESULT_OK;
    if (ERR_GET_REASON(ERR_peek_error()) != X509_R_KEY_VALUES_MISMATCH)
        return fail(ret_error, "tls_key", settings->key);
    snprintf(ret_error, TLS_ERROR_MAX, "tls_key %s is not the key of tls_cert %s", settings->key,
             settings->cert);
    ERR_clear_error();
    return RESULT_MALFORMED;
}

/* A server asks for a certificate when it knows whose to take, and takes a client without one too. */
static enum result load_authorities(SSL_CTX *ctx, enum tls_side side, const struct tls_settings *settings,
                                    char *ret_error)
{
    int verify = SSL_VERIFY_NONE;
    if (side == TLS_CLIENT ? settings->mode >= TLS_VERIFY_CA : settings->ca != NULL)
        verify = SSL_VERIFY_PEER;
    SSL_CTX_set_verify(ctx, verify, NULL);
    if (settings->ca == NULL)
        return RESULT_OK;
    if (SSL_CTX_load_verify_locations(ctx, settings->ca, NULL) != 1)
        return fail(ret_error, "tls_ca", settings->ca);
    if (side == TLS_CLIENT)
        return RESULT_OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(settings->ca);
    if (names == NULL)
        return fail(ret_error, "tls_ca", settings->ca);
    SSL_CTX_set_client_CA_list(ctx, names);
    return RESULT_OK;
}

/* Copies on the way in and out: connections of other threads write into their own. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION *unwanted = SSL_SESSION_dup(session);
    pthread_mutex_lock(&context->mutex);
    if (context->ctx == SSL_get_SSL_CTX(ssl)) {
        SSL_SESSION *old = context->session;
        context->session = unwanted;
        unwanted = old;
    }
    pthread_mutex_unlock(&context->mutex);
    SSL_SESSION_free(unwanted);
    return 0; /* the reference stays OpenSSL's */
}

static void set_sessions(struct tls_context *context, SSL_CTX *ctx)
{
    static const unsigned char name[] = "ackgate";
    SSL_CTX_set_app_data(ctx, context);
    if (context->side == TLS_SERVER) {
        SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need none */
        SSL_CTX_set_num_tickets(ctx, 1);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    }
}

static void set_rules(SSL_CTX *ctx, const struct tls_settings *settings)
{
    SSL_CTX_set_min_proto_version(ctx,
                                  settings->min_version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_BUFFER_BYTES);
}

static enum result make(struct tls_context *context, SSL_CTX **ret_ctx, char *ret_error)
{
    const struct tls_settings *settings = &context->settings;
    SSL_CTX *ctx = SSL_CTX_new(context->side == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    assert(ctx != NULL);
    ERR_clear_error();
    set_rules(ctx, settings);
    set_sessions(context, ctx);
    enum result result = load_certificate(ctx, settings, ret_error);
    if (result == RESULT_OK)
        result = load_authorities(ctx, context->side, settings, ret_error);
    if (result == RESULT_OK)
        *ret_ctx = ctx;
    else
        SSL_CTX_free(ctx);
    return result;
}

/* What belongs together, for make() to rely on. */
static enum result check_settings(enum tls_side side, const struct tls_settings *settings, char *ret_error)
{
    const char *problem = NULL;
    if (side == TLS_SERVER && settings->cert == NULL)
        problem = "tls is on, so this port needs tls_cert and tls_key: files in PEM with its certificate and "
                  "key (or set tls = disabled)";
    else if ((settings->cert == NULL) != (settings->key == NULL))
        problem = "tls_cert and tls_key are needed both, or none of them";
    else if (settings->mode >= TLS_VERIFY_CA && settings->ca == NULL)
        problem = "verify_ca and verify_identity need tls_ca: a file in PEM with the certificates of those "
                  "who may have signed the server's";
    if (problem == NULL)
        return RESULT_OK;
    snprintf(ret_error, TLS_ERROR_MAX, "%s", problem);
    return RESULT_MALFORMED;
}

/* ---- the object ---- */

enum result tls_context_new(enum tls_side side, const struct tls_settings *settings,
                            struct tls_context **ret_context, char ret_error[TLS_ERROR_MAX])
{
    struct tls_context *context = xcalloc(1, sizeof(*context));
    context->side = side;
    context->settings = *settings;
    pthread_mutex_init(&context->mutex, NULL);
    enum result result = RESULT_OK;
    if (settings->mode != TLS_DISABLED) {
        result = check_settings(side, settings, ret_error);
        if (result == RESULT_OK)
            result = make(context, &context->ctx, ret_error);
    }
    if (result == RESULT_OK)
        *ret_context = context;
    else
        tls_context_free(&context);
    return result;
}

void tls_context_free(struct tls_context **context)
{
    struct tls_context *old = *context;
    if (old == NULL)
        return;
    *context = NULL;
    SSL_CTX_free(old->ctx);
    SSL_SESSION_free(old->session);
    pthread_mutex_destroy(&old->mutex);
    free(old);
}

enum result tls_context_reload(struct tls_context *context, char ret_error[TLS_ERROR_MAX])
{
    SSL_CTX *fresh;
    if (!tls_context_is_on(context))
        return RESULT_OK;
    enum result result = make(context, &fresh, ret_error);
    if (result != RESULT_OK)
        return result;
    pthread_mutex_lock(&context->mutex);
    SSL_CTX *old = context->ctx;
    SSL_SESSION *session = context->session;
    context->ctx = fresh;
    context->session = NULL; /* what it stands for was checked by the old rules */
    pthread_mutex_unlock(&context->mutex);
    SSL_CTX_free(old);
    SSL_SESSION_free(session);
    return RESULT_OK;
}

enum tls_mode tls_context_mode(const struct tls_context *context)
{
    return context == NULL ? TLS_DISABLED : context->settings.mode;
}

bool tls_context_is_on(const struct tls_context *context)
{
    return tls_context_mode(context) != TLS_DISABLED;
}

enum result tls_settings_check(enum tls_side side, const struct tls_settings *settings,
                               char ret_error[TLS_ERROR_MAX])
{
    struct tls_context *context;
    enum result result = tls_context_new(side, settings, &context, ret_error);
    if (result == RESULT_OK)
        tls_context_free(&context);
    return result;
}

enum tls_side tls_context_side(const struct tls_context *context)
{
    return context->side;
}

SSL *tls_context_connect(struct tls_context *context)
{
    pthread_mutex_lock(&context->mutex);
    SSL *ssl = SSL_new(context->ctx);
    assert(ssl != NULL);
    SSL_SESSION *session = context->session == NULL ? NULL : SSL_SESSION_dup(context->session);
    pthread_mutex_unlock(&context->mutex);
    if (session != NULL)
        SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
    return ssl;
}
