/* What the admin port shows of replicas. */
#include "proxy/replica.h"

#include <stdio.h>
#include <string.h>

uint64_t fanout_distance_bytes(const struct fanout *fanout, struct position from, struct position to)
{
    if (position_compare(from, to) >= 0)
        return 0;
    if (from.file == to.file)
        return to.offset - from.offset;
    uint64_t start = store_start(fanout->store).file;
    uint64_t bytes = to.offset;
    for (uint64_t file = from.file < start ? start : from.file; file < to.file; file++) {
        uint64_t end;
        if (store_file_end(fanout->store, file, &end) == RESULT_OK)
            bytes += file == from.file && end > from.offset ? end - from.offset : end;
    }
    return bytes;
}

static void view_position(const struct fanout *fanout, struct position position,
                          struct view_position *ret_view)
{
    *ret_view = (struct view_position){.offset = position.offset};
    if (!position_is_none(position))
        store_file_name(fanout->store, position.file, ret_view->file, sizeof(ret_view->file));
}

static const char *state_text(const struct replica *replica)
{
    switch (replica->state) {
    case REPLICA_LOCATING:
    case REPLICA_ATTACHING:
        return "catching_up";
    case REPLICA_STREAMING:
        return replica->stream_state == STREAM_WAITS_FOR_STORE ? "streaming" : "catching_up";
    default:
        return "detached";
    }
}

static enum flavor flavor_of(const struct replica *replica)
{
    if (replica_session_is_mysql(&replica->session))
        return FLAVOR_MYSQL;
    return replica_session_is_mariadb(&replica->session) ? FLAVOR_MARIADB : FLAVOR_UNKNOWN;
}

void fanout_view_of(struct fanout *fanout, const struct replica *replica, struct view_replica *ret_view)
{
    bool is_streaming = replica->stream.store != NULL;
    struct position acked = is_streaming && replica->is_semi_sync ? replica->acks.acked : POSITION_NONE;
    struct position reached = is_streaming ? replica->stream.sent : replica->has_up_to;
    struct view_replica view = {.is_voter = replica->voter != FANOUT_OBSERVER,
                                .server_id = replica->session.server_id,
                                .is_semi_sync = replica->is_semi_sync,
                                .connection_id = replica->id,
                                .attached_wall_ms = replica->attached_wall_ms};
    snprintf(view.name, sizeof(view.name), "%.*s", VIEW_NAME - 1, replica->name);
    snprintf(view.state, sizeof(view.state), "%s", state_text(replica));
    snprintf(view.host, sizeof(view.host), "%s", replica->peer);
    snprintf(view.server_uuid, sizeof(view.server_uuid), "%s", replica->uuid);
    snprintf(view.flavor, sizeof(view.flavor), "%s", flavor_name(flavor_of(replica)));
    snprintf(view.last_error, sizeof(view.last_error), "%s", replica->last_error);
    view_position(fanout, reached, &view.sent);
    view_position(fanout, acked, &view.acked);
    view.lag_bytes =
        fanout_distance_bytes(fanout, replica->is_semi_sync ? acked : reached, store_end(fanout->store));
    if (is_streaming) {
        char text[GTID_TEXT_MAX];
        snprintf(view.acked_gtid, sizeof(view.acked_gtid), "%s",
                 gtid_format(&replica->acks.acked_gtid, text));
        view.ack_p50_us = replica_acks_percentile_us(&replica->acks, 0.5);
        view.ack_p99_us = replica_acks_percentile_us(&replica->acks, 0.99);
        replica_acks_histogram(&replica->acks, &view.ack_latency);
    }
    *ret_view = view;
}

static void view_voter(struct fanout *fanout, size_t index, struct view_replica *ret_view)
{
    struct fanout_voter *voter = &fanout->voters[index];
    if (voter->replica != NULL) {
        fanout_view_of(fanout, voter->replica, ret_view);
        return;
    }
    *ret_view = voter->last;
    if (!position_is_none(voter->needs_from)) /* the store has grown since */
        ret_view->lag_bytes = fanout_distance_bytes(fanout, voter->needs_from, store_end(fanout->store));
    ret_view->is_voter = true;
    snprintf(ret_view->name, sizeof(ret_view->name), "%.*s", VIEW_NAME - 1,
             fanout->config->voters[index].name);
    snprintf(ret_view->state, sizeof(ret_view->state), "%s", voter->is_refused ? "refused" : "detached");
    ret_view->lag_bytes = fanout_distance_bytes(fanout, voter->needs_from, store_end(fanout->store));
}

size_t fanout_replicas(struct fanout *fanout, struct view_replica *ret_replicas, size_t max)
{
    size_t count = 0;
    for (uint32_t i = 0; i < fanout->config->voter_count && count < max; i++) {
        if (fanout->config->voters[i].is_removed)
            continue;
        view_voter(fanout, i, &ret_replicas[count]);
        ret_replicas[count++].voter = i;
    }
    for (size_t i = 0; i < fanout->count && count < max; i++) {
        const struct replica *replica = fanout->replicas[i];
        if (replica->voter == FANOUT_OBSERVER && replica->is_attached)
            fanout_view_of(fanout, replica, &ret_replicas[count++]);
    }
    return count;
}
