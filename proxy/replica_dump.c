/* A dump, from its command to the attachment: who asks, where it begins, and the wait for the journal. */
#include "proxy/replica.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "proxy/clock.h"
#include "proxy/replica_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SUBJECT_MAX = 1024 };

static void refuse(struct replica *replica, const struct replica_refusal *refusal)
{
    static _Thread_local struct log_limit limit;
    if (!replica->fanout->is_complete && refusal->code == ERROR_CODE_SOURCE_FATAL_READING_BINLOG) {
        char text[sizeof(refusal->text) + 128];
        snprintf(text, sizeof(text),
                 "ackgate: not decided before the source's binlog has been seen; try again. So far: %s",
                 refusal->text);
        log_limited(&limit, LOG_LEVEL_INFO, replica->label, "put off: %s", text);
        replica_refuse(replica, ERROR_CODE_UNKNOWN, text);
        return;
    }
    log_limited(&limit, LOG_LEVEL_WARN, replica->label, "refused: %u %s", refusal->code, refusal->text);
    if (replica->voter != FANOUT_OBSERVER) {
        struct fanout_voter *voter = &replica->fanout->voters[replica->voter];
        voter->is_refused = true;
        snprintf(voter->last.last_error, sizeof(voter->last.last_error), "%s", refusal->text);
    }
    replica_refuse(replica, refusal->code, refusal->text);
}

/* ---- who ---- */

static void name_voter(struct replica *replica)
{
    const char *name = replica->fanout->config->voters[replica->voter].name;
    snprintf(replica->name, sizeof(replica->name), "%s", name);
    snprintf(replica->label, sizeof(replica->label), "replica %s", name);
}

/* Whoever says that it is this voter has to prove it, if the config asks for a certificate. */
static bool has_subject(const struct replica *replica, uint32_t voter)
{
    char subject[SUBJECT_MAX] = "";
    const char *wanted = replica->fanout->config->voters[voter].tls_subject;
    const struct tls *tls = channel_tls(replica->channel);
    if (tls != NULL)
        tls_peer_subject(tls, subject, sizeof(subject));
    return wanted == NULL || strcmp(subject, wanted) == 0;
}

/* Only voters with semi-sync count; the others are served as observers. RESULT_DENIED: not served at all. */
static enum result identify(struct replica *replica, struct replica_refusal *ret_refusal)
{
    struct fanout *fanout = replica->fanout;
    replica_session_uuid(&replica->session, replica->uuid);
    replica->session.server_id = replica->request.server_id;
    replica->is_semi_sync = replica_session_is_semi_sync(&replica->session);
    uint32_t voter = fanout_identify(fanout, replica->uuid, replica->request.server_id);
    if (voter == FANOUT_OBSERVER) {
        snprintf(ret_refusal->text, sizeof(ret_refusal->text),
                 "ackgate: this server (id %" PRIu32 ") is not listed, and replication.allow_unlisted is off",
                 replica->request.server_id);
        return fanout->config->replication.is_unlisted_allowed ? RESULT_OK : RESULT_DENIED;
    }
    if (!has_subject(replica, voter)) {
        snprintf(ret_refusal->text, sizeof(ret_refusal->text),
                 "ackgate: this server says that it is %s, but does not show the certificate that "
                 "[replica %s] tls_subject asks for",
                 fanout->config->voters[voter].name, fanout->config->voters[voter].name);
        return RESULT_DENIED;
    }
    if (!replica->is_semi_sync) {
        log_warn(
            replica->label,
            "is %s by its identity, but without semi-sync: served as an observer, its acks are missing for "
            "the quorum. Switch semi-sync on there (rpl_semi_sync_replica_enabled or "
            "rpl_semi_sync_slave_enabled) and restart its receiver",
            fanout->config->voters[voter].name);
        return RESULT_OK;
    }
    replica->voter = voter;
    name_voter(replica);
    return RESULT_OK;
}

/* ---- where ---- */

/* What the replica has by GTID is left out; with a file named too (mysqlbinlog) only that. */
static void set_skip(struct replica *replica)
{
    struct replica_request *request = &replica->request;
    enum flavor flavor = request->have.flavor;
    if (flavor == FLAVOR_MYSQL && !gtid_set_is_empty(&request->have.set))
        replica_skip_set_mysql(&replica->skip, &request->have.set);
    if (flavor == FLAVOR_MARIADB) {
        replica->skip.leaves_annotations_out = (request->flags & DUMP_FLAG_ANNOTATE) == 0;
        struct span strict;
        replica->skip.is_strict =
            replica_session_text(&replica->session, "slave_gtid_strict_mode", &strict) &&
            span_is_text(strict, "1");
    }
}

/* MariaDB, by GTID: what is left out is counted from the start of this file on. */
static enum result enter_file(struct replica *replica, uint64_t file)
{
    struct store *store = replica->fanout->store;
    const struct gtid_state *state;
    if (store_flavor(store) != FLAVOR_MARIADB || !replica->request.is_by_gtid)
        return RESULT_OK;
    enum result result = store_file_gtids(store, file, &state);
    if (result != RESULT_OK)
        return result;
    replica_skip_set_mariadb(&replica->skip, &replica->request.have.list);
    replica_skip_begin_file(&replica->skip, &state->list, &store_gtids(store)->list);
    return RESULT_OK;
}

static enum result start_locating(struct replica *replica, struct replica_refusal *ret_refusal)
{
    struct store *store = replica->fanout->store;
    struct position from;
    enum result result = replica_request_find(&replica->request, store, &from, ret_refusal);
    if (result != RESULT_OK)
        return result;
    set_skip(replica);
    if (!replica->request.is_by_gtid) {
        replica_locate_to(&replica->locate, store_flavor(store), from);
        return RESULT_OK;
    }
    from.offset = BINLOG_START;
    result = enter_file(replica, from.file);
    if (result != RESULT_OK) {
        *ret_refusal = (struct replica_refusal){ERROR_CODE_SOURCE_FATAL_READING_BINLOG, ""};
        snprintf(ret_refusal->text, sizeof(ret_refusal->text),
                 "ackgate: the store's GTIDs cannot be read: %s", result_text(result));
        return result;
    }
    replica_locate_gtids(&replica->locate, store_flavor(store), from);
    return RESULT_OK;
}

static void attach(struct replica *replica)
{
    struct position place = replica->locate.walk.at;
    bool is_by_gtid = replica->request.is_by_gtid;
    if (enter_file(replica, place.file) != RESULT_OK)
        log_debug(replica->label, "file %" PRIu64 " has no GTID list yet", place.file);
    if (replica->request.has_until)
        replica_skip_set_until(&replica->skip, &replica->request.until, &replica->request.have.list);
    replica->has_up_to = place;
    replica->from = is_by_gtid ? (struct position){place.file, BINLOG_START} : place;
    replica->is_attached = true;
    replica->attached_wall_ms = clock_wall_ms();
    replica_set_state(replica, REPLICA_ATTACHING);
    if (replica->voter != FANOUT_OBSERVER) {
        replica->fanout->voters[replica->voter].replica = replica;
        replica->fanout->voters[replica->voter].is_refused = false;
        replica->fanout->voters[replica->voter].needs_from = place;
    }
    char file[BINLOG_NAME_MAX];
    store_file_name(replica->fanout->store, place.file, file, sizeof(file));
    log_info(replica->label,
             "attached from %s: server id %" PRIu32 "%s%s, %s, has everything up to %s %" PRIu64,
             replica->peer, replica->request.server_id, replica->uuid[0] == '\0' ? "" : " ", replica->uuid,
             replica->is_semi_sync ? "semi-sync" : "no semi-sync", file, place.offset);
    struct fanout_callbacks *callbacks = &replica->fanout->callbacks;
    callbacks->on_attaching(callbacks->argument, replica->id, replica->voter, replica->is_semi_sync,
                            replica->from, replica->has_up_to);
}

static void refuse_place(struct replica *replica, enum result result)
{
    struct replica_refusal refusal = {ERROR_CODE_SOURCE_FATAL_READING_BINLOG, ""};
    if (result == RESULT_NOT_FOUND || result == RESULT_CLOSED)
        replica_request_refuse_position(&replica->request, replica->fanout->store, replica->locate.target,
                                        replica->locate.format_end, &refusal);
    else if (result == RESULT_DIVERGED)
        snprintf(
            refusal.text, sizeof(refusal.text),
            "Error: connecting slave requested to start from a GTID which is not in the master's binlog");
    else
        snprintf(refusal.text, sizeof(refusal.text), "ackgate: the store cannot be read there: %s",
                 result_text(result));
    refuse(replica, &refusal);
}

static void on_locate_turn(void *argument)
{
    struct replica *replica = argument;
    if (replica->state != REPLICA_LOCATING)
        return;
    enum result result = replica_locate_step(&replica->locate, replica->fanout->store, &replica->skip,
                                             stream_batch_scratch(replica->fanout->batch));
    if (result == RESULT_AGAIN)
        loop_defer(replica->fanout->loop, on_locate_turn, replica);
    else if (result == RESULT_OK)
        attach(replica);
    else
        refuse_place(replica, result);
}

void replica_start_dump(struct replica *replica, struct span payload)
{
    struct replica_refusal refusal = {ERROR_CODE_SOURCE_FATAL_READING_BINLOG, ""};
    enum flavor flavor = store_flavor(replica->fanout->store);
    enum result result =
        replica_request_decode(payload, &replica->session, flavor, &replica->request, &refusal);
    if (result == RESULT_OK)
        result = identify(replica, &refusal);
    if (result == RESULT_OK)
        result = start_locating(replica, &refusal);
    if (result != RESULT_OK) {
        refuse(replica, &refusal);
        return;
    }
    fanout_replace_older(replica->fanout, replica);
    channel_pause(replica->channel);
    replica_set_state(replica, REPLICA_LOCATING);
    loop_defer(replica->fanout->loop, on_locate_turn, replica);
}
