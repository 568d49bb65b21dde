/* The schedule of schedule.h: a short list, searched for the earliest item. */
#include "test/sim/schedule.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum { ITEMS_MAX = 4096 };

struct item {
    uint64_t at_us;
    uint64_t id; /* the order of making */
    unsigned group;
    schedule_fn *fn;
    void *argument;
    bool is_owned;
};

static struct item items[ITEMS_MAX];
static size_t count;
static uint64_t now_us;
static uint64_t last_id;
static uint64_t steps;

static void drop(size_t at)
{
    if (items[at].is_owned)
        free(items[at].argument);
    items[at] = items[--count];
}

void schedule_reset(void)
{
    while (count > 0)
        drop(count - 1);
    now_us = last_id = steps = 0;
}

uint64_t schedule_now_us(void)
{
    return now_us;
}

uint64_t schedule_steps(void)
{
    return steps;
}

uint64_t schedule_after(uint64_t delay_us, unsigned group, schedule_fn *fn, void *argument)
{
    assert(count < ITEMS_MAX);
    items[count++] = (struct item){now_us + delay_us, ++last_id, group, fn, argument, false};
    return last_id;
}

uint64_t schedule_after_owned(uint64_t delay_us, unsigned group, schedule_fn *fn, void *argument)
{
    uint64_t id = schedule_after(delay_us, group, fn, argument);
    items[count - 1].is_owned = true;
    return id;
}

void schedule_cancel(uint64_t id)
{
    for (size_t i = 0; i < count && id != 0; i++) {
        if (items[i].id == id) {
            drop(i);
            return;
        }
    }
}

void schedule_cancel_group(unsigned group)
{
    for (size_t i = count; i > 0; i--)
        if (items[i - 1].group == group)
            drop(i - 1);
}

bool schedule_run_next(void)
{
    if (count == 0)
        return false;
    size_t first = 0;
    for (size_t i = 1; i < count; i++)
        if (items[i].at_us < items[first].at_us ||
            (items[i].at_us == items[first].at_us && items[i].id < items[first].id))
            first = i;
    struct item item = items[first];
    items[first] = items[--count];
    assert(item.at_us >= now_us);
    now_us = item.at_us;
    steps++;
    item.fn(item.argument);
    return true;
}
