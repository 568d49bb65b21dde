/*
 * The source, as ackgate sees it: look it over, log in, ask for the dump, keep the stream, and start again
 * when it breaks.
 *
 * Decides nothing about confirms or admission; tells the pipeline what happens and asks it where to start.
 */
#ifndef ACKGATE_PROXY_SOURCE_H
#define ACKGATE_PROXY_SOURCE_H

#include "proxy/config.h"
#include "proxy/source_check.h"
#include "proxy/store.h"
#include "proxy/tls_context.h"

struct source;

enum source_event {
    SOURCE_CONNECTING, /* trying, or waiting to try again */
    SOURCE_VERIFYING,  /* being looked over */
    SOURCE_STREAMING,  /* the dump has begun: facts hold */
    SOURCE_LOST,       /* the connection broke; it is tried again */
    SOURCE_REFUSED     /* an operator has to act; it is looked at again every few seconds */
};

struct source_callbacks {
    /* reason: a sentence, "" when there is nothing to say. */
    void (*on_event)(void *argument, enum source_event event, const char *reason);
    /*
     * The source has been looked over. Says where the dump starts, or refuses: false, with the reason in
     * ret_reason.
     */
    bool (*on_facts)(void *argument, const struct source_facts *facts, struct position *ret_start,
                     char *ret_file, size_t file_max, char ret_reason[SOURCE_REASON_MAX]);
    /* source_ask_tail() has an answer: facts->last_file and last_offset. False as on_facts. */
    bool (*on_tail)(void *argument, const struct source_facts *facts, char ret_reason[SOURCE_REASON_MAX]);
    void (*on_batch)(void *argument); /* what one read brought is in the store's files */
    void *argument;
};

/* own_uuid: under which ackgate registers. config, tls, store and own_uuid outlive the source. */
struct source *source_start(struct loop *loop, const struct config *config, struct tls_context *tls,
                            struct store *store, const char *own_uuid,
                            const struct source_callbacks *callbacks);
/* From the next look-over on only this server is taken. */
void source_expect(struct source *source, const struct source_identity *identity);
void source_stop(struct source **source); /* waits for a running look-over, at most source.connect_timeout */

void source_ack(struct source *source, const char *file, uint64_t offset);
/* While streaming: where the binlog ends now, if that is to be had; answered by on_tail, or never. Nothing
 * happens while an earlier question is out. */
void source_ask_tail(struct source *source);
/* What is known of the source; NULL before the first look-over. Borrowed until the next one. */
const struct source_facts *source_facts(const struct source *source);
/* Drops the connection; the source is looked at again in a few seconds. Inside a callback too, or later. */
void source_refuse(struct source *source, const char *reason);
/* Starts again with these statements, each with a newline, run on it first, not written to its binlog. */
void source_repair(struct source *source, const char *statements);
/* Starts again, and asks this at each look-over from now on (source_check_request.probe); NULL: no more, and
 * nothing is started. */
void source_set_probe(struct source *source, const char *query);
/* Drops the connection and starts again, e.g. when a confirm made a refused source acceptable. */
void source_restart(struct source *source);

#endif
