/* The table of source_handshake.h and the few lines that walk it. */
#include "proxy/source_handshake.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/position.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENT_MAX = 512, COMMAND_MAX = STATEMENT_MAX + BINLOG_NAME_MAX };

struct source_handshake {
    struct channel *channel;
    struct source_handshake_options options;
    char server_uuid[40];
    char file[BINLOG_NAME_MAX];
    source_handshake_done_fn *on_done;
    void *argument;
    size_t step;
};

static void say(const struct source_handshake *h, struct writer *writer, const char *sql)
{
    command_query_encode(writer, span_of_text(sql), h->options.capabilities);
}

static void set_heartbeat(const struct source_handshake *h, struct writer *writer)
{
    char sql[STATEMENT_MAX];
    unsigned long long period_ns = (unsigned long long)h->options.heartbeat_ms * 1000000;
    snprintf(sql, sizeof(sql), "SET @master_heartbeat_period = %llu, @source_heartbeat_period = %llu",
             period_ns, period_ns);
    say(h, writer, sql);
}

static void set_checksum(const struct source_handshake *h, struct writer *writer)
{
    say(h, writer,
        "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = "
        "@@global.binlog_checksum");
}

static void set_uuid(const struct source_handshake *h, struct writer *writer)
{
    char sql[STATEMENT_MAX];
    snprintf(sql, sizeof(sql), "SET @slave_uuid = '%s', @replica_uuid = '%s'", h->server_uuid,
             h->server_uuid);
    say(h, writer, sql);
}

static void set_capability(const struct source_handshake *h, struct writer *writer)
{
    say(h, writer,
        "SET @mariadb_slave_capability = 4"); /* less, and GTID events come rewritten or not at all */
}

static void register_replica(const struct source_handshake *h, struct writer *writer)
{
    struct command_register command = {.server_id = h->options.server_id, .host = span_of_text("ackgate")};
    command_register_encode(writer, &command);
}

static void set_semi_sync(const struct source_handshake *h, struct writer *writer)
{
    say(h, writer, "SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1");
}

static void start_dump(const struct source_handshake *h, struct writer *writer)
{
    struct command_dump dump = {
        .position = h->options.offset,
        .flags =
            h->options.flavor == FLAVOR_MARIADB ? DUMP_FLAG_ANNOTATE : 0, /* without it there are holes */
        .server_id = h->options.server_id,
        .file = span_of_text(h->file),
    };
    command_dump_encode(writer, &dump);
}

/* Each is answered with an OK, but the last, which is answered with the dump. */
static const struct step {
    const char *name;
    void (*encode)(const struct source_handshake *h, struct writer *writer);
    enum flavor only; /* FLAVOR_UNKNOWN: both */
    bool is_for_semi_sync;
} steps[] = {
    {"heartbeat period",  set_heartbeat,    FLAVOR_UNKNOWN, false},
    {"checksum",          set_checksum,     FLAVOR_UNKNOWN, false},
    {"replica's uuid",    set_uuid,         FLAVOR_MYSQL,   false},
    {"capability",        set_capability,   FLAVOR_MARIADB, false},
    {"registration",      register_replica, FLAVOR_UNKNOWN, false},
    {"semi-sync request", set_semi_sync,    FLAVOR_UNKNOWN, true },
    {"dump",              start_dump,       FLAVOR_UNKNOWN, false},
};
enum { STEP_COUNT = sizeof(steps) / sizeof(steps[0]) };

static void finish(struct source_handshake *h, enum result result, const char *message)
{
    source_handshake_done_fn *on_done = h->on_done;
    void *argument = h->argument;
    free(h);
    on_done(argument, result, message);
}

static bool applies(const struct source_handshake *h, const struct step *step)
{
    return (step->only == FLAVOR_UNKNOWN || step->only == h->options.flavor) &&
           (!step->is_for_semi_sync || h->options.is_semi_sync);
}

static void send_step(struct source_handshake *h)
{
    while (!applies(h, &steps[h->step]))
        h->step++;
    uint8_t bytes[COMMAND_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    steps[h->step].encode(h, &writer);
    assert(!writer_failed(&writer));
    channel_start_command(h->channel);
    channel_send(h->channel, writer_span_written(&writer));
    if (h->step == STEP_COUNT - 1)
        finish(h, RESULT_OK, "");
}

static void on_payload(void *argument, struct span payload)
{
    struct source_handshake *h = argument;
    char message[STATEMENT_MAX];
    struct response_error error;
    if (response_is_error(payload) && response_error_decode(payload, &error) == RESULT_OK) {
        bool is_denied =
            error.code == ERROR_CODE_ACCESS_DENIED || error.code == ERROR_CODE_SPECIFIC_ACCESS_DENIED;
        snprintf(message, sizeof(message), "%s refused: %s (error %u)%s", steps[h->step].name,
                 log_quote(error.message), error.code,
                 is_denied ? ". Give source.user the privilege REPLICATION SLAVE" : "");
        finish(h, RESULT_DENIED, message);
    } else if (payload.length == 0 || payload.data[0] != RESPONSE_HEADER_OK) {
        snprintf(message, sizeof(message), "unexpected answer to %s", steps[h->step].name);
        finish(h, RESULT_MALFORMED, message);
    } else {
        h->step++;
        send_step(h);
    }
}

static void on_closed(void *argument, enum result reason)
{
    struct source_handshake *h = argument;
    char message[STATEMENT_MAX];
    snprintf(message, sizeof(message), "%s at %s", result_text(reason), steps[h->step].name);
    finish(h, reason, message);
}

struct source_handshake *source_handshake_start(struct channel *channel,
                                                const struct source_handshake_options *options,
                                                source_handshake_done_fn *on_done, void *argument)
{
    struct source_handshake *h = xcalloc(1, sizeof(*h));
    h->channel = channel;
    h->options = *options;
    snprintf(h->server_uuid, sizeof(h->server_uuid), "%s", options->server_uuid);
    snprintf(h->file, sizeof(h->file), "%s", options->file);
    h->on_done = on_done;
    h->argument = argument;
    channel_set_callbacks(channel, &(struct channel_callbacks){on_payload, on_closed, h});
    send_step(h);
    return h;
}

void source_handshake_cancel(struct source_handshake **handshake)
{
    free(*handshake);
    *handshake = NULL;
}
