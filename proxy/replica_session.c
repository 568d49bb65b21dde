/* The variables of replica_session.h. */
#include "proxy/replica_session.h"

#include "protocol/gtid.h"
#include "protocol/xalloc.h"

#include <stdlib.h>
#include <string.h>

void replica_session_release(struct replica_session *session)
{
    for (size_t i = 0; i < session->count; i++) {
        free(session->variables[i].name);
        free(session->variables[i].value);
    }
    session->count = 0;
}

const struct session_variable *replica_session_find(const struct replica_session *session, struct span name)
{
    for (size_t i = 0; i < session->count; i++)
        if (span_is_text_nocase(name, session->variables[i].name))
            return &session->variables[i];
    return NULL;
}

static struct session_variable *find_or_add(struct replica_session *session, struct span name)
{
    for (size_t i = 0; i < session->count; i++)
        if (span_is_text_nocase(name, session->variables[i].name))
            return &session->variables[i];
    if (session->count == SESSION_VARIABLES_MAX)
        return NULL;
    struct session_variable *variable = &session->variables[session->count++];
    *variable = (struct session_variable){.name = xstrndup((const char *)name.data, name.length)};
    return variable;
}

enum result replica_session_set(struct replica_session *session, struct span name, struct span value)
{
    struct session_variable *variable = find_or_add(session, name);
    if (variable == NULL)
        return RESULT_FULL;
    char *copy = NULL;
    if (value.data != NULL) {
        copy = xmalloc(value.length + 1);
        memcpy(copy, value.data, value.length);
        copy[value.length] = '\0';
    }
    free(variable->value);
    variable->value = copy;
    variable->length = copy == NULL ? 0 : value.length;
    return RESULT_OK;
}

bool replica_session_text(const struct replica_session *session, const char *name, struct span *ret_text)
{
    const struct session_variable *variable = replica_session_find(session, span_of_text(name));
    if (variable == NULL || variable->value == NULL)
        return false;
    *ret_text = (struct span){(const uint8_t *)variable->value, variable->length};
    return true;
}

/* Of two names the newer goes first. */
static bool either_text(const struct replica_session *session, const char *name, const char *old_name,
                        struct span *ret_text)
{
    return replica_session_text(session, name, ret_text) || replica_session_text(session, old_name, ret_text);
}

uint64_t replica_session_heartbeat_ms(const struct replica_session *session)
{
    struct span text;
    if (!either_text(session, "source_heartbeat_period", "master_heartbeat_period", &text))
        return 0;
    uint64_t period_ns = strtoull((const char *)text.data, NULL, 10);
    uint64_t period_ms = period_ns / 1000000;
    return period_ns > 0 && period_ms == 0 ? 1 : period_ms;
}

enum session_checksum replica_session_checksum(const struct replica_session *session)
{
    struct span text;
    if (!either_text(session, "source_binlog_checksum", "master_binlog_checksum", &text))
        return SESSION_CHECKSUM_UNKNOWN;
    bool is_crc32 = span_is_text_nocase(text, "CRC32") || span_is_text(text, "1");
    return is_crc32 ? SESSION_CHECKSUM_CRC32 : SESSION_CHECKSUM_NONE;
}

bool replica_session_is_semi_sync(const struct replica_session *session)
{
    struct span text;
    return either_text(session, "rpl_semi_sync_replica", "rpl_semi_sync_slave", &text) &&
           strtoull((const char *)text.data, NULL, 10) != 0;
}

void replica_session_uuid(const struct replica_session *session, char ret_uuid[37])
{
    struct span text;
    uint8_t uuid[UUID_BYTES];
    ret_uuid[0] = '\0';
    if (either_text(session, "replica_uuid", "slave_uuid", &text) && uuid_parse(text, uuid) == RESULT_OK)
        uuid_format(uuid, ret_uuid);
}

bool replica_session_is_mysql(const struct replica_session *session)
{
    struct span text;
    return either_text(session, "replica_uuid", "slave_uuid", &text);
}

bool replica_session_is_mariadb(const struct replica_session *session)
{
    struct span text;
    return replica_session_text(session, "mariadb_slave_capability", &text);
}
