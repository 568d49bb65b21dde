/* Clients that write one statement each at the same time, of a chosen kind of work, and the books on what
 * must not get lost: which value got an OK, which was seen by a reader. A value is a row of d.t or a table
 * d.n_<value>; the database d and the table d.t (id INT PRIMARY KEY, v LONGTEXT) are the caller's. */
#ifndef ACKGATE_TEST_WRITERS_H
#define ACKGATE_TEST_WRITERS_H

#include <stdbool.h>

#include "test/lib/topology.h"

struct sql;

enum { WRITERS = 4, WRITERS_VALUES_MAX = 1000 };

/* XA: every other client does XA PREPARE, the others XA COMMIT. */
enum work { WORK_DML = 1, WORK_DDL = 2, WORK_MIXED = 4, WORK_XA = 8, WORK_ALL = 15 };

struct writers {
    struct topology *t;
    enum work work;
    char title[80]; /* for messages */
    int first;      /* the first of 2 * WRITERS values: those of a first round, and those of the second */
    struct sql *app[WRITERS];
    bool was_ok[WRITERS_VALUES_MAX];   /* its statement was answered with OK */
    bool was_seen[WRITERS_VALUES_MAX]; /* by a reader, somewhere */
    bool is_there[WRITERS_VALUES_MAX]; /* when last looked at */
};

int writers_value(const struct writers *w, int client, bool is_first);
bool writers_only_prepare(const struct writers *w, int client);

/* Connects the clients and writes a round that must be answered with OKs; nothing stays prepared. */
void writers_first_round(struct writers *w);
/* What the next statement needs, then the statement, without waiting for it; then its outcome. */
void writers_prepare(struct writers *w, bool is_first);
void writers_start(struct writers *w, bool is_first);
void writers_finish(struct writers *w, bool is_first, bool must_succeed);

/* What a reader sees on this server from now on must stay. */
void writers_see(struct writers *w, struct server *server);
/* Looks what is there now; that must stay too. */
void writers_look(struct writers *w, struct sql *conn);
bool writers_is_prepared(struct sql *conn, int value);
/* Every OK and everything seen is there (or prepared on the source), as it was last looked at. */
void writers_assert_promises(struct writers *w);
/* Commits all that is prepared, so that the servers' tables can be compared. */
void writers_commit_prepared(struct writers *w, struct sql *app);

#endif
