/* The choice of session_evict.h. */
#include "proxy/session_evict.h"

#include "proxy/clock.h"
#include "proxy/farewell.h"
#include "proxy/log.h"
#include "proxy/session.h"

enum {
    EVICT_AFTER_MS = 1000, /* no client that means it takes longer between two packets */
    LEAVING_MAX = 8        /* still have their places at the source, but not for long: no more at a time */
};

static bool waits_for_client(const struct session *session)
{
    return session->phase == SESSION_LOGIN ||
           (session->phase == SESSION_AUTH && session->is_clients_turn && !session->is_changing_user);
}

static uint64_t since_ms(struct session *session)
{
    return atomic_load_explicit(&session->state_since_ms, memory_order_relaxed);
}

enum session_evicted session_evict(struct app_thread *thread)
{
    static _Thread_local struct log_limit limit;
    struct session *oldest = NULL;
    for (struct session *session = thread->sessions; session != NULL; session = session->next)
        if (waits_for_client(session) && (oldest == NULL || since_ms(session) < since_ms(oldest)))
            oldest = session;
    size_t leaving = farewell_count(thread);
    if (atomic_load(&thread->shared->strangers) == 0)
        return SESSION_EVICT_NOBODY;
    if (oldest == NULL || leaving >= LEAVING_MAX || clock_monotonic_ms() - since_ms(oldest) < EVICT_AFTER_MS)
        return SESSION_EVICT_LATER;
    log_limited(&limit, LOG_LEVEL_WARN, session_name(oldest),
                "closed before it logged in: there are too many connections, and others wait");
    session_close(oldest);
    return SESSION_EVICTED;
}
