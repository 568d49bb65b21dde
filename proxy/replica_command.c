/* The command phase of a connection to the replication port: everything before a dump. */
#include "proxy/replica.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "proxy/replica_queries.h"

#include <stdio.h>

static bool on_kill(void *argument, uint64_t connection_id)
{
    return fanout_kill(argument, connection_id);
}

static struct replica_server server_of(struct replica *replica)
{
    struct fanout *fanout = replica->fanout;
    return (struct replica_server){fanout->store, &fanout->identity, replica->id, on_kill, fanout};
}

static void send_written(struct replica *replica, struct resultset_writer *writer)
{
    if (replica->channel != NULL) /* a KILL may have ended this very connection */
        channel_send_framed(replica->channel, (struct span){writer->data, writer->length}, writer->sequence);
    resultset_writer_release(writer);
}

static struct resultset_writer start_answer(const struct replica *replica)
{
    struct resultset_writer writer;
    resultset_writer_init(&writer, replica->session.caps, channel_next_sequence(replica->channel));
    return writer;
}

static void answer_ok(struct replica *replica)
{
    struct response_ok ok = {.status = STATUS_AUTOCOMMIT};
    struct resultset_writer writer = start_answer(replica);
    resultset_writer_ok(&writer, &ok);
    send_written(replica, &writer);
}

static void answer_error(struct replica *replica, uint16_t code, const char *text)
{
    struct resultset_writer writer = start_answer(replica);
    resultset_writer_error(&writer, code, text);
    send_written(replica, &writer);
}

static void answer_query(struct replica *replica, struct span payload)
{
    struct span sql;
    if (command_query_decode(payload, replica->session.caps, &sql) != RESULT_OK) {
        answer_error(replica, ERROR_CODE_PARSE, "ackgate: malformed COM_QUERY");
        return;
    }
    log_debug(replica->label, "query: %s", log_quote(sql));
    struct replica_server server = server_of(replica);
    struct resultset_writer writer = start_answer(replica);
    replica_query_answer(&server, &replica->session, sql, &writer);
    send_written(replica, &writer);
}

static void answer_register(struct replica *replica, struct span payload)
{
    struct command_register command;
    if (command_register_decode(payload, &command) != RESULT_OK) {
        answer_error(replica, ERROR_CODE_UNKNOWN, "ackgate: malformed COM_REGISTER_SLAVE");
        return;
    }
    replica->session.is_registered = true;
    replica->session.server_id = command.server_id;
    replica->session.port = command.port;
    if (span_copy_text(command.host, replica->session.host, sizeof(replica->session.host)) != RESULT_OK)
        replica->session.host[0] = '\0';
    answer_ok(replica);
}

static void answer_kill(struct replica *replica, struct span payload)
{
    uint32_t id;
    char text[64];
    if (command_kill_decode(payload, &id) != RESULT_OK) {
        answer_error(replica, ERROR_CODE_UNKNOWN, "ackgate: malformed COM_PROCESS_KILL");
        return;
    }
    snprintf(text, sizeof(text), "Unknown thread id: %u", id);
    if (!fanout_kill(replica->fanout, id))
        answer_error(replica, ERROR_CODE_NO_SUCH_THREAD, text);
    else if (replica->state == REPLICA_COMMANDS)
        answer_ok(replica);
}

static void answer_eof(struct replica *replica)
{
    uint8_t bytes[32];
    struct writer writer;
    struct response_ok ok = {.header = RESPONSE_HEADER_EOF, .status = STATUS_AUTOCOMMIT};
    writer_init(&writer, bytes, sizeof(bytes));
    if (replica->session.caps & CAP_DEPRECATE_EOF)
        response_ok_encode(&writer, &ok, replica->session.caps);
    else
        response_eof_encode(&writer, (struct response_eof){.status = STATUS_AUTOCOMMIT});
    channel_send(replica->channel, writer_span_written(&writer));
}

static void answer_statistics(struct replica *replica)
{
    char text[96];
    snprintf(text, sizeof(text), "ackgate replication port  Connections: %zu", replica->fanout->count);
    channel_send(replica->channel, span_of_text(text));
}

static void answer_unknown(struct replica *replica, uint8_t command)
{
    char text[96];
    snprintf(text, sizeof(text), "ackgate: %s is not served by the replication port", command_name(command));
    answer_error(replica, ERROR_CODE_UNKNOWN_COMMAND, text);
}

void replica_on_payload(void *argument, struct span payload)
{
    struct replica *replica = argument;
    if (replica->state != REPLICA_COMMANDS)
        return;
    uint8_t command = payload.length > 0 ? payload.data[0] : COMMAND_SLEEP;
    switch (command) {
    case COMMAND_QUERY:
        answer_query(replica, payload);
        break;
    case COMMAND_PING:
    case COMMAND_INIT_DB:
        answer_ok(replica);
        break;
    case COMMAND_RESET_CONNECTION:
        replica_session_release(&replica->session);
        answer_ok(replica);
        break;
    case COMMAND_QUIT:
        replica_end(replica, NULL);
        break;
    case COMMAND_REGISTER_REPLICA:
        answer_register(replica, payload);
        break;
    case COMMAND_BINLOG_DUMP:
    case COMMAND_BINLOG_DUMP_GTID:
        replica_start_dump(replica, payload);
        break;
    case COMMAND_PROCESS_KILL:
        answer_kill(replica, payload);
        break;
    case COMMAND_SET_OPTION:
        answer_eof(replica);
        break;
    case COMMAND_STATISTICS:
        answer_statistics(replica);
        break;
    default:
        answer_unknown(replica, command);
    }
}
