/* The signals of signals.h, through libevent. */
#include "proxy/signals.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
enum { HANDLED_COUNT = sizeof(handled) / sizeof(handled[0]) };

struct signals {
    signals_fn *on_signal;
    void *argument;
    struct event *watchers[HANDLED_COUNT];
};

static void on_event(evutil_socket_t number, short what, void *argument)
{
    (void)what;
    struct signals *signals = argument;
    signals->on_signal(signals->argument, (int)number);
}

struct signals *signals_start(struct loop *loop, signals_fn *on_signal, void *argument)
{
    struct signals *signals = xcalloc(1, sizeof(*signals));
    signals->on_signal = on_signal;
    signals->argument = argument;
    for (size_t i = 0; i < HANDLED_COUNT; i++) {
        signals->watchers[i] = evsignal_new(loop_base(loop), handled[i], on_event, signals);
        assert(signals->watchers[i] != NULL);
        event_add(signals->watchers[i], NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

void signals_stop(struct signals **signals)
{
    struct signals *old = *signals;
    if (old == NULL)
        return;
    *signals = NULL;
    for (size_t i = 0; i < HANDLED_COUNT; i++)
        event_free(old->watchers[i]);
    free(old);
}
