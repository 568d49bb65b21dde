/*
 * The daemon's loop, timers, clocks and disk thread (proxy/loop.h, timer.h, clock.h, disk.h) over virtual
 * time. Posting and timers are items of the schedule; what is deferred runs when the step is over.
 */
#include "test/sim/loop.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/disk.h"
#include "proxy/timer.h"
#include "test/sim/dice.h"
#include "test/sim/files.h"
#include "test/sim/schedule.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEFERRED_MAX = 1024, QUEUE_MAX = 256 };

static const uint64_t start_of_time_ms = 1000000;
static const uint64_t start_of_wall_ms = UINT64_C(1800000000000);

uint64_t clock_monotonic_us(void)
{
    return start_of_time_ms * 1000 + schedule_now_us();
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

uint64_t clock_wall_ms(void)
{
    return start_of_wall_ms + schedule_now_us() / 1000;
}

/* ---- the loop ---- */

struct task {
    loop_fn *fn;
    void *argument;
};

struct loop {
    struct task deferred[DEFERRED_MAX];
    size_t count;
    struct task posted[QUEUE_MAX]; /* items of the schedule run them one by one */
    size_t posted_count;
};

struct loop *loop_new(void)
{
    return xcalloc(1, sizeof(struct loop));
}

void sim_loop_turn_over(struct loop *loop)
{
    while (loop->count > 0) {
        struct task tasks[DEFERRED_MAX];
        size_t count = loop->count;
        memcpy(tasks, loop->deferred, count * sizeof(*tasks));
        loop->count = 0;
        for (size_t i = 0; i < count; i++)
            tasks[i].fn(tasks[i].argument);
    }
}

static void run_posted(void *argument)
{
    struct loop *loop = argument;
    struct task task = loop->posted[0];
    memmove(loop->posted, loop->posted + 1, --loop->posted_count * sizeof(task));
    task.fn(task.argument);
}

void sim_loop_forget(struct loop *loop, const void *argument)
{
    size_t kept = 0;
    for (size_t i = 0; i < loop->posted_count; i++)
        if (loop->posted[i].argument != argument)
            loop->posted[kept++] = loop->posted[i];
    loop->posted_count = kept;
}

void loop_free(struct loop **loop)
{
    while ((*loop)->posted_count > 0 || (*loop)->count > 0) {
        sim_loop_turn_over(*loop);
        if ((*loop)->posted_count > 0)
            run_posted(*loop);
    }
    free(*loop);
    *loop = NULL;
}

void loop_post(struct loop *loop, loop_fn *fn, void *argument)
{
    assert(loop->posted_count < QUEUE_MAX);
    loop->posted[loop->posted_count++] = (struct task){fn, argument};
    schedule_after(0, GROUP_DAEMON, run_posted, loop);
}

void loop_defer(struct loop *loop, loop_fn *fn, void *argument)
{
    assert(loop->count < DEFERRED_MAX);
    loop->deferred[loop->count++] = (struct task){fn, argument};
}

/* ---- timers ---- */

struct event { /* what a timer's watcher is here */
    struct timer *timer;
    uint64_t id; /* in the schedule; 0: not running */
};

static void on_due(void *argument)
{
    struct event *watcher = argument;
    watcher->id = 0;
    watcher->timer->fn(watcher->timer->argument);
}

void timer_init(struct timer *timer, struct loop *loop, loop_fn *fn, void *argument)
{
    (void)loop;
    *timer = (struct timer){xcalloc(1, sizeof(struct event)), fn, argument};
    timer->watcher->timer = timer;
}

void timer_release(struct timer *timer)
{
    if (timer->watcher == NULL)
        return;
    timer_stop(timer);
    free(timer->watcher);
    timer->watcher = NULL;
}

void timer_start(struct timer *timer, uint64_t delay_ms)
{
    schedule_cancel(timer->watcher->id);
    timer->watcher->id = schedule_after(delay_ms * 1000, GROUP_DAEMON, on_due, timer->watcher);
}

void timer_stop(struct timer *timer)
{
    if (timer->watcher == NULL)
        return;
    schedule_cancel(timer->watcher->id);
    timer->watcher->id = 0;
}

bool timer_is_running(const struct timer *timer)
{
    return timer->watcher != NULL && timer->watcher->id != 0;
}

/* ---- the disk thread ---- */

struct request {
    int fd;
    disk_done_fn *on_done;
    void *argument;
};

struct disk {
    struct request queue[QUEUE_MAX];
    size_t count;
    uint64_t id;   /* of the item that ends the running one; 0: none runs */
    uint64_t mark; /* what the running one covers */
};

static void end_first(struct disk *disk)
{
    struct request request = disk->queue[0];
    memmove(disk->queue, disk->queue + 1, --disk->count * sizeof(*disk->queue));
    disk->id = 0;
    int reason = files_sync_end(request.fd, disk->mark) == 0 ? 0 : errno;
    request.on_done(request.argument, reason, 100);
}

static void run_next(struct disk *disk);

static void on_sync_over(void *argument)
{
    struct disk *disk = argument;
    end_first(disk);
    run_next(disk);
}

static void run_next(struct disk *disk)
{
    if (disk->id != 0 || disk->count == 0)
        return;
    uint64_t took_us = dice_chance(20) ? dice_between(20000, 3000000) : dice_between(50, 3000);
    disk->mark = files_sync_begin(disk->queue[0].fd);
    disk->id = schedule_after(took_us, GROUP_DAEMON, on_sync_over, disk);
}

struct disk *disk_new(struct loop *loop)
{
    (void)loop;
    return xcalloc(1, sizeof(struct disk));
}

void disk_sync(struct disk *disk, int fd, disk_done_fn *on_done, void *argument)
{
    assert(disk->count < QUEUE_MAX);
    disk->queue[disk->count++] = (struct request){fd, on_done, argument};
    run_next(disk);
}

void disk_wait(struct disk *disk)
{
    while (disk->count > 0) {
        if (disk->id == 0)
            disk->mark = files_sync_begin(disk->queue[0].fd);
        schedule_cancel(disk->id);
        end_first(disk);
    }
}

void disk_free(struct disk **disk)
{
    if (*disk == NULL)
        return;
    disk_wait(*disk);
    free(*disk);
    *disk = NULL;
}
