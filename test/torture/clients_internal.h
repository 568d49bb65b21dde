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
    CLIENTS_MAX = WRITERS + SOURCE_READERS + 3 + 2 * SITES_MAX,
    XA_CLIENTS = 2,
    PLAIN_SLOTS = 24,
    XA_SLOTS = 6, /* lists that only XA transactions write, as these may keep them locked for long */
    SLOTS =
        PLAIN_SLOTS + XA_SLOTS, /* lists in use at a time; a list that is full is followed by key + SLOTS */
    LAST_TRIES = 3,             /* to end what is prepared, when all is over */
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
    struct client_target target;
    struct chance chance;
    struct sql *conn;
    char *text;    /* RESULT_BYTES */
    struct xa *xa; /* prepared, perhaps, and not known to have ended */
    size_t xa_count;
    bool needs_settling;
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
/* An XA transaction, or the end of earlier ones; once all is over only the latter. */
void client_xa(struct client *client);
bool client_has_prepared(const struct client *client);
/* Takes down what was asked for and is not known, and forgets all. */
void client_leave_prepared(struct client *client);

/* What these have in common. */
struct op client_begin(const struct client *client, enum op_kind kind);
unsigned client_pick_key(struct client *client, unsigned slot);
unsigned client_append_to(struct client *client, unsigned key, unsigned value);
enum op_outcome client_outcome(unsigned number);
/* A query's rows into client->text. */
bool client_ask(struct client *client, const char *query);
/* Rows of XA RECOVER as a list of values. */
void client_record_prepared(struct recorder *recorder, struct op op, const char *rows);

/* The connection broke, or could not be made: what was asked for may have happened. */
bool client_is_broken(unsigned number);
/* Counts the connection's last error. */
void client_note_error(struct client *client, const char *doing);

#endif
