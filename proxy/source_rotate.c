/* The rotation of source_rotate.h. */
#include "proxy/source_rotate.h"

#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <pthread.h>
#include <stdlib.h>

/* The thread owns all but `rotate`. */
struct rotate_job {
    struct source_rotate *rotate; /* NULL: nobody waits for the answer any more */
    struct loop *loop;
    const struct config *config;
    uint32_t connection_id;
    char *error; /* NULL: done */
};

struct source_rotate {
    struct loop *loop;
    const struct config *config;
    source_rotate_fn *on_done;
    void *argument;
    pthread_t thread;
    struct rotate_job *job; /* not NULL while one is on its way */
};

static void ask(struct rotate_job *job)
{
    const struct config *config = job->config;
    struct sql_client_options options = {
        .host = config->source.host,
        .port = config->source.port,
        .user = config->source.user,
        .password = config->source.password,
        .tls = &config->source.tls,
        .timeout_seconds = (unsigned)(config->source.connect_timeout_ms / 1000 + 1),
    };
    struct sql_client *client;
    char *error;
    if (sql_client_open(&options, &client, &error) != RESULT_OK) {
        job->error = xasprintf("the source cannot be asked: %s", log_quote_text(error));
        free(error);
        return;
    }
    if (sql_client_run(client, "FLUSH BINARY LOGS", NULL) != RESULT_OK)
        job->error = xasprintf("the source did not rotate: %s. %s needs the RELOAD privilege there, and a "
                               "rotation waits for commits that wait for the quorum",
                               log_quote_text(sql_client_error(client)), log_quote_text(config->source.user));
    sql_client_close(&client);
}

static void on_answered(void *argument)
{
    struct rotate_job *job = argument;
    struct source_rotate *rotate = job->rotate;
    if (rotate != NULL) {
        pthread_join(rotate->thread, NULL);
        rotate->job = NULL;
        rotate->on_done(rotate->argument, job->connection_id, job->error);
    }
    free(job->error);
    free(job);
}

static void *run(void *argument)
{
    struct rotate_job *job = argument;
    ask(job);
    loop_post(job->loop, on_answered, job);
    return NULL;
}

struct source_rotate *source_rotate_new(struct loop *loop, const struct config *config,
                                        source_rotate_fn *on_done, void *argument)
{
    struct source_rotate *rotate = xcalloc(1, sizeof(*rotate));
    rotate->loop = loop;
    rotate->config = config;
    rotate->on_done = on_done;
    rotate->argument = argument;
    return rotate;
}

enum result source_rotate_start(struct source_rotate *rotate, uint32_t connection_id)
{
    if (rotate->job != NULL)
        return RESULT_CONFLICT;
    struct rotate_job *job = xcalloc(1, sizeof(*job));
    job->rotate = rotate;
    job->loop = rotate->loop;
    job->config = rotate->config;
    job->connection_id = connection_id;
    if (pthread_create(&rotate->thread, NULL, run, job) != 0) {
        free(job);
        return RESULT_IO;
    }
    rotate->job = job;
    return RESULT_OK;
}

void source_rotate_free(struct source_rotate **rotate)
{
    struct source_rotate *old = *rotate;
    if (old == NULL)
        return;
    *rotate = NULL;
    if (old->job != NULL) {
        pthread_join(old->thread, NULL);
        old->job->rotate = NULL; /* its answer is posted and will be dropped */
    }
    free(old);
}
