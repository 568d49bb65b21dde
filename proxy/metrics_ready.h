/*
 * Whether an application that connects now would be served and could commit: /readyz, and the status page's
 * headline.
 */
#ifndef ACKGATE_PROXY_METRICS_READY_H
#define ACKGATE_PROXY_METRICS_READY_H

#include "proxy/pipeline.h"

enum { READY_REASON_MAX = VIEW_REASON + VIEW_TEXT };

/*
 * Ready: the source is open, the quorum rule is satisfied, ackgate is neither paused nor stopping, and its
 * own disk takes what is written. ret_reason: a sentence either way, without a newline.
 */
bool metrics_is_ready(struct pipeline *pipeline, char ret_reason[READY_REASON_MAX]);

#endif
