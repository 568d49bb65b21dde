/* What the parts of the clients share. */
#ifndef ACKGATE_TEST_CLIENTS_INTERNAL_H
#define ACKGATE_TEST_CLIENTS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "test/torture/chance.h"
#include "test/torture/clients.h"

enum {
    WRITERS = 4,
    SOURCE_READERS = 2,
    CLIENTS_MAX = WRITERS + SOURCE_READERS + 1 + 2 * SITES_MAX,
    SLOTS = 24, /* lists in use at a time; a list that is full is followed by key + SLOTS */
    LIST_VALUES = 100,
    READ_TIMEOUT_S = 6,
    RETRY_MS = 50,
    RESULT_BYTES = 1 << 20,
    ERRORS_MAX = 32,
};

struct client {
    struct clients *clients;
    pthread_t thread;
    unsigned id;
    unsigned site;
    uint16_t port;
    struct chance chance;
    struct sql *conn;
    char *text; /* RESULT_BYTES */
};

struct error_count {
    unsigned number;
    size_t count;
    char text[160]; /* the first one's */
};

struct clients {
    struct clients_options options;
    atomic_bool is_over;
    atomic_uint_fast64_t oks;
    atomic_uint next_value;
    struct {
        atomic_uint key;
        atomic_uint appends;
    } slot[SLOTS];
    pthread_mutex_t lock; /* the errors */
    struct error_count error[ERRORS_MAX];
    char strange[800];
    struct client client[CLIENTS_MAX];
    unsigned count;
    struct clients *next;
};

/* One operation, with the pause after it. */
void client_write(struct client *client);
void client_make_table(struct client *client);
void client_read(struct client *client);

/* The connection broke, or could not be made: what was asked for may have happened. */
bool client_is_broken(unsigned number);
/* Counts the connection's last error. */
void client_note_error(struct client *client, const char *doing);

#endif
