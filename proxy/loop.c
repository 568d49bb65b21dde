/* The event loop of loop.h: libevent underneath, an eventfd for posts from other threads. */
#include "proxy/loop.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct task {
    loop_fn *fn;
    void *argument;
};

struct tasks {
    struct task *items;
    size_t count;
    size_t room;
};

struct loop {
    struct event_base *base;
    struct event *wake_up;
    int wake_up_fd;
    pthread_mutex_t mutex; /* guards posted */
    struct tasks posted;
    struct tasks deferred;
    struct tasks running_posted; /* the loop's own; each takes turns with the list that it empties */
    struct tasks running_deferred;
    struct event *end_of_turn; /* a zero timer that runs what is deferred */
    bool is_stopped;
};

static void tasks_add(struct tasks *tasks, loop_fn *fn, void *argument)
{
    if (tasks->count == tasks->room) {
        tasks->room = tasks->room == 0 ? 16 : tasks->room * 2;
        tasks->items = xrealloc(tasks->items, tasks->room * sizeof(*tasks->items));
    }
    tasks->items[tasks->count++] = (struct task){fn, argument};
}

/* The list is empty and usable again while what was in it runs. */
static struct tasks *tasks_swap(struct tasks *tasks, struct tasks *empty)
{
    struct tasks taken = *tasks;
    *tasks = *empty;
    *empty = taken;
    return empty;
}

static void tasks_run(struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->count; i++)
        tasks->items[i].fn(tasks->items[i].argument);
    tasks->count = 0;
}

static void on_end_of_turn(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    struct loop *loop = argument;
    tasks_run(tasks_swap(&loop->deferred, &loop->running_deferred));
}

/* The eventfd is edge-triggered: nobody has to read its count. */
static void on_wake_up(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    struct loop *loop = argument;
    pthread_mutex_lock(&loop->mutex);
    struct tasks *tasks = tasks_swap(&loop->posted, &loop->running_posted);
    pthread_mutex_unlock(&loop->mutex);
    tasks_run(tasks);
}

struct loop *loop_new(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    struct event_config *config = event_config_new();
    assert(config != NULL);
    event_config_set_flag(config,
                          EVENT_BASE_FLAG_NOLOCK); /* and no precise timers: they cost a call each turn */
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    loop->wake_up_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert(loop->base != NULL && loop->wake_up_fd >= 0);
    pthread_mutex_init(&loop->mutex, NULL);
    loop->wake_up = event_new(loop->base, loop->wake_up_fd, EV_READ | EV_ET | EV_PERSIST, on_wake_up, loop);
    loop->end_of_turn = event_new(loop->base, -1, 0, on_end_of_turn, loop);
    event_add(loop->wake_up, NULL);
    return loop;
}

void loop_free(struct loop **loop)
{
    struct loop *old = *loop;
    if (old == NULL)
        return;
    *loop = NULL;
    while (old->posted.count > 0 || old->deferred.count > 0) {
        on_wake_up(old->wake_up_fd, 0, old);
        on_end_of_turn(-1, 0, old);
    }
    event_free(old->end_of_turn);
    event_free(old->wake_up);
    close(old->wake_up_fd);
    event_base_free(old->base);
    pthread_mutex_destroy(&old->mutex);
    free(old->posted.items);
    free(old->deferred.items);
    free(old->running_posted.items);
    free(old->running_deferred.items);
    free(old);
}

void loop_run(struct loop *loop)
{
    while (!loop->is_stopped && event_base_loop(loop->base, EVLOOP_ONCE) == 0)
        ;
}

static void stop(void *argument)
{
    struct loop *loop = argument;
    loop->is_stopped = true;
    event_base_loopbreak(loop->base);
}

void loop_stop(struct loop *loop)
{
    loop_post(loop, stop, loop);
}

void loop_post(struct loop *loop, loop_fn *fn, void *argument)
{
    pthread_mutex_lock(&loop->mutex);
    bool was_empty = loop->posted.count == 0;
    tasks_add(&loop->posted, fn, argument);
    pthread_mutex_unlock(&loop->mutex);
    if (was_empty) {
        uint64_t one = 1;
        ssize_t ignored = write(loop->wake_up_fd, &one, sizeof(one));
        (void)ignored;
    }
}

void loop_defer(struct loop *loop, loop_fn *fn, void *argument)
{
    tasks_add(&loop->deferred, fn, argument);
    static const struct timeval now = {0, 0};
    if (loop->deferred.count == 1)
        event_add(loop->end_of_turn, &now);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}
