/* The thread of admin_worker.h and its queue. */
#include "proxy/admin_worker.h"

#include "protocol/xalloc.h"
#include "proxy/admin_sql.h"
#include "proxy/clock.h"
#include "proxy/log.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOOP_SHARE = 50, OWN_SHARE = 20, PAUSE_MIN_US = 1000, PAUSE_MAX_US = 20000 };

struct job {
    struct admin_worker *worker;
    struct admin_context context;
    struct admin_query query;
    struct resultset_writer out;
    bool is_taken;
    bool is_filled;
    uint64_t loop_us; /* what filling took */
    struct job *next; /* of the worker's, oldest first */
};

struct admin_worker {
    struct loop *loop;
    struct admin_sql *sql; /* the thread's, except for filling */
    admin_worker_fn *on_done;
    void *argument;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows, and in each job is_taken and is_filled */
    pthread_cond_t changed;
    struct job *jobs; /* all that are not answered */
    uint32_t running; /* the connection whose query is being executed; 0: none */
    bool is_stopped;
};

static void job_free(struct job *job)
{
    admin_query_release(&job->query);
    resultset_writer_release(&job->out);
    free(job);
}

/* ---- on the loop ---- */

static void on_fill(void *argument)
{
    struct job *job = argument;
    struct admin_worker *worker = job->worker;
    uint64_t began_us = clock_monotonic_us();
    admin_sql_fill(worker->sql);
    job->loop_us = clock_monotonic_us() - began_us;
    pthread_mutex_lock(&worker->mutex);
    job->is_filled = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

static void on_answered(void *argument)
{
    struct job *job = argument;
    struct admin_worker *worker = job->worker;
    log_debug("admin", "query of connection %" PRIu32 ": %" PRIu64 " us of the loop",
              job->context.connection_id, job->loop_us);
    pthread_mutex_lock(&worker->mutex);
    struct job **link = &worker->jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    pthread_mutex_unlock(&worker->mutex);
    worker->on_done(worker->argument, job->context.connection_id, &job->out);
    job_free(job);
}

void admin_worker_submit(struct admin_worker *worker, const struct admin_context *context,
                         struct admin_query *query, const struct resultset_writer *out)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->worker = worker;
    job->context = *context;
    job->query = *query;
    *query = (struct admin_query){.text = NULL};
    resultset_writer_init(&job->out, out->caps, out->sequence);
    pthread_mutex_lock(&worker->mutex);
    struct job **link = &worker->jobs;
    while (*link != NULL)
        link = &(*link)->next;
    *link = job;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

void admin_worker_interrupt(struct admin_worker *worker, uint32_t connection_id)
{
    pthread_mutex_lock(&worker->mutex);
    if (worker->running == connection_id)
        admin_sql_interrupt(worker->sql);
    pthread_mutex_unlock(&worker->mutex);
}

/* ---- on the thread ---- */

static struct job *find_waiting(struct admin_worker *worker)
{
    struct job *job = worker->jobs;
    while (job != NULL && job->is_taken)
        job = job->next;
    return job;
}

/* NULL: the end. */
static struct job *take_job(struct admin_worker *worker)
{
    struct job *job = NULL;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->is_stopped && (job = find_waiting(worker)) == NULL)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    if (worker->is_stopped)
        job = NULL;
    if (job != NULL) {
        job->is_taken = true;
        worker->running = job->context.connection_id;
    }
    pthread_mutex_unlock(&worker->mutex);
    return job;
}

/* False: the end. */
static bool wait_filled(struct admin_worker *worker, struct job *job)
{
    loop_post(worker->loop, on_fill, job);
    pthread_mutex_lock(&worker->mutex);
    while (!worker->is_stopped && !job->is_filled)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    bool is_filled = !worker->is_stopped;
    pthread_mutex_unlock(&worker->mutex);
    return is_filled;
}

static bool run_job(struct admin_worker *worker, struct job *job)
{
    bool is_running = true;
    if (admin_sql_prepare(worker->sql, &job->context, &job->query, &job->out)) {
        is_running = wait_filled(worker, job);
        if (is_running)
            admin_sql_execute(worker->sql, &job->query, &job->out);
        else
            admin_sql_cancel(worker->sql);
    }
    pthread_mutex_lock(&worker->mutex);
    worker->running = 0;
    pthread_mutex_unlock(&worker->mutex);
    return is_running;
}

/*
 * Many clients that ask without a pause get a fiftieth of the loop's time and a twentieth of a processor. The
 * thread has the usual priority: one that was put off while it holds a lock would put the loop off too.
 */
static void pause_after(uint64_t loop_us, uint64_t own_us)
{
    uint64_t pause_us = loop_us * LOOP_SHARE;
    if (pause_us < own_us * OWN_SHARE)
        pause_us = own_us * OWN_SHARE;
    if (pause_us < PAUSE_MIN_US)
        pause_us = PAUSE_MIN_US;
    usleep((useconds_t)(pause_us > PAUSE_MAX_US ? PAUSE_MAX_US : pause_us));
}

static uint64_t own_time_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void *run(void *argument)
{
    struct admin_worker *worker = argument;
    struct job *job;
    uint64_t began_us = own_time_us();
    while ((job = take_job(worker)) != NULL && run_job(worker, job)) {
        uint64_t loop_us = job->loop_us;
        loop_post(worker->loop, on_answered, job);
        pause_after(loop_us, own_time_us() - began_us);
        began_us = own_time_us();
    }
    return NULL;
}

/* ---- life ---- */

struct admin_worker *admin_worker_new(struct loop *loop, struct pipeline *pipeline, admin_worker_fn *on_done,
                                      void *argument)
{
    struct admin_worker *worker = xcalloc(1, sizeof(*worker));
    worker->loop = loop;
    worker->sql = admin_sql_new(pipeline);
    worker->on_done = on_done;
    worker->argument = argument;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    assert(failed == 0);
    (void)failed;
    return worker;
}

void admin_worker_free(struct admin_worker **worker)
{
    struct admin_worker *old = *worker;
    if (old == NULL)
        return;
    *worker = NULL;
    pthread_mutex_lock(&old->mutex);
    old->is_stopped = true;
    pthread_cond_signal(&old->changed);
    pthread_mutex_unlock(&old->mutex);
    pthread_join(old->thread, NULL);
    while (old->jobs != NULL) {
        struct job *job = old->jobs;
        old->jobs = job->next;
        job_free(job);
    }
    admin_sql_free(&old->sql);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->mutex);
    free(old);
}
