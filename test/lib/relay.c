/* The relay of relay.h: one thread that accepts, one for each connection. */
#include "test/lib/relay.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/wait.h"

enum { CHUNK_BYTES = 65536, LOOK_MS = 20 };

struct relay {
    uint16_t port;
    uint16_t target_port;
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    char wanted[64]; /* empty: nothing is to be damaged */
    atomic_bool has_corrupted;
    atomic_uint connections;
    atomic_bool is_holding;
    atomic_uint held_after; /* connections above this one are held */
    atomic_uint dropped;    /* connections up to this one are to end */
    atomic_bool is_cut;
    atomic_bool is_silent;
    atomic_uint delay_ms;
    relay_tap_fn *tap; /* under the lock */
    void *tap_argument;
    struct relay *next;
};

/* side[0]: who connected to us; side[1]: the target. */
struct pair {
    struct relay *relay;
    unsigned number;
    int side[2];
};

static struct relay *relays;

static int open_socket(void)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static struct sockaddr_in local_address(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void corrupt(struct relay *relay, char *bytes, size_t size)
{
    (void)pthread_mutex_lock(&relay->lock);
    char *found = relay->wanted[0] ? memmem(bytes, size, relay->wanted, strlen(relay->wanted)) : NULL;
    if (found) {
        *found = (char)(*found ^ 1);
        relay->wanted[0] = '\0';
        atomic_store(&relay->has_corrupted, true);
    }
    (void)pthread_mutex_unlock(&relay->lock);
}

static void show(const struct pair *pair, bool is_from_target, const char *bytes, size_t size)
{
    struct relay *relay = pair->relay;

    (void)pthread_mutex_lock(&relay->lock);
    if (relay->tap)
        relay->tap(relay->tap_argument, pair->number, is_from_target, bytes, size);
    (void)pthread_mutex_unlock(&relay->lock);
}

static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool pump(struct pair *pair, int from, char *chunk)
{
    ssize_t got = recv(pair->side[from], chunk, CHUNK_BYTES, 0);

    if (got <= 0)
        return false;
    unsigned delay_ms = atomic_load(&pair->relay->delay_ms);
    if (delay_ms > 0)
        sleep_ms(delay_ms);
    if (from == 1)
        corrupt(pair->relay, chunk, (size_t)got);
    show(pair, from == 1, chunk, (size_t)got);
    return send_all(pair->side[!from], chunk, (size_t)got);
}

static bool is_held(const struct pair *pair)
{
    return atomic_load(&pair->relay->is_holding) || pair->number > atomic_load(&pair->relay->held_after);
}

/* What can be read, as a bit for each side; -1: the pair has to end. A held side is not looked at. */
static int wait_for_bytes(const struct pair *pair)
{
    bool was_held = is_held(pair), was_silent = atomic_load(&pair->relay->is_silent);
    struct pollfd polls[2] = {
        {.fd = was_silent ? -1 : pair->side[0],             .events = POLLIN},
        {.fd = was_held || was_silent ? -1 : pair->side[1], .events = POLLIN},
    };

    if (poll(polls, 2, LOOK_MS) < 0 || pair->number <= atomic_load(&pair->relay->dropped) ||
        atomic_load(&pair->relay->is_cut))
        return -1;
    if (was_silent || atomic_load(&pair->relay->is_silent))
        return 0;
    if (was_held || is_held(pair))
        polls[1].revents = 0;
    return (polls[0].revents ? 1 : 0) | (polls[1].revents ? 2 : 0);
}

static void *run_pair(void *arg)
{
    struct pair *pair = arg;
    char *chunk = xmalloc(CHUNK_BYTES);
    bool goes_on = true;

    while (goes_on) {
        int ready = wait_for_bytes(pair);
        goes_on = ready >= 0;
        for (int from = 0; from < 2 && goes_on; from++)
            if (ready & (1 << from))
                goes_on = pump(pair, from, chunk);
    }
    (void)close(pair->side[0]);
    (void)close(pair->side[1]);
    free(chunk);
    free(pair);
    return NULL;
}

static void serve(struct relay *relay, int fd)
{
    struct pair *pair = xcalloc(1, sizeof *pair);
    struct sockaddr_in target = local_address(relay->target_port);
    pthread_t thread;
    int on = 1;

    *pair = (struct pair){
        relay, atomic_load(&relay->connections), {fd, open_socket()}
    };
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!atomic_load(&relay->is_cut) &&
        connect(pair->side[1], (struct sockaddr *)&target, sizeof target) == 0 &&
        pthread_create(&thread, NULL, run_pair, pair) == 0) {
        (void)pthread_detach(thread);
        return;
    }
    (void)close(pair->side[0]);
    (void)close(pair->side[1]);
    free(pair);
}

static void *run_relay(void *arg)
{
    struct relay *relay = arg;
    int fd;

    while ((fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        (void)atomic_fetch_add(&relay->connections, 1);
        serve(relay, fd);
    }
    return NULL;
}

struct relay *relay_start(uint16_t target_port)
{
    struct relay *relay = xcalloc(1, sizeof *relay);

    relay->next = relays;
    relays = relay;
    relay->target_port = target_port;
    relay->held_after = UINT_MAX;
    relay->port = place_free_port();
    (void)pthread_mutex_init(&relay->lock, NULL);
    struct sockaddr_in address = local_address(relay->port);
    relay->listener = open_socket();
    ck_assert_msg(bind(relay->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                      listen(relay->listener, 64) == 0,
                  "relay: port %u: %m", relay->port);
    ck_assert_int_eq(pthread_create(&relay->thread, NULL, run_relay, relay), 0);
    return relay;
}

uint16_t relay_port(const struct relay *relay)
{
    return relay->port;
}

void relay_corrupt_next(struct relay *relay, const char *text)
{
    atomic_store(&relay->has_corrupted, false);
    (void)pthread_mutex_lock(&relay->lock);
    (void)snprintf(relay->wanted, sizeof relay->wanted, "%s", text);
    (void)pthread_mutex_unlock(&relay->lock);
}

void relay_hold(struct relay *relay)
{
    atomic_store(&relay->is_holding, true);
}

void relay_hold_after(struct relay *relay, unsigned connections)
{
    atomic_store(&relay->held_after, connections);
}

void relay_release(struct relay *relay)
{
    atomic_store(&relay->held_after, UINT_MAX);
    atomic_store(&relay->is_holding, false);
}

void relay_tap(struct relay *relay, relay_tap_fn *tap, void *argument)
{
    (void)pthread_mutex_lock(&relay->lock);
    relay->tap = tap;
    relay->tap_argument = argument;
    (void)pthread_mutex_unlock(&relay->lock);
}

void relay_cut(struct relay *relay, bool is_cut)
{
    atomic_store(&relay->is_cut, is_cut);
    if (is_cut)
        relay_drop(relay);
}

void relay_silence(struct relay *relay, bool is_silent)
{
    atomic_store(&relay->is_silent, is_silent);
}

void relay_slow(struct relay *relay, unsigned delay_ms)
{
    atomic_store(&relay->delay_ms, delay_ms);
}

void relay_drop(struct relay *relay)
{
    atomic_store(&relay->dropped, atomic_load(&relay->connections));
    atomic_store(&relay->is_holding, false);
}

bool relay_has_corrupted(void *relay)
{
    return atomic_load(&((struct relay *)relay)->has_corrupted);
}

unsigned relay_connections(struct relay *relay)
{
    return atomic_load(&relay->connections);
}
