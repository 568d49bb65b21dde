/*
 * What a replica says to its source before the dump begins, as a table of statements and commands; ours.
 *
 * Works on a channel that has logged in. Ends with COM_BINLOG_DUMP by file and position: the store stays
 * byte for byte the source's that way, also with GTIDs on. Manual: "COM_BINLOG_DUMP", "COM_REGISTER_SLAVE";
 * the variables are those that sql/rpl_replica.cc and MariaDB's slave.cc set.
 */
#ifndef ACKGATE_PROXY_SOURCE_HANDSHAKE_H
#define ACKGATE_PROXY_SOURCE_HANDSHAKE_H

#include "protocol/flavor.h"
#include "proxy/channel.h"

struct source_handshake_options {
    enum flavor flavor;
    uint64_t capabilities;   /* agreed at login */
    uint32_t server_id;      /* ours */
    const char *server_uuid; /* ours */
    uint64_t heartbeat_ms;
    bool is_semi_sync;
    const char *file; /* where the dump starts; this is an ack of everything before */
    uint32_t offset;
};

/* RESULT_OK: the dump command is sent, the next payload is the first of the dump. */
typedef void source_handshake_done_fn(void *argument, enum result result, const char *message);

struct source_handshake;
/* Copies the options. Takes the channel's callbacks until done; frees itself after on_done. */
struct source_handshake *source_handshake_start(struct channel *channel,
                                                const struct source_handshake_options *options,
                                                source_handshake_done_fn *on_done, void *argument);
void source_handshake_cancel(struct source_handshake **handshake);

#endif
