/*
 * Who else is attached to the source. Other semi-sync replicas release its waits without asking us, so their
 * presence is no source that can be let in; it is looked for at each look-over, and every few seconds while
 * the source is followed.
 */
#include "proxy/source_check_parts.h"

#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEERS_TIMEOUT_SECONDS = 2 };

enum result source_check_read_status(struct source_check *check, const char *pattern, uint64_t *ret_value)
{
    struct sql_rows *rows;
    char sql[SOURCE_STATEMENT_MAX];
    snprintf(sql, sizeof(sql), "SHOW GLOBAL STATUS LIKE '%s'", pattern);
    enum result result = sql_client_run(check->client, sql, &rows);
    if (result != RESULT_OK)
        return result;
    const char *text = sql_rows_text(rows, 0, 1);
    *ret_value = text == NULL ? 0 : strtoull(text, NULL, 10);
    sql_rows_free(&rows);
    return RESULT_OK;
}

/* Names of the replicas registered at the source that are not ackgate; an old connection of ours may still be
 * there. */
static void name_other_replicas(struct source_check *check, char *ret_names, size_t names_max,
                                unsigned *ret_ours, unsigned *ret_others)
{
    struct sql_rows *rows;
    size_t length = 0;
    enum result result = sql_client_run(check->client, "SHOW REPLICAS", &rows);
    if (result == RESULT_UNSUPPORTED)
        result = sql_client_run(check->client, "SHOW SLAVE HOSTS", &rows);
    ret_names[0] = '\0';
    for (size_t i = 0; result == RESULT_OK && i < sql_rows_count(rows) && length < names_max; i++) {
        const char *id = sql_rows_text(rows, i, 0);
        const char *host = sql_rows_text(rows, i, 1);
        const char *port = sql_rows_text(rows, i, 2);
        if (id != NULL && strtoul(id, NULL, 10) == check->config->source.server_id) {
            *ret_ours += 1;
            continue;
        }
        int added =
            snprintf(ret_names + length, names_max - length, "%sserver_id %s (%s:%s)",
                     *ret_others == 0 ? "" : ", ", log_quote_text(id == NULL ? "?" : id),
                     log_quote_text(host == NULL ? "" : host), log_quote_text(port == NULL ? "?" : port));
        length += added > 0 ? (size_t)added : 0;
        *ret_others += 1;
    }
    if (result == RESULT_OK)
        sql_rows_free(&rows);
}

enum result source_check_other_replicas(struct source_check *check)
{
    uint64_t clients = 0;
    unsigned ours = 0;
    unsigned others = 0;
    char names[SOURCE_TEXT_MAX * 2];
    /* …_source_clients or …_master_clients */
    enum result result = source_check_read_status(check, "Rpl\\_semi\\_sync\\_%\\_clients", &clients);
    if (result != RESULT_OK || clients == 0 || !check->config->source.is_semi_sync)
        return result;
    name_other_replicas(check, names, sizeof(names), &ours, &others);
    if (others == 0 || clients <= ours)
        return RESULT_OK;
    source_check_add_reason(
        check,
        "%u semi-sync replicas are attached to it beside ackgate, of %s: their acks release its commits "
        "without the quorum. Point them to ackgate's replication port, or switch semi-sync off on them",
        (unsigned)clients - ours, names);
    return RESULT_CONFLICT;
}

enum result source_check_peers(const struct config *config, char ret_reason[SOURCE_REASON_MAX])
{
    struct source_check check = {.config = config, .reason = ret_reason};
    ret_reason[0] = '\0';
    enum result result = source_check_open(&check, PEERS_TIMEOUT_SECONDS);
    if (result == RESULT_OK)
        result = source_check_other_replicas(&check);
    sql_client_close(&check.client);
    return result;
}
