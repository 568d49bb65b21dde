/* The tables that are one view of the pipeline each: source, replicas, quorum, sessions, waiting. */
#include "proxy/admin_tables.h"

#include "protocol/xalloc.h"
#include "proxy/admin_time.h"

#include <stdlib.h>

enum { REPLICAS_MAX = 256, WAITING_MAX = 2000 /* the oldest: copied in the loop's time */ };

/* A position is two columns, both NULL when there is none. */
static void add_position(struct admin_rows *rows, const struct view_position *position)
{
    if (position->file[0] == '\0') {
        admin_rows_null(rows);
        admin_rows_null(rows);
        return;
    }
    admin_rows_text(rows, position->file);
    admin_rows_integer(rows, position->offset);
}

static void add_text_or_null(struct admin_rows *rows, const char *text)
{
    admin_rows_text(rows, text == NULL || text[0] == '\0' ? NULL : text);
}

void admin_fill_source(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct view_source view;
    pipeline_view_source(pipeline, &view);
    admin_rows_text(rows, "source");
    admin_rows_text(rows, view.host);
    admin_rows_integer(rows, view.port);
    add_text_or_null(rows, view.flavor);
    add_text_or_null(rows, view.version);
    add_text_or_null(rows, view.server_uuid);
    admin_rows_integer(rows, view.server_id);
    admin_rows_text(rows, view.state);
    admin_rows_text(rows, view.reason);
    admin_rows_text(rows, view.is_semi_sync ? "required" : "off");
    add_position(rows, &view.received);
    add_position(rows, &view.durable);
    add_position(rows, &view.confirmed);
    add_text_or_null(rows, view.confirmed_gtid);
}

static void add_replica(struct admin_rows *rows, const struct view_replica *view)
{
    char time[ADMIN_TIME_MAX];
    admin_rows_text(rows, view->name);
    admin_rows_text(rows, view->is_voter ? "voter" : "observer");
    admin_rows_text(rows, view->state);
    add_text_or_null(rows, view->host);
    admin_rows_integer(rows, view->server_id);
    add_text_or_null(rows, view->server_uuid);
    add_text_or_null(rows, view->flavor);
    admin_rows_integer(rows, view->is_semi_sync);
    add_position(rows, &view->sent);
    add_position(rows, &view->acked);
    add_text_or_null(rows, view->acked_gtid);
    admin_rows_integer(rows, view->lag_bytes);
    admin_rows_real(rows, (double)view->ack_p50_us / 1000);
    admin_rows_real(rows, (double)view->ack_p99_us / 1000);
    admin_rows_text(rows, admin_time_format(view->attached_wall_ms, time));
    admin_rows_text(rows, view->last_error);
    admin_rows_integer(rows, view->connection_id);
}

void admin_fill_replicas(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct view_replica *views = xcalloc(REPLICAS_MAX, sizeof(views[0]));
    size_t count = pipeline_view_replicas(pipeline, views, REPLICAS_MAX);
    for (size_t i = 0; i < count; i++)
        add_replica(rows, &views[i]);
    free(views);
}

void admin_fill_quorum(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct view_quorum view;
    pipeline_view_quorum(pipeline, &view);
    admin_rows_text(rows, view.rule);
    admin_rows_integer(rows, view.is_satisfied);
    admin_rows_integer(rows, view.voters);
    admin_rows_integer(rows, view.attached);
    admin_rows_text(rows, view.needed_for);
    admin_rows_integer(rows, view.waiting_transactions);
    admin_rows_integer(rows, view.oldest_wait_ms);
}

/* ---- long tables: the rows are made on the thread of the query ---- */

static void make_sessions(const void *copy, struct admin_rows *rows)
{
    struct pipeline *pipeline = *(struct pipeline *const *)copy;
    size_t max = pipeline_view_sessions_max(pipeline);
    struct view_session *views = xcalloc(max, sizeof(views[0]));
    size_t count = pipeline_view_sessions(pipeline, views, max);
    for (size_t i = 0; i < count; i++) {
        const struct view_session *view = &views[i];
        admin_rows_integer(rows, view->id);
        add_text_or_null(rows, view->user);
        admin_rows_text(rows, view->client);
        add_text_or_null(rows, view->db);
        add_text_or_null(rows, view->command);
        admin_rows_text(rows, view->state != NULL ? view->state : "");
        admin_rows_integer(rows, view->time_ms);
        add_text_or_null(rows, view->waiting_gtid);
        admin_rows_integer(rows, view->is_tls);
    }
    free(views);
}

/* Sessions are not the replication loop's but the app threads', and are never all at rest: they are read
 * right after the loop's moment. */
void admin_fill_sessions(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct pipeline **copy = xmalloc(sizeof(*copy));
    *copy = pipeline;
    admin_rows_later(rows, make_sessions, copy);
}

static void make_waiting(const void *copy, struct admin_rows *rows)
{
    const struct view_waiting_list *list = copy;
    for (size_t i = 0; i < list->count; i++) {
        struct view_waiting view;
        view_waiting_show(list, i, &view);
        admin_rows_text(rows, view.gtid);
        add_position(rows, &view.end);
        admin_rows_integer(rows, view.waiting_ms);
        admin_rows_text(rows, view.acked_by);
        admin_rows_text(rows, view.missing);
        if (view.session_id != 0)
            admin_rows_integer(rows, view.session_id);
        else
            admin_rows_null(rows);
    }
}

void admin_fill_waiting(struct pipeline *pipeline, struct admin_rows *rows)
{
    admin_rows_later(rows, make_waiting, pipeline_view_waiting(pipeline, WAITING_MAX));
}
