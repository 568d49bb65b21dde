/*
 * One app loop on its own thread, with what its sessions share: a read buffer, the output under way, the
 * watcher at the gate, and a copy of whether the source may be used.
 *
 * Internal to app.c and the session files. All of it belongs to the thread, except what is guarded or atomic.
 */
#ifndef ACKGATE_PROXY_APP_THREAD_H
#define ACKGATE_PROXY_APP_THREAD_H

#include "proxy/config.h"
#include "proxy/gate.h"
#include "proxy/tls_contexts.h"
#include "proxy/view.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

struct session;
struct compressor;
struct farewell;

enum {
    APP_ADDRESS_MAX = 108,
    APP_REASON_MAX = 256,
    APP_NAMES_MAX = 256,
    APP_BUFFER_BYTES = 64 * 1024, /* the usual size of a thread's read buffer */
    APP_READ_MIN_BYTES = 16 * 1024,
    OUTPUT_PARTS_MAX = 64,
    OUTPUT_SCRATCH_BYTES = 4096
};

/* What all app threads read. */
struct app_shared {
    const struct config *config;
    const struct tls_contexts *tls;
    struct gate *gate;
    struct rsa_key *rsa_key;         /* shown to clients without TLS, for a source with it */
    _Atomic uint64_t commit_wait_ms; /* of the config's, which only its own thread reads */
    _Atomic uint64_t hold_ms;
    _Atomic uint64_t auth_timeout_ms;
    _Atomic uint64_t idle_timeout_ms;
    _Atomic uint64_t commits_held;
    _Atomic uint64_t commits_unknown;
    _Atomic uint64_t strangers; /* connections to the source whose clients have not logged in */
    _Atomic uint64_t sessions;
    pthread_mutex_t mutex;         /* guards the texts */
    char address[APP_ADDRESS_MAX]; /* of the source; "" until it has been looked over */
    char missing_names[APP_NAMES_MAX];
    char reason[APP_REASON_MAX]; /* why the source may not be used */
};

/* Parts of one write: ranges of the read buffer, and what was made up, in scratch. */
struct session_output {
    struct iovec parts[OUTPUT_PARTS_MAX];
    int part_count;
    size_t scratch_length;
    uint8_t scratch[OUTPUT_SCRATCH_BYTES];
};

struct app_thread {
    struct app_shared *shared;
    struct loop *loop;
    pthread_t thread;
    uint8_t *buffer;
    size_t buffer_room;
    struct session_output to_client;
    struct session_output to_source;
    struct compressor *compressor; /* for the clients that want it; NULL until there is one */
    struct gate_watcher *watcher;
    struct session *waiting;    /* those that hold an OK back */
    struct farewell *farewells; /* log-ins for clients that left */
    pthread_mutex_t mutex;      /* guards sessions, and in each its identity (session.h) */
    struct session *sessions;
    bool is_admitted;
    bool is_paused;
    bool is_draining;
};

/* The gate must not be woken between this and the end of start-up on the calling thread. */
void app_thread_start(struct app_thread *thread, struct app_shared *shared);
void app_thread_stop(struct app_thread *thread); /* cuts all sessions; joins */

/* From any thread, in the order of the calls. */
/* is_proxy: it may say in a PROXY header whose connection this is. */
void app_thread_accept(struct app_thread *thread, int fd, bool is_proxy);
/* There are too many: takes the place of a session that has not logged in, or is refused. */
void app_thread_accept_instead(struct app_thread *thread, int fd, bool is_proxy);
void app_thread_set_admitted(struct app_thread *thread, bool is_admitted);
void app_thread_set_paused(struct app_thread *thread, bool is_paused);
void app_thread_on_limits(struct app_thread *thread); /* sessions go by new ones */
void app_thread_drain(struct app_thread *thread);     /* idle sessions end, the others when they get idle */
void app_thread_cut(struct app_thread *thread);       /* all sessions end */
bool app_thread_running_since(struct app_thread *thread, uint64_t session_id, uint64_t *ret_since_ms);
void app_thread_give_up(struct app_thread *thread, uint64_t session_id, const char *message);
bool app_thread_kill(struct app_thread *thread, uint64_t session_id);
/* Adds its sessions to the counts, in the order of app_session_states. */
void app_thread_count_states(struct app_thread *thread, uint64_t *counts);
size_t app_thread_view(struct app_thread *thread, struct view_session *ret_sessions, size_t max);

/* The read buffer, with room for what is kept and a good read after it. */
uint8_t *app_thread_buffer(struct app_thread *thread, size_t kept_bytes, size_t *ret_room);

#endif
