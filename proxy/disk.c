/*
 * The disk thread of disk.h: one queue in, one list of results out, both under one mutex. What wakes the
 * thread is a semaphore and not a condition, and it posts what is done after it has let the mutex go: a
 * thread that is woken only to wait for the mutex would cost more than the rest of a hand-over.
 */
#include "proxy/disk.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/disk_io.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct request {
    int fd;
    disk_done_fn *on_done;
    void *argument;
    int reason; /* from here on: when it is done */
    uint64_t took_us;
};

struct requests {
    struct request *items;
    size_t count;
    size_t room;
};

struct disk {
    struct loop *loop;
    pthread_t thread;
    sem_t requests;        /* posted for each, and to stop */
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t is_idle;
    struct requests queued;
    struct requests done;
    bool is_busy;
    bool is_posted; /* a delivery waits on the loop and will look at this struct */
    bool is_stopped;
    bool is_dead; /* freed, but for that delivery */

    struct requests running;   /* the thread's own */
    struct requests delivered; /* the loop's own */
};

static void requests_add(struct requests *requests, const struct request *request)
{
    if (requests->count == requests->room) {
        requests->room = requests->room == 0 ? 8 : requests->room * 2;
        requests->items = xrealloc(requests->items, requests->room * sizeof(*requests->items));
    }
    requests->items[requests->count++] = *request;
}

/* Takes the first request and all others for its descriptor out of the queue. */
static void take_together(struct requests *queued, struct requests *ret_running)
{
    int fd = queued->items[0].fd;
    size_t kept = 0;
    for (size_t i = 0; i < queued->count; i++) {
        if (queued->items[i].fd == fd)
            requests_add(ret_running, &queued->items[i]);
        else
            queued->items[kept++] = queued->items[i];
    }
    queued->count = kept;
}

static void free_memory(struct disk *disk)
{
    pthread_mutex_destroy(&disk->mutex);
    sem_destroy(&disk->requests);
    pthread_cond_destroy(&disk->is_idle);
    free(disk->queued.items);
    free(disk->done.items);
    free(disk->running.items);
    free(disk->delivered.items);
    free(disk);
}

static void deliver(struct disk *disk)
{
    pthread_mutex_lock(&disk->mutex);
    struct requests done = disk->done;
    disk->done = disk->delivered;
    disk->done.count = 0;
    disk->delivered = (struct requests){0};
    pthread_mutex_unlock(&disk->mutex);
    for (size_t i = 0; i < done.count; i++)
        done.items[i].on_done(done.items[i].argument, done.items[i].reason, done.items[i].took_us);
    free(disk->delivered.items);
    disk->delivered = done;
}

static void on_posted(void *argument)
{
    struct disk *disk = argument;
    pthread_mutex_lock(&disk->mutex);
    disk->is_posted = false;
    pthread_mutex_unlock(&disk->mutex);
    if (disk->is_dead)
        free_memory(disk);
    else
        deliver(disk);
}

static void run_together(struct requests *running)
{
    uint64_t started_us = clock_monotonic_us();
    int reason = 0;
    while (disk_io.fdatasync(running->items[0].fd) != 0) {
        if (errno == EINTR)
            continue;
        reason = errno;
        break;
    }
    uint64_t took_us = clock_monotonic_us() - started_us;
    for (size_t i = 0; i < running->count; i++) {
        running->items[i].reason = reason;
        running->items[i].took_us = took_us;
    }
}

/* The next requests. False: there are none (they went with earlier ones), or it is over. */
static bool take_next(struct disk *disk, bool *ret_is_over)
{
    while (sem_wait(&disk->requests) != 0)
        ; /* a signal */
    pthread_mutex_lock(&disk->mutex);
    disk->running.count = 0;
    disk->is_busy = disk->queued.count > 0;
    if (disk->is_busy)
        take_together(&disk->queued, &disk->running);
    else
        *ret_is_over = disk->is_stopped;
    bool is_busy = disk->is_busy;
    pthread_mutex_unlock(&disk->mutex);
    return is_busy;
}

static void *run(void *argument)
{
    struct disk *disk = argument;
    bool is_over = false;
    while (!is_over) {
        if (!take_next(disk, &is_over))
            continue;
        run_together(&disk->running);
        pthread_mutex_lock(&disk->mutex);
        disk->is_busy = false;
        for (size_t i = 0; i < disk->running.count; i++)
            requests_add(&disk->done, &disk->running.items[i]);
        bool is_news = !disk->is_posted;
        disk->is_posted = true;
        pthread_cond_broadcast(&disk->is_idle);
        pthread_mutex_unlock(&disk->mutex);
        if (is_news)
            loop_post(disk->loop, on_posted, disk);
    }
    return NULL;
}

struct disk *disk_new(struct loop *loop)
{
    struct disk *disk = xcalloc(1, sizeof(*disk));
    disk->loop = loop;
    pthread_mutex_init(&disk->mutex, NULL);
    sem_init(&disk->requests, 0, 0);
    pthread_cond_init(&disk->is_idle, NULL);
    int reason = pthread_create(&disk->thread, NULL, run, disk);
    assert(reason == 0);
    (void)reason;
    return disk;
}

void disk_sync(struct disk *disk, int fd, disk_done_fn *on_done, void *argument)
{
    struct request request = {.fd = fd, .on_done = on_done, .argument = argument};
    pthread_mutex_lock(&disk->mutex);
    requests_add(&disk->queued, &request);
    pthread_mutex_unlock(&disk->mutex);
    sem_post(&disk->requests);
}

void disk_wait(struct disk *disk)
{
    bool is_more = true;
    while (is_more) {
        pthread_mutex_lock(&disk->mutex);
        while (disk->queued.count > 0 || disk->is_busy)
            pthread_cond_wait(&disk->is_idle, &disk->mutex);
        pthread_mutex_unlock(&disk->mutex);
        deliver(disk); /* which may have asked for more */
        pthread_mutex_lock(&disk->mutex);
        is_more = disk->queued.count > 0 || disk->is_busy || disk->done.count > 0;
        pthread_mutex_unlock(&disk->mutex);
    }
}

void disk_free(struct disk **disk)
{
    struct disk *old = *disk;
    if (old == NULL)
        return;
    *disk = NULL;
    disk_wait(old);
    pthread_mutex_lock(&old->mutex);
    old->is_stopped = true;
    pthread_mutex_unlock(&old->mutex);
    sem_post(&old->requests);
    pthread_join(old->thread, NULL);
    old->is_dead = true;
    if (!old->is_posted)
        free_memory(old);
}
