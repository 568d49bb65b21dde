/* The replication port of fanout.h: its listeners, its connections, and who they are. */
#include "proxy/fanout.h"

#include "protocol/xalloc.h"
#include "proxy/replica.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- connections ---- */

static void on_accept(void *argument, int fd)
{
    static _Thread_local struct log_limit limit;
    struct fanout *fanout = argument;
    if (fanout->count == FANOUT_CONNECTIONS_MAX) {
        log_limited(
            &limit, LOG_LEVEL_WARN, "replication port",
            "connection refused: %d are open, which is the most; look for consumers that do not close theirs",
            FANOUT_CONNECTIONS_MAX);
        close(fd);
        return;
    }
    fanout->replicas = xrealloc(fanout->replicas, (fanout->count + 1) * sizeof(*fanout->replicas));
    struct replica *replica = replica_new(fanout, ++fanout->last_id, fd);
    fanout->replicas[fanout->count++] = replica;
}

struct replica *fanout_find(struct fanout *fanout, uint64_t connection_id)
{
    for (size_t i = 0; i < fanout->count; i++)
        if (fanout->replicas[i]->id == connection_id)
            return fanout->replicas[i];
    return NULL;
}

static void forget_voter(struct fanout *fanout, const struct replica *replica)
{
    if (replica->voter == FANOUT_OBSERVER || fanout->voters[replica->voter].replica != replica)
        return;
    struct fanout_voter *voter = &fanout->voters[replica->voter];
    fanout_view_of(fanout, replica, &voter->last);
    voter->replica = NULL;
}

void fanout_remove(struct fanout *fanout, struct replica *replica)
{
    forget_voter(fanout, replica);
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->replicas[i] == replica) {
            fanout->replicas[i] = fanout->replicas[--fanout->count];
            return;
        }
    }
}

bool fanout_kill(struct fanout *fanout, uint64_t connection_id)
{
    struct replica *replica = fanout_find(fanout, connection_id);
    if (replica == NULL)
        return false;
    log_info(replica->label, "killed");
    replica_end(replica, "killed");
    return true;
}

void fanout_set_complete(struct fanout *fanout)
{
    fanout->is_complete = true;
}

/* ---- who they are ---- */

uint32_t fanout_identify(const struct fanout *fanout, const char *uuid, uint32_t server_id)
{
    const struct config *config = fanout->config;
    for (uint32_t i = 0; i < config->voter_count && uuid[0] != '\0'; i++)
        if (config->voters[i].server_uuid != NULL && strcasecmp(config->voters[i].server_uuid, uuid) == 0)
            return i;
    for (uint32_t i = 0; i < config->voter_count && server_id != 0; i++)
        if (config->voters[i].server_uuid == NULL && config->voters[i].server_id == server_id)
            return i;
    return FANOUT_OBSERVER;
}

/* As whom it would be served if it came now. */
static bool is_known_as_before(const struct fanout *fanout, const struct replica *replica)
{
    uint32_t voter = fanout_identify(fanout, replica->uuid, replica->request.server_id);
    return replica->voter == (replica->is_semi_sync ? voter : FANOUT_OBSERVER);
}

static bool is_same_replica(const struct replica *a, const struct replica *b)
{
    if (a->voter != FANOUT_OBSERVER && a->voter == b->voter)
        return true;
    if (a->uuid[0] != '\0' || b->uuid[0] != '\0')
        return strcmp(a->uuid, b->uuid) == 0;
    return a->request.server_id != 0 && a->request.server_id == b->request.server_id;
}

static bool is_dumping(const struct replica *replica)
{
    return replica->state == REPLICA_LOCATING || replica->state == REPLICA_ATTACHING ||
           replica->state == REPLICA_STREAMING;
}

void fanout_replace_older(struct fanout *fanout, const struct replica *newer)
{
    for (size_t i = fanout->count; i > 0; i--) {
        if (i > fanout->count)
            continue;
        struct replica *replica = fanout->replicas[i - 1];
        if (replica == newer || !is_dumping(replica) || !is_same_replica(replica, newer))
            continue;
        log_info(replica->label, "replaced by a newer connection of the same server, from %s", newer->peer);
        replica_end(replica, "replaced by a newer connection of the same server");
    }
}

void fanout_on_voters(struct fanout *fanout)
{
    for (size_t i = fanout->count; i > 0; i--) {
        if (i > fanout->count)
            continue;
        struct replica *replica = fanout->replicas[i - 1];
        if (!is_dumping(replica) || is_known_as_before(fanout, replica))
            continue;
        log_info(replica->label, "the config names it differently now: it has to connect again");
        replica_end(replica, "the config names it differently now");
    }
}

/* ---- what they are told ---- */

void fanout_set_identity(struct fanout *fanout, const struct fanout_identity *identity)
{
    snprintf(fanout->server_uuid, sizeof(fanout->server_uuid), "%s", identity->server_uuid);
    snprintf(fanout->source_version, sizeof(fanout->source_version), "%s", identity->source_version);
    fanout->identity =
        (struct fanout_identity){identity->server_id, fanout->server_uuid, fanout->source_version};
}

/* While the source has not been reached, the newest file's format description knows its version. */
static void take_version_of_store(struct fanout *fanout)
{
    struct span bytes;
    struct binlog_event_header header;
    struct binlog_format format;
    if (store_is_empty(fanout->store))
        return;
    struct position start = {store_end(fanout->store).file, BINLOG_START};
    if (store_read(fanout->store, start, BINLOG_FORMAT_EVENT_MAX, &bytes) != RESULT_OK ||
        binlog_event_header_decode(bytes, &header) != RESULT_OK || header.length > bytes.length)
        return;
    bytes.length = header.length;
    if (binlog_format_decode(bytes, &format) == RESULT_OK)
        snprintf(fanout->source_version, sizeof(fanout->source_version), "%s", format.server_version);
}

const char *fanout_version(struct fanout *fanout)
{
    if (fanout->source_version[0] == '\0')
        take_version_of_store(fanout);
    return fanout->source_version;
}

/* ---- the stream's turns ---- */

void fanout_begin(struct fanout *fanout, uint64_t connection_id)
{
    struct replica *replica = fanout_find(fanout, connection_id);
    if (replica != NULL && replica->state == REPLICA_ATTACHING)
        replica_begin(replica);
}

static void run_waiting(struct fanout *fanout, bool is_voter)
{
    for (size_t i = fanout->count; i > 0; i--) {
        if (i > fanout->count)
            continue; /* an earlier one has ended, and others with it */
        struct replica *replica = fanout->replicas[i - 1];
        if (replica->state == REPLICA_STREAMING && replica->stream_state == STREAM_WAITS_FOR_STORE &&
            (replica->voter != FANOUT_OBSERVER) == is_voter)
            replica_run(replica);
    }
}

void fanout_on_stored(struct fanout *fanout)
{
    run_waiting(fanout, true);
    run_waiting(fanout, false);
}

struct position fanout_oldest_needed(struct fanout *fanout)
{
    struct position oldest = store_end(fanout->store);
    for (size_t i = 0; i < fanout->config->voter_count; i++)
        if (!fanout->config->voters[i].is_removed)
            oldest = position_min(oldest, fanout->voters[i].needs_from);
    return oldest;
}

/* ---- start and stop ---- */

enum result fanout_start(struct loop *loop, const struct config *config, struct tls_context *tls,
                         struct store *store, const struct fanout_identity *identity,
                         const struct fanout_callbacks *callbacks, struct fanout **ret_fanout)
{
    struct fanout *fanout = xcalloc(1, sizeof(*fanout));
    fanout->loop = loop;
    fanout->config = config;
    fanout->tls = tls;
    fanout->store = store;
    fanout->callbacks = *callbacks;
    fanout->accounts[0] = &config->replication.account;
    fanout->batch = stream_batch_new();
    fanout->read_buffer = xmalloc(FANOUT_READ_BYTES);
    fanout_set_identity(fanout, identity);
    for (size_t i = 0; i < config->replication.listen.count; i++) {
        const char *address = config->replication.listen.addresses[i];
        enum result result = listener_open(loop, address, on_accept, fanout, &fanout->listeners[i]);
        if (result != RESULT_OK) {
            int reason = errno;
            log_error("replication port", "cannot listen on %s: %s", address,
                      result == RESULT_IO ? strerror(reason) : result_text(result));
            fanout_stop(&fanout);
            return result;
        }
        log_info("replication port", "listening on %s", address);
    }
    *ret_fanout = fanout;
    return RESULT_OK;
}

void fanout_stop(struct fanout **fanout)
{
    struct fanout *old = *fanout;
    if (old == NULL)
        return;
    *fanout = NULL;
    /* nobody is told: what was attached counts as attached up to the end of everything */
    old->callbacks.on_detached = NULL;
    while (old->count > 0)
        replica_end(old->replicas[0], NULL);
    for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
        listener_close(&old->listeners[i]);
    stream_batch_free(&old->batch);
    free(old->read_buffer);
    free(old->replicas);
    free(old);
}
