/* The port of admin.h: its listeners and its sessions. */
#include "proxy/admin.h"

#include "protocol/xalloc.h"
#include "proxy/admin_session.h"
#include "proxy/admin_worker.h"
#include "proxy/listener.h"
#include "proxy/log.h"
#include "proxy/source_rotate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_MAX = 64, REFUSALS_MAX = 64 };

#define FIRST_ID 4026531840u /* far from the ids of application sessions, which the source gives */

struct admin {
    struct admin_port port;
    struct listener *listeners[CONFIG_LISTEN_MAX];
    size_t listener_count;
    struct admin_session *sessions[SESSIONS_MAX + REFUSALS_MAX];
    size_t session_count;
    uint32_t next_id;
    struct source_rotate *rotate;
};

static struct admin_session *find_session(struct admin *admin, uint64_t connection_id)
{
    for (size_t i = 0; i < admin->session_count; i++) {
        if (admin_session_id(admin->sessions[i]) == connection_id)
            return admin->sessions[i];
    }
    return NULL;
}

static void on_query_done(void *argument, uint32_t connection_id, struct resultset_writer *response)
{
    struct admin_session *session = find_session(argument, connection_id);
    if (session != NULL)
        admin_session_respond(session, response);
}

static void on_rotated(void *argument, uint32_t connection_id, const char *error)
{
    struct admin_session *session = find_session(argument, connection_id);
    if (error != NULL)
        log_warn("source", "FLUSH BINARY LOGS: %s", error);
    else
        log_info("source", "was asked to begin a new binlog file, and has");
    if (session != NULL)
        admin_session_answer(session, error);
}

enum result admin_rotate_source(struct admin *admin, uint32_t connection_id)
{
    return source_rotate_start(admin->rotate, connection_id);
}

static void on_ended(struct admin *admin, struct admin_session *session)
{
    for (size_t i = 0; i < admin->session_count; i++) {
        if (admin->sessions[i] == session) {
            admin->sessions[i] = admin->sessions[--admin->session_count];
            return;
        }
    }
}

/* Those above SESSIONS_MAX are told so; when too many do not read even that, an old one goes. */
static void on_accept(void *argument, int fd)
{
    struct admin *admin = argument;
    if (admin->session_count == SESSIONS_MAX + REFUSALS_MAX)
        admin_session_free(&admin->sessions[--admin->session_count]);
    bool is_full = admin->session_count >= SESSIONS_MAX;
    struct admin_session *session = admin_session_start(&admin->port, fd, admin->next_id++, is_full);
    admin->sessions[admin->session_count++] = session;
}

static enum result listen_all(struct admin *admin, const struct config_listen *listen)
{
    for (size_t i = 0; i < listen->count; i++) {
        enum result result = listener_open(admin->port.loop, listen->addresses[i], on_accept, admin,
                                           &admin->listeners[admin->listener_count]);
        if (result != RESULT_OK) {
            log_error("admin", "cannot listen on %s: %s", listen->addresses[i],
                      result == RESULT_IO ? strerror(errno) : result_text(result));
            return result;
        }
        admin->listener_count++;
        log_info("admin", "listening on %s", listen->addresses[i]);
    }
    return RESULT_OK;
}

enum result admin_start(struct loop *loop, const struct config *config, struct pipeline *pipeline,
                        struct admin **ret_admin)
{
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->next_id = FIRST_ID;
    admin->port = (struct admin_port){
        .loop = loop,
        .config = config,
        .pipeline = pipeline,
        .admin = admin,
        .worker = admin_worker_new(loop, pipeline, on_query_done, admin),
        .on_ended = on_ended,
    };
    admin->rotate = source_rotate_new(loop, config, on_rotated, admin);
    enum result result = listen_all(admin, &config->admin.listen);
    if (result != RESULT_OK)
        admin_stop(&admin);
    else
        *ret_admin = admin;
    return result;
}

void admin_stop(struct admin **admin)
{
    struct admin *old = *admin;
    if (old == NULL)
        return;
    *admin = NULL;
    source_rotate_free(&old->rotate);
    admin_worker_free(&old->port.worker);
    for (size_t i = 0; i < old->listener_count; i++)
        listener_close(&old->listeners[i]);
    for (size_t i = 0; i < old->session_count; i++)
        admin_session_free(&old->sessions[i]);
    free(old);
}

bool admin_kill(struct admin *admin, uint64_t connection_id)
{
    struct admin_session *session = find_session(admin, connection_id);
    if (session != NULL)
        admin_session_kill(session);
    return session != NULL;
}
