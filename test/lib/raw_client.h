/* A peer that speaks MySQL's packets by hand, for what no client library would ever send: torn packets, wrong
 * sequence numbers, a client that stops reading. One TCP connection; reads wait at most RAW_SECONDS. */
#ifndef ACKGATE_TEST_RAW_CLIENT_H
#define ACKGATE_TEST_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/lib/fail.h"

#define RAW_SECONDS 10

enum raw_read {
    RAW_PACKET,
    RAW_CLOSED,  /* the peer ended the connection, by FIN or RST */
    RAW_TIMEOUT, /* nothing whole came in time */
};

struct raw_client {
    int fd;
    uint8_t sequence; /* of the next packet to be sent; each packet read sets it to its own + 1 */
    uint8_t *payload; /* of the last packet read, up to 16 MiB - 1; until the next read */
    size_t payload_bytes;
    uint8_t read_sequence;     /* of the last packet read */
    uint64_t offered;          /* by the server's greeting */
    uint64_t capabilities;     /* agreed at login */
    struct raw_frames *frames; /* under compression, or NULL */
    uint32_t thread_id;        /* as the greeting tells it */
    uint8_t scramble[20];      /* the server's last */
    char plugin[64];           /* … and for which plugin */
};

#define raw_open(client, port) raw_open_at(HERE, client, port)
void raw_open_at(struct place where, struct raw_client *client, uint16_t port);
void raw_close(struct raw_client *client);
/* Closes with RST. */
void raw_abort(struct raw_client *client);

/* Bytes as they are. False if the peer has closed (EPIPE, reset). */
bool raw_send(struct raw_client *client, const void *bytes, size_t size);
/* Each byte in a TCP segment of its own. */
bool raw_send_slowly(struct raw_client *client, const void *bytes, size_t size);
/* Header and payload, with the running sequence number. */
bool raw_send_packet(struct raw_client *client, const void *payload, size_t size);
/* Resets the sequence number and sends command byte and argument: raw_send_command(c, 3, "SELECT 1", 8). */
bool raw_send_command(struct raw_client *client, uint8_t command, const void *argument, size_t size);
/* What a packet of this payload looks like on the wire; the caller gives 4 + size bytes. */
void raw_frame(uint8_t *ret_bytes, uint8_t sequence, const void *payload, size_t size);

enum raw_read raw_read_packet(struct raw_client *client);
enum raw_read raw_read_packet_within(struct raw_client *client, unsigned timeout_ms);
/* Reads exactly this many bytes, or fails. */
enum raw_read raw_read_bytes(struct raw_client *client, void *ret_bytes, size_t size);

/* The greeting, a login with caching_sha2_password (full authentication with the server's RSA key),
 * mysql_native_password or parsec, further factors that ask for nothing (auth_socket), the final OK. `more`
 * are capabilities beyond PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, TRANSACTIONS, MULTI_STATEMENTS,
 * MULTI_RESULTS; `fewer` are taken away. */
#define raw_login(client, user, password, more, fewer) raw_login_at(HERE, client, user, password, more, fewer)
void raw_login_at(struct place where, struct raw_client *client, const char *user, const char *password,
                  uint64_t more, uint64_t fewer);
/* The same with exactly these capabilities, as far as the server offers them. `db` counts with
 * CAP_CONNECT_WITH_DB only. */
#define raw_login_as(client, user, password, db, capabilities)                                               \
    raw_login_as_at(HERE, client, user, password, db, capabilities)
void raw_login_as_at(struct place where, struct raw_client *client, const char *user, const char *password,
                     const char *db, uint64_t capabilities);
/* From now on, after a login with CAP_COMPRESS or CAP_ZSTD, everything goes in frames. */
void raw_compress(struct raw_client *client);
/* A command begins: numbers of packets and frames begin anew. */
void raw_restart(struct raw_client *client);
/* COM_CHANGE_USER; false: refused, or closed. */
#define raw_change_user(client, user, password, db) raw_change_user_at(HERE, client, user, password, db)
bool raw_change_user_at(struct place where, struct raw_client *client, const char *user, const char *password,
                        const char *db);
/* COM_QUERY that is answered with OK or ERR: the error number, or 0. Result sets are read away up to their
 * end. */
#define raw_query(client, text) raw_query_at(HERE, client, text)
unsigned raw_query_at(struct place where, struct raw_client *client, const char *text);
/* The last packet read: is it ERR, and which number. */
bool raw_is_error(const struct raw_client *client, unsigned *ret_number);
/* Asserts that the peer closes the connection within RAW_SECONDS; packets that come before are read away. */
#define raw_assert_closed(client) raw_assert_closed_at(HERE, client)
void raw_assert_closed_at(struct place where, struct raw_client *client);

#endif
