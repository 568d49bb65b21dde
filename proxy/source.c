/*
 * The source's life of source.h: check (source_asker) → connect and log in → handshake → stream → wait →
 * again.
 *
 * Exactly one of the phases' objects exists at a time; leave_phase() ends whichever it is.
 */
#include "proxy/source.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/channel.h"
#include "proxy/client_login.h"
#include "proxy/log.h"
#include "proxy/source_asker.h"
#include "proxy/source_handshake.h"
#include "proxy/source_stream.h"
#include "proxy/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MAX_MS = 5000,
    REFUSED_RETRY_MS = 3000,
    SILENCE_HEARTBEATS = 3,
    SILENCE_EXTRA_MS = 2000,
    WATCH_MS = 5000,
    PAYLOAD_MAX = 64 * 1024,
    REST_MAX = 64 * 1024,
};

struct source {
    struct loop *loop;
    const struct config *config;
    struct tls_context *tls;
    struct store *store;
    const char *own_uuid;
    struct source_callbacks callbacks;
    struct timer retry;
    uint64_t retry_ms;

    struct source_asker *asker;
    struct source_identity expected;
    char *repairs; /* for the next look-over, or NULL */
    char *probe;   /* for each, or NULL */
    struct source_facts facts;
    bool has_facts;

    struct channel *channel;
    struct client_login *login;
    struct source_handshake *handshake;
    struct source_stream *stream;
    uint64_t stream_id;    /* of the latest stream */
    struct timer watch;    /* while streaming: who else is attached to it */
    struct timer deadline; /* for login and handshake */
    struct position start;
    char start_file[BINLOG_NAME_MAX];
    char last_reason[SOURCE_REASON_MAX]; /* logged already */
};

static void begin(void *argument);

static void tell(struct source *source, enum source_event event, const char *reason)
{
    source->callbacks.on_event(source->callbacks.argument, event, reason);
}

static void leave_phase(struct source *source)
{
    timer_stop(&source->deadline);
    timer_stop(&source->watch);
    client_login_cancel(&source->login);
    source_handshake_cancel(&source->handshake);
    channel_free(&source->channel);
    source_stream_free(&source->stream);
}

/* Logs a reason once, until something else happens. */
static void log_reason(struct source *source, const char *what, const char *reason)
{
    if (strcmp(source->last_reason, reason) == 0)
        return;
    snprintf(source->last_reason, sizeof(source->last_reason), "%s", reason);
    log_warn("source", "%s: %s", what, reason);
}

static void retry_later(struct source *source, enum source_event event, const char *reason)
{
    const char *what = source->stream != NULL ? "connection lost" : "cannot be followed yet";
    leave_phase(source);
    uint64_t delay_ms = source->retry_ms;
    source->retry_ms = delay_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : delay_ms * 2;
    if (event == SOURCE_REFUSED) {
        delay_ms = REFUSED_RETRY_MS;
        log_reason(source, "refused", reason);
    } else {
        log_reason(source, what, reason);
    }
    tell(source, event, reason);
    timer_start(&source->retry, delay_ms);
}

/* ---- the stream ---- */

static void on_batch(void *argument)
{
    struct source *source = argument;
    source->retry_ms = RETRY_FIRST_MS;
    source->callbacks.on_batch(source->callbacks.argument);
}

static void on_stream_lost(void *argument, enum result result, const char *message)
{
    struct source *source = argument;
    char reason[SOURCE_REASON_MAX];
    if (result == RESULT_DIVERGED) {
        snprintf(
            reason, sizeof(reason),
            "its binlog is not the one kept in the store: %s. Point source.host at the server that ackgate "
            "followed so far, or give ackgate an empty data_dir to follow this one",
            message);
        retry_later(source, SOURCE_REFUSED, reason);
        return;
    }
    snprintf(reason, sizeof(reason), "%s", message);
    retry_later(source, SOURCE_LOST, reason);
}

static void on_handshake_done(void *argument, enum result result, const char *message)
{
    struct source *source = argument;
    source->handshake = NULL;
    uint8_t rest[REST_MAX];
    size_t rest_length = 0;
    struct conn_link link;
    if (result == RESULT_OK)
        result = channel_detach(&source->channel, rest, sizeof(rest), &rest_length, &link);
    if (result != RESULT_OK) {
        retry_later(source, SOURCE_LOST, message[0] == '\0' ? result_text(result) : message);
        return;
    }
    timer_stop(&source->deadline);
    struct source_stream_options options = {
        .loop = source->loop,
        .store = source->store,
        .flavor = source->facts.flavor,
        .is_semi_sync = source->config->source.is_semi_sync,
        .start = source->start,
        .silence_max_ms = source->config->source.heartbeat_ms * SILENCE_HEARTBEATS + SILENCE_EXTRA_MS,
    };
    struct source_stream_callbacks callbacks = {on_batch, on_stream_lost, source};
    source->stream = source_stream_start(link, (struct span){rest, rest_length}, &options, &callbacks);
    source->stream_id++;
    source->last_reason[0] = '\0';
    if (source->config->source.is_semi_sync)
        timer_start(&source->watch, WATCH_MS);
    log_info("source", "streaming from %s %llu: %s %s", log_quote_text(source->start_file),
             (unsigned long long)source->start.offset, flavor_name(source->facts.flavor),
             log_quote_text(source->facts.version));
    tell(source, SOURCE_STREAMING, "");
}

/* ---- login ---- */

static void on_login_done(void *argument, enum result result, const char *message)
{
    struct source *source = argument;
    source->login = NULL;
    if (result != RESULT_OK) {
        retry_later(source, SOURCE_LOST, message);
        return;
    }
    struct source_handshake_options options = {
        .flavor = source->facts.flavor,
        .capabilities = CAP_PROTOCOL_41, /* no query attributes asked for */
        .server_id = source->config->source.server_id,
        .server_uuid = source->own_uuid,
        .heartbeat_ms = source->config->source.heartbeat_ms,
        .is_semi_sync = source->config->source.is_semi_sync,
        .file = source->start_file,
        .offset = (uint32_t)source->start.offset,
    };
    source->handshake = source_handshake_start(source->channel, &options, on_handshake_done, source);
}

static void on_greeting(void *argument, struct span payload)
{
    struct source *source = argument;
    struct client_login_options options = {
        .user = source->config->source.user,
        .password = source->config->source.password,
        .is_local = config_source_is_local(source->config),
        .tls = source->tls,
        .host = source->config->source.host,
        .capabilities = CAP_LONG_PASSWORD | CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH,
    };
    source->login = client_login_start(source->channel, payload, &options, on_login_done, source);
}

static void on_channel_closed(void *argument, enum result reason)
{
    retry_later(argument, SOURCE_LOST, reason == RESULT_IO ? strerror(errno) : result_text(reason));
}

static void on_deadline(void *argument)
{
    retry_later(argument, SOURCE_LOST, "login took longer than source.connect_timeout");
}

/* To where it was looked over: its name may mean several servers, and looking that up may take long. */
static void connect_channel(struct source *source)
{
    const char *host = source->facts.address;
    unsigned port = host[0] == '/' ? 0 : source->config->source.port;
    struct channel_callbacks callbacks = {on_greeting, on_channel_closed, source};
    enum result result = channel_connect(source->loop, host, port, PAYLOAD_MAX, &callbacks, &source->channel);
    if (result != RESULT_OK) {
        retry_later(source, SOURCE_LOST, result == RESULT_IO ? strerror(errno) : result_text(result));
        return;
    }
    timer_start(&source->deadline, source->config->source.connect_timeout_ms);
}

/* ---- what it is asked ---- */

/* Now the source's own. */
static void take_facts(struct source *source, struct source_facts *facts)
{
    source_facts_release(&source->facts);
    source->facts = *facts;
    source->has_facts = true;
    *facts = (struct source_facts){0};
}

static void on_tail(struct source *source, struct source_facts *facts)
{
    char reason[SOURCE_REASON_MAX] = "";
    take_facts(source, facts);
    if (!source->callbacks.on_tail(source->callbacks.argument, &source->facts, reason))
        retry_later(source, SOURCE_REFUSED, reason);
}

static void on_looked_over(struct source *source, const struct source_answer *answer)
{
    enum result result = answer->result;
    char reason[SOURCE_REASON_MAX];
    snprintf(reason, sizeof(reason), "%s", answer->reason);
    if (result == RESULT_OK) {
        take_facts(source, answer->facts);
        if (!source->callbacks.on_facts(source->callbacks.argument, &source->facts, &source->start,
                                        source->start_file, sizeof(source->start_file), reason))
            result = RESULT_CONFLICT;
    }
    if (result == RESULT_OK)
        connect_channel(source);
    else
        retry_later(source, result == RESULT_CONFLICT ? SOURCE_REFUSED : SOURCE_LOST, reason);
}

/* What was asked about a stream counts if that one is still there. */
static void on_answer(void *argument, const struct source_answer *answer)
{
    struct source *source = argument;
    bool is_current = source->stream != NULL && source->stream_id == answer->stream_id;
    switch (answer->question) {
    case SOURCE_LOOK_OVER:
        on_looked_over(source, answer);
        break;
    case SOURCE_WHERE_IT_ENDS:
        if (is_current && answer->result == RESULT_OK)
            on_tail(source, answer->facts);
        break;
    case SOURCE_WHO_ELSE:
        if (is_current && answer->result == RESULT_CONFLICT)
            retry_later(source, SOURCE_REFUSED, answer->reason);
        break;
    }
}

static int ask(struct source *source, enum source_question question)
{
    struct source_check_request request = {.expected = source->expected,
                                           .needs_files = store_is_empty(source->store),
                                           .probe = source->probe == NULL ? NULL : xstrdup(source->probe)};
    if (question == SOURCE_LOOK_OVER) {
        request.repairs = source->repairs;
        source->repairs = NULL;
    }
    return source_asker_ask(source->asker, question, source->stream_id, &request, &source->facts);
}

static void begin(void *argument)
{
    struct source *source = argument;
    if (source_asker_is_busy(source->asker)) { /* a question about the stream is still out */
        timer_start(&source->retry, RETRY_FIRST_MS);
        return;
    }
    assert(source->channel == NULL && source->stream == NULL);
    tell(source, SOURCE_VERIFYING, "");
    int status = ask(source, SOURCE_LOOK_OVER);
    if (status != 0)
        retry_later(source, SOURCE_LOST, strerror(status));
}

static void ask_about_stream(struct source *source, enum source_question question)
{
    if (source->stream == NULL || source_asker_is_busy(source->asker))
        return;
    int status = ask(source, question);
    if (status != 0)
        log_warn("source", "cannot be asked: %s; trying again", strerror(status));
}

void source_ask_tail(struct source *source)
{
    ask_about_stream(source, SOURCE_WHERE_IT_ENDS);
}

static void on_watch(void *argument)
{
    struct source *source = argument;
    ask_about_stream(source, SOURCE_WHO_ELSE);
    timer_start(&source->watch, WATCH_MS);
}

/* ---- from outside ---- */

struct source *source_start(struct loop *loop, const struct config *config, struct tls_context *tls,
                            struct store *store, const char *own_uuid,
                            const struct source_callbacks *callbacks)
{
    struct source *source = xcalloc(1, sizeof(*source));
    source->loop = loop;
    source->config = config;
    source->tls = tls;
    source->store = store;
    source->own_uuid = own_uuid;
    source->callbacks = *callbacks;
    source->retry_ms = RETRY_FIRST_MS;
    timer_init(&source->retry, loop, begin, source);
    timer_init(&source->deadline, loop, on_deadline, source);
    timer_init(&source->watch, loop, on_watch, source);
    source->asker = source_asker_new(loop, config, on_answer, source);
    tell(source, SOURCE_CONNECTING, "");
    timer_start(&source->retry, 0);
    return source;
}

void source_expect(struct source *source, const struct source_identity *identity)
{
    source->expected = *identity;
}

void source_stop(struct source **source)
{
    struct source *old = *source;
    if (old == NULL)
        return;
    *source = NULL;
    leave_phase(old);
    source_asker_free(&old->asker);
    timer_release(&old->retry);
    timer_release(&old->deadline);
    timer_release(&old->watch);
    source_facts_release(&old->facts);
    free(old->repairs);
    free(old->probe);
    free(old);
}

void source_ack(struct source *source, const char *file, uint64_t offset)
{
    if (source->stream != NULL)
        source_stream_ack(source->stream, file, offset);
}

const struct source_facts *source_facts(const struct source *source)
{
    return source->has_facts ? &source->facts : NULL;
}

void source_refuse(struct source *source, const char *reason)
{
    retry_later(source, SOURCE_REFUSED, reason);
}

void source_repair(struct source *source, const char *statements)
{
    free(source->repairs);
    source->repairs = xstrdup(statements);
    source_restart(source);
}

void source_set_probe(struct source *source, const char *query)
{
    free(source->probe);
    source->probe = query == NULL ? NULL : xstrdup(query);
    if (query != NULL)
        source_restart(source);
}

void source_restart(struct source *source)
{
    if (source_asker_is_looking(source->asker))
        return;
    leave_phase(source);
    source->retry_ms = RETRY_FIRST_MS;
    timer_start(&source->retry, 0);
}
