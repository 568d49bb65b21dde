/* The helper thread of source_asker.h. */
#include "proxy/source_asker.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* One question on its way; the thread owns all but `asker`. */
struct job {
    struct source_asker *asker; /* NULL: freed meanwhile */
    struct loop *loop;
    const struct config *config;
    enum source_question question;
    uint64_t stream_id;
    struct source_check_request request;
    struct source_facts facts;
    enum result result;
    char reason[SOURCE_REASON_MAX];
};

struct source_asker {
    struct loop *loop;
    const struct config *config;
    source_answer_fn *fn;
    void *argument;
    pthread_t thread;
    struct job *job; /* not NULL while the thread runs or its answer is on its way */
};

struct source_asker *source_asker_new(struct loop *loop, const struct config *config, source_answer_fn *fn,
                                      void *argument)
{
    struct source_asker *asker = xcalloc(1, sizeof(*asker));
    *asker = (struct source_asker){.loop = loop, .config = config, .fn = fn, .argument = argument};
    return asker;
}

static void job_free(struct job *job)
{
    source_facts_release(&job->facts);
    source_check_request_release(&job->request);
    free(job);
}

void source_asker_free(struct source_asker **asker)
{
    struct source_asker *old = *asker;
    if (old == NULL)
        return;
    *asker = NULL;
    if (old->job != NULL) {
        pthread_join(old->thread, NULL);
        old->job->asker = NULL; /* its answer is posted and will be dropped */
    }
    free(old);
}

bool source_asker_is_busy(const struct source_asker *asker)
{
    return asker->job != NULL;
}

bool source_asker_is_looking(const struct source_asker *asker)
{
    return asker->job != NULL && asker->job->question == SOURCE_LOOK_OVER;
}

static void on_answered(void *argument)
{
    struct job *job = argument;
    struct source_asker *asker = job->asker;
    if (asker != NULL) {
        const struct source_answer answer = {.question = job->question,
                                             .stream_id = job->stream_id,
                                             .result = job->result,
                                             .facts = &job->facts,
                                             .reason = job->reason};
        pthread_join(asker->thread, NULL);
        asker->job = NULL;
        asker->fn(asker->argument, &answer);
    }
    job_free(job);
}

static void *run(void *argument)
{
    struct job *job = argument;
    switch (job->question) {
    case SOURCE_LOOK_OVER:
        job->result = source_check(job->config, &job->request, &job->facts, job->reason);
        break;
    case SOURCE_WHERE_IT_ENDS:
        job->result = source_check_tail(job->config, &job->facts);
        break;
    case SOURCE_WHO_ELSE:
        job->result = source_check_peers(job->config, job->reason);
        break;
    }
    loop_post(job->loop, on_answered, job);
    return NULL;
}

int source_asker_ask(struct source_asker *asker, enum source_question question, uint64_t stream_id,
                     struct source_check_request *request, const struct source_facts *facts)
{
    assert(asker->job == NULL);
    struct job *job = xcalloc(1, sizeof(*job));
    job->asker = asker;
    job->loop = asker->loop;
    job->config = asker->config;
    job->question = question;
    job->stream_id = stream_id;
    job->request = *request;
    *request = (struct source_check_request){0};
    if (question == SOURCE_WHERE_IT_ENDS)
        source_facts_copy(&job->facts, facts);
    asker->job = job;
    int status = pthread_create(&asker->thread, NULL, run, job);
    if (status != 0) {
        asker->job = NULL;
        job_free(job);
    }
    return status;
}
