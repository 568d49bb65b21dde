/* The gate of gate.h: one state behind a mutex, and an atomic count of waiters for each app loop. */
#include "proxy/gate.h"

#include "protocol/xalloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct gate_watcher {
    struct gate_watcher *next;
    struct loop *loop;
    loop_fn *fn;
    void *argument;
    _Atomic int waiting;    /* OKs held on that loop */
    _Atomic bool is_called; /* a call is posted and has not run yet */
};

struct gate {
    pthread_mutex_t mutex; /* guards confirmed */
    struct gtid_state confirmed;
    struct gate_watcher *watchers; /* only grows, before the first session */
};

struct gate *gate_new(void)
{
    struct gate *gate = xcalloc(1, sizeof(*gate));
    pthread_mutex_init(&gate->mutex, NULL);
    gtid_state_init(&gate->confirmed, FLAVOR_UNKNOWN);
    return gate;
}

void gate_free(struct gate **gate)
{
    struct gate *old = *gate;
    if (old == NULL)
        return;
    *gate = NULL;
    for (struct gate_watcher *watcher = old->watchers; watcher != NULL;) {
        struct gate_watcher *next = watcher->next;
        free(watcher);
        watcher = next;
    }
    gtid_state_release(&old->confirmed);
    pthread_mutex_destroy(&old->mutex);
    free(old);
}

void gate_reset(struct gate *gate, const struct gtid_state *confirmed)
{
    pthread_mutex_lock(&gate->mutex);
    gtid_state_release(&gate->confirmed);
    gtid_state_copy(&gate->confirmed, confirmed);
    pthread_mutex_unlock(&gate->mutex);
}

void gate_add_all(struct gate *gate, const struct gtid *gtids, size_t count)
{
    pthread_mutex_lock(&gate->mutex);
    if (gate->confirmed.flavor == FLAVOR_UNKNOWN && count > 0)
        gtid_state_init(&gate->confirmed,
                        gtids[0].flavor); /* a first start: there was nothing to reset it to */
    for (size_t i = 0; i < count; i++)
        gtid_state_add(&gate->confirmed, &gtids[i]);
    pthread_mutex_unlock(&gate->mutex);
}

void gate_add(struct gate *gate, const struct gtid *gtid)
{
    gate_add_all(gate, gtid, 1);
}

static void on_woken(void *argument)
{
    struct gate_watcher *watcher = argument;
    atomic_store(&watcher->is_called, false);
    watcher->fn(watcher->argument);
}

void gate_wake(struct gate *gate)
{
    for (struct gate_watcher *watcher = gate->watchers; watcher != NULL; watcher = watcher->next)
        if (atomic_load(&watcher->waiting) > 0 && !atomic_exchange(&watcher->is_called, true))
            loop_post(watcher->loop, on_woken, watcher);
}

bool gate_is_open(struct gate *gate, struct span gtids)
{
    bool is_contained = false;
    pthread_mutex_lock(&gate->mutex);
    enum result result = gtid_state_contains_text(&gate->confirmed, gtids, &is_contained);
    pthread_mutex_unlock(&gate->mutex);
    return result == RESULT_OK && is_contained;
}

struct gate_watcher *gate_watch(struct gate *gate, struct loop *loop, loop_fn *fn, void *argument)
{
    struct gate_watcher *watcher = xcalloc(1, sizeof(*watcher));
    watcher->loop = loop;
    watcher->fn = fn;
    watcher->argument = argument;
    watcher->next = gate->watchers;
    gate->watchers = watcher;
    return watcher;
}

void gate_waiting(struct gate_watcher *watcher, int change)
{
    atomic_fetch_add(&watcher->waiting, change);
}

void gate_copy_confirmed(struct gate *gate, struct gtid_state *ret_state)
{
    pthread_mutex_lock(&gate->mutex);
    gtid_state_copy(ret_state, &gate->confirmed);
    pthread_mutex_unlock(&gate->mutex);
}
