/* The sessions of admin_session.h: each command of the protocol, answered at once. */
#include "proxy/admin_session.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/admin_fields.h"
#include "proxy/admin_statement.h"
#include "proxy/log.h"
#include "proxy/server_login.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As much as a result may have, since a channel holds twice its payload bound back for a slow reader. */
enum { LOGIN_TIMEOUT_MS = 10000, COMMAND_MAX = 17 * 1024 * 1024 /* a listing of RECOVER SOURCE TAIL */ };

#define OFFERED                                                                                              \
    (CAP_LONG_PASSWORD | CAP_LONG_FLAG | CAP_FOUND_ROWS | CAP_CONNECT_WITH_DB | CAP_IGNORE_SPACE |           \
     CAP_PROTOCOL_41 | CAP_INTERACTIVE | CAP_TRANSACTIONS | CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS |      \
     CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC | CAP_DEPRECATE_EOF |                      \
     CAP_QUERY_ATTRIBUTES | CAP_EXPIRED_PASSWORDS)

struct admin_session {
    const struct admin_port *port;
    struct channel *channel;
    struct server_login *login;               /* until done */
    const struct config_account *accounts[2]; /* the admin, and who may only look */
    struct admin_context context;
    uint64_t capabilities;
    uint64_t statements;
    char label[ADMIN_USER_MAX + ADMIN_PEER_MAX + 32];
};

uint32_t admin_session_id(const struct admin_session *session)
{
    return session->context.connection_id;
}

void admin_session_kill(struct admin_session *session)
{
    channel_close_when_sent(session->channel);
}

void admin_session_free(struct admin_session **session)
{
    struct admin_session *old = *session;
    if (old == NULL)
        return;
    *session = NULL;
    server_login_cancel(&old->login);
    channel_free(&old->channel);
    free(old);
}

static void end(struct admin_session *session)
{
    session->port->on_ended(session->port->admin, session);
    admin_session_free(&session);
}

static void send_statistics(struct admin_session *session)
{
    char text[200];
    struct view_counters counters;
    pipeline_view_counters(session->port->pipeline, &counters);
    snprintf(text, sizeof(text),
             "Uptime: %" PRIu64 "  Threads: %" PRIu64 "  Questions: %" PRIu64 "  Commits confirmed: %" PRIu64
             "  Replicas: %" PRIu64,
             counters.uptime_ms / 1000, counters.sessions, session->statements, counters.commits_confirmed,
             counters.replicas_attached);
    channel_send(session->channel, span_of_text(text));
}

static void run_query(struct admin_session *session, struct span payload, struct resultset_writer *out)
{
    struct span sql;
    if (command_query_decode(payload, session->capabilities, &sql) != RESULT_OK)
        admin_error(out, ERROR_CODE_PARSE, "The query attributes are malformed");
    else
        admin_statement_run(&session->context, sql, out);
}

static void run_kill(struct admin_session *session, struct span payload, struct resultset_writer *out)
{
    uint32_t id;
    if (command_kill_decode(payload, &id) != RESULT_OK)
        admin_error(out, ERROR_CODE_NO_SUCH_THREAD, "Unknown thread id");
    else
        admin_kill_id(&session->context, id, out);
}

static void run_set_option(struct resultset_writer *out)
{
    struct response_ok ok = {.header = RESPONSE_HEADER_EOF, .status = STATUS_AUTOCOMMIT};
    if ((out->caps & CAP_DEPRECATE_EOF) == 0)
        ok.header = RESPONSE_HEADER_OK;
    resultset_writer_ok(out, &ok);
}

/* All commands that are answered with packets made by out. */
static void run_command(struct admin_session *session, struct span payload, struct resultset_writer *out)
{
    struct span rest = {payload.data + 1, payload.length - 1};
    switch (payload.data[0]) {
    case COMMAND_QUERY:
        run_query(session, payload, out);
        break;
    case COMMAND_INIT_DB:
        admin_use(&session->context, rest, out);
        break;
    case COMMAND_PROCESS_KILL:
        run_kill(session, payload, out);
        break;
    case COMMAND_SHUTDOWN:
        admin_statement_run(&session->context, span_of_text("SHUTDOWN"), out);
        break;
    case COMMAND_PROCESS_INFO:
        admin_statement_run(&session->context, span_of_text("SHOW PROCESSLIST"), out);
        break;
    case COMMAND_PING:
    case COMMAND_RESET_CONNECTION:
        admin_ok(out, "");
        break;
    case COMMAND_SET_OPTION:
        run_set_option(out);
        break;
    case COMMAND_STMT_PREPARE:
        admin_error(out, ERROR_CODE_UNSUPPORTED_PREPARE,
                    "This command is not supported in the prepared statement protocol yet; send it as text");
        break;
    default:
        admin_error(out, ERROR_CODE_UNKNOWN_COMMAND, "%s is not served by the admin port",
                    command_name(payload.data[0]));
    }
}

static void on_payload(void *argument, struct span payload)
{
    struct admin_session *session = argument;
    if (payload.length == 0 || payload.data[0] == COMMAND_QUIT) {
        end(session);
        return;
    }
    session->statements++;
    if (payload.data[0] == COMMAND_STATISTICS) {
        send_statistics(session);
        return;
    }
    if (payload.data[0] == COMMAND_FIELD_LIST) {
        admin_fields_send(session->channel, session->capabilities,
                          (struct span){payload.data + 1, payload.length - 1});
        return;
    }
    if (command_response_kind(payload.data[0]) == COMMAND_RESPONSE_NONE)
        return;
    struct resultset_writer out;
    resultset_writer_init(&out, session->capabilities, channel_next_sequence(session->channel));
    run_command(session, payload, &out);
    if (session->context.is_waiting)
        channel_pause(session->channel);
    else
        channel_send_framed(session->channel, (struct span){out.data, out.length}, out.sequence);
    resultset_writer_release(&out);
}

void admin_session_respond(struct admin_session *session, struct resultset_writer *response)
{
    size_t length;
    uint8_t *packets = resultset_writer_take(response, &length);
    session->context.is_waiting = false;
    channel_send_owned(session->channel, packets, length, response->sequence);
    channel_resume(session->channel);
}

void admin_session_answer(struct admin_session *session, const char *error)
{
    struct resultset_writer out;
    resultset_writer_init(&out, session->capabilities, channel_next_sequence(session->channel));
    if (error != NULL)
        admin_error(&out, ERROR_CODE_UNKNOWN, "ackgate: %s", error);
    else
        admin_ok(&out, "");
    admin_session_respond(session, &out);
    resultset_writer_release(&out);
}

static void on_closed(void *argument, enum result reason)
{
    struct admin_session *session = argument;
    if (reason != RESULT_CLOSED)
        log_debug("admin", "connection from %s ended: %s", session->context.peer, result_text(reason));
    end(session);
}

static const struct channel_callbacks *callbacks_of(struct admin_session *session,
                                                    struct channel_callbacks *callbacks)
{
    *callbacks = (struct channel_callbacks){on_payload, on_closed, session};
    return callbacks;
}

static void on_login(void *argument, enum result result, const struct server_login_outcome *outcome)
{
    static _Thread_local struct log_limit limit;
    struct admin_session *session = argument;
    struct channel_callbacks callbacks;
    session->login = NULL;
    if (server_login_is_broken(result)) {
        end(session);
        return;
    }
    channel_set_callbacks(session->channel, callbacks_of(session, &callbacks));
    if (result != RESULT_OK)
        return; /* it closes by itself */
    session->capabilities = outcome->capabilities;
    session->context.is_read_only = outcome->account == 1;
    snprintf(session->context.user, sizeof(session->context.user), "%s",
             session->accounts[outcome->account]->user);
    snprintf(session->context.db, sizeof(session->context.db), "%s",
             outcome->db[0] != '\0' ? ADMIN_SCHEMA : "");
    channel_set_payload_max(session->channel, COMMAND_MAX);
    snprintf(session->label, sizeof(session->label), "admin %" PRIu32 " %s@%s",
             session->context.connection_id, log_quote_text(session->context.user), session->context.peer);
    log_limited(&limit, LOG_LEVEL_INFO, session->label, "logged in%s",
                session->context.is_read_only ? ", to look only" : "");
}

static void refuse_full(struct admin_session *session)
{
    static const char message[] = "Too many connections to the admin port";
    struct resultset_writer out;
    resultset_writer_init(&out, CAP_PROTOCOL_41, 0);
    resultset_writer_error(&out, ERROR_CODE_TOO_MANY_CONNECTIONS, message);
    channel_send_framed(session->channel, (struct span){out.data, out.length}, out.sequence);
    resultset_writer_release(&out);
    channel_close_when_sent(session->channel);
}

static void start_login(struct admin_session *session)
{
    const struct config *config = session->port->config;
    session->accounts[0] = &config->admin.account;
    session->accounts[1] = &config->admin.stats;
    struct server_login_options options = {
        .accounts = session->accounts,
        .account_count = config->admin.stats.user != NULL ? 2 : 1,
        .server_version = ADMIN_SERVER_VERSION,
        .connection_id = session->context.connection_id,
        .capabilities = OFFERED,
        .timeout_ms = LOGIN_TIMEOUT_MS,
        .object = "admin",
        .tls = pipeline_tls(session->port->pipeline)->admin,
        .schema = ADMIN_SCHEMA,
    };
    session->login = server_login_start(session->port->loop, session->channel, &options, on_login, session);
}

struct admin_session *admin_session_start(const struct admin_port *port, int fd, uint32_t connection_id,
                                          bool is_full)
{
    struct admin_session *session = xcalloc(1, sizeof(*session));
    struct channel_callbacks callbacks;
    session->port = port;
    session->context = (struct admin_context){
        .admin = port->admin,
        .worker = port->worker,
        .label = session->label,
        .pipeline = port->pipeline,
        .connection_id = connection_id,
    };
    session->channel =
        channel_new(port->loop, fd, SERVER_LOGIN_PAYLOAD_MAX, callbacks_of(session, &callbacks));
    snprintf(session->context.peer, sizeof(session->context.peer), "%s", channel_peer(session->channel));
    if (is_full)
        refuse_full(session);
    else
        start_login(session);
    return session;
}
