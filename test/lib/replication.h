/* Makes a server a replica of something that speaks the replication protocol (ackgate, or another server),
 * and compares what servers hold. Works with each family's own words for it. */
#ifndef ACKGATE_TEST_REPLICATION_H
#define ACKGATE_TEST_REPLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "test/lib/server.h"

enum replica_mode {
    REPLICA_GTID,        /* the family's usual: auto-position, or slave_pos */
    REPLICA_CURRENT_POS, /* MariaDB only */
    REPLICA_FILE_POS,
};

struct replica_from {
    const char *host; /* NULL: 127.0.0.1 */
    uint16_t port;
    const char *user;
    const char *password;
    enum replica_mode mode;
    const char *file; /* REPLICA_FILE_POS */
    uint64_t pos;
    bool no_semisync;
    bool no_start;
    const char *more; /* appended to CHANGE …, e.g. ", SOURCE_HEARTBEAT_PERIOD=1" in the family's words */
};

/* Configures, switches semi-sync on (for restarts too), and starts; does not wait. */
#define replica_attach(server, host, port, user, password, mode)                                             \
    replica_attach_at(HERE, server,                                                                          \
                      &(struct replica_from){host, port, user, password, mode, NULL, 0, false, false, NULL})
#define replica_attach_from(server, ...) replica_attach_at(HERE, server, __VA_ARGS__)
void replica_attach_at(struct place where, struct server *server, const struct replica_from *from);
/* Stops and forgets its source; the data stays. */
void replica_detach(struct server *server);

/* The receiver is the IO thread, the applier the SQL thread. Stopping returns when it has stopped. */
void replica_start_receiver(struct server *server);
void replica_stop_receiver(struct server *server);
void replica_start_applier(struct server *server);
void replica_stop_applier(struct server *server);
/* Waits until the receiver is connected and streams. */
#define replica_wait_streaming(server) replica_wait_streaming_at(HERE, server)
void replica_wait_streaming_at(struct place where, struct server *server);

/* A column of SHOW REPLICA STATUS by MySQL's name ("Source_Log_File"); MariaDB's old name is found by itself.
 * NULL if the server is no replica. */
const char *replica_status(struct server *server, const char *column);

/* Waits until the server has executed everything that the other has executed now. */
#define replica_wait_caught_up(server, with) replica_wait_caught_up_at(HERE, server, with, 60)
#define replica_wait_caught_up_within(server, with, seconds)                                                 \
    replica_wait_caught_up_at(HERE, server, with, seconds)
void replica_wait_caught_up_at(struct place where, struct server *server, struct server *with,
                               double seconds);

/* The server's own semi-sync as a source (what ackgate's source.configure sets), for set-ups without ackgate.
 */
void source_enable_semisync(struct server *server, unsigned replicas_needed);
/* MySQL's and MariaDB's name of a semi-sync variable or status of the source: semisync_name(f, "enabled"),
 * "clients", … */
const char *semisync_name(enum family family, const char *what);

/* Waits until all have executed the same, then asserts that they hold the same tables with the same CHECKSUM
 * TABLE and the same GTIDs. The list ends with NULL. */
#define assert_same_data(...) assert_same_data_at(HERE, __VA_ARGS__, NULL)
void assert_same_data_at(struct place where, struct server *first, ...) __attribute__((sentinel));
/* All user tables with their checksums, one per line. Lives as long as the server runs. */
const char *server_checksums(struct server *server);

#endif
