/* The answer of metrics_ready.h: the first thing that stands in the way. */
#include "proxy/metrics_ready.h"

#include <stdio.h>
#include <string.h>

/* What ackgate itself is up to; NULL: nothing that matters. */
static const char *own_obstacle(const struct view_health *health)
{
    if (health->is_stopping)
        return "stopping: no new sessions are taken";
    if (health->is_store_failed)
        return "the store cannot be written: no commit is confirmed";
    if (health->is_journal_failed)
        return "the journal cannot be written: no commit is confirmed";
    return health->is_paused ? "paused: new sessions wait until RESUME" : NULL;
}

bool metrics_is_ready(struct pipeline *pipeline, char ret_reason[READY_REASON_MAX])
{
    struct view_health health;
    struct view_source source;
    struct view_quorum quorum;
    pipeline_view_health(pipeline, &health);
    pipeline_view_source(pipeline, &source);
    pipeline_view_quorum(pipeline, &quorum);
    const char *obstacle = own_obstacle(&health);
    if (obstacle != NULL)
        snprintf(ret_reason, READY_REASON_MAX, "%s", obstacle);
    else if (strcmp(source.state, "open") != 0)
        snprintf(ret_reason, READY_REASON_MAX, "the source is %s%s%s", source.state,
                 source.reason[0] != '\0' ? ": " : "", source.reason);
    else if (!quorum.is_satisfied)
        snprintf(ret_reason, READY_REASON_MAX,
                 "the quorum rule is not satisfied: %s, %u of %u voters attached", quorum.rule,
                 quorum.attached, quorum.voters);
    else
        snprintf(ret_reason, READY_REASON_MAX, "ready");
    return obstacle == NULL && strcmp(source.state, "open") == 0 && quorum.is_satisfied;
}
