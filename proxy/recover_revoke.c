/* A discard that was never carried out: taking it back. The rest of recover_source.h. */
#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "proxy/pipeline_parts.h"
#include "proxy/recover_source.h"

#include <stdio.h>
#include <stdlib.h>

static bool complete_one(void *argument, const struct gtid_mariadb *gtid)
{
    struct gtid one = {.flavor = FLAVOR_MARIADB, .mariadb = *gtid};
    char gtid_text[GTID_TEXT_MAX];
    char text[GTID_TEXT_MAX + 64];
    snprintf(text, sizeof(text), "RESOLVE '%s' COMPLETE by the verdict", gtid_format(&one, gtid_text));
    recover_put_override(argument, text);
    return true;
}

/* The last discard that cuts the source's binlog; NULL: none does. */
static const struct journal_discarded *latest_cut(const struct journal_state *state)
{
    for (size_t i = state->discards_count; i > 0; i--)
        if (state->discards[i - 1].kept_as[0] != '\0')
            return &state->discards[i - 1];
    return NULL;
}

/*
 * The latest cut was never carried out at the source (its answer did not get there), and meanwhile too much
 * is unknown to say the same again: what it named is kept after all. On MariaDB admission would still ask
 * whether the engine has it; MySQL's gtid_executed tells by itself.
 */
enum result recover_revoke_latest(struct pipeline *pipeline, const struct tail *tail,
                                  const struct verdict *verdict)
{
    const struct journal_discarded *latest = latest_cut(journal_sink_state(pipeline->journal));
    bool is_kept = false;
    bool are_all;
    if (latest == NULL || tail->flavor != FLAVOR_MARIADB || verdict->overall != VERDICT_NOTHING)
        return RESULT_OK;
    for (size_t i = 0; i < tail->txn_count; i++)
        is_kept = is_kept || position_equal(tail_txn_start(&tail->txns[i]), latest->from);
    if (!is_kept)
        return RESULT_OK;
    log_warn("recovery", "%.1000s is in the source's binlog still, and is completed after all",
             latest->gtids);
    char *gtids = xstrdup(latest->gtids);
    enum result result = gtid_list_parse_each(span_of_text(gtids), complete_one, pipeline, &are_all);
    free(gtids);
    return result == RESULT_OK ? journal_sink_settle(pipeline->journal) : result;
}
