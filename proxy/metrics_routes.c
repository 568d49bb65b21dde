/* The paths of metrics_routes.h. */
#include "proxy/metrics_routes.h"

#include "protocol/xalloc.h"
#include "proxy/metrics_ready.h"
#include "proxy/metrics_text.h"
#include "proxy/page.h"
#include "proxy/status_json.h"

static struct http_response answer_ready(struct pipeline *pipeline)
{
    char reason[READY_REASON_MAX];
    bool is_ready = metrics_is_ready(pipeline, reason);
    return http_response_of_owned(is_ready ? 200 : 503, NULL, xasprintf("%s\n", reason));
}

struct http_response metrics_answer(struct pipeline *pipeline, const struct status_history *history,
                                    const struct http_request *request)
{
    struct page_file file;
    if (span_is_text(request->path, "/metrics"))
        return http_response_of_owned(200, METRICS_TEXT_TYPE, metrics_text_format(pipeline));
    if (span_is_text(request->path, "/healthz"))
        return http_response_of_text(200, "ok\n");
    if (span_is_text(request->path, "/readyz"))
        return answer_ready(pipeline);
    if (span_is_text(request->path, "/status.json"))
        return http_response_of_owned(200, STATUS_JSON_TYPE, status_json_format(pipeline, history));
    if (page_find(request->path, &file))
        return (struct http_response){.status = 200, .type = file.type, .body = file.bytes};
    return http_response_of_text(404, "there are /, /status.json, /metrics, /healthz and /readyz\n");
}
