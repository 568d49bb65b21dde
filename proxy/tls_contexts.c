/* The contexts of tls_contexts.h. */
#include "proxy/tls_contexts.h"

#include "proxy/log.h"

#include <stdio.h>
#include <string.h>

enum result tls_contexts_init(struct tls_contexts *contexts, const struct config *config)
{
    const struct {
        const char *section;
        enum tls_side side;
        const struct tls_settings *settings;
        struct tls_context **context;
    } places[] = {
        {"source",      TLS_CLIENT, &config->source.tls,      &contexts->source     },
        {"app",         TLS_SERVER, &config->app.tls,         &contexts->app        },
        {"replication", TLS_SERVER, &config->replication.tls, &contexts->replication},
        {"admin",       TLS_SERVER, &config->admin.tls,       &contexts->admin      },
    };
    char error[TLS_ERROR_MAX];
    *contexts = (struct tls_contexts){0};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (tls_context_new(places[i].side, places[i].settings, places[i].context, error) == RESULT_OK)
            continue;
        log_error("tls", "[%s] %s", places[i].section, error);
        tls_contexts_release(contexts);
        return RESULT_MALFORMED;
    }
    return RESULT_OK;
}

void tls_contexts_release(struct tls_contexts *contexts)
{
    tls_context_free(&contexts->source);
    tls_context_free(&contexts->app);
    tls_context_free(&contexts->replication);
    tls_context_free(&contexts->admin);
}

static unsigned reload(struct tls_context *context, const char *section, char *problems, size_t max)
{
    char error[TLS_ERROR_MAX];
    if (!tls_context_is_on(context))
        return 0;
    if (tls_context_reload(context, error) != RESULT_OK) {
        size_t length = strlen(problems);
        snprintf(problems + length, max - length, "%s[%s] %s", length > 0 ? "; " : "", section, error);
    }
    return 1;
}

unsigned tls_contexts_reload(struct tls_contexts *contexts, char *ret_problems, size_t problems_max)
{
    ret_problems[0] = '\0';
    return reload(contexts->source, "source", ret_problems, problems_max) +
           reload(contexts->app, "app", ret_problems, problems_max) +
           reload(contexts->replication, "replication", ret_problems, problems_max) +
           reload(contexts->admin, "admin", ret_problems, problems_max);
}
