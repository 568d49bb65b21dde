/* A replica that only receives: it logs in, asks for a dump as one of its family does, acks what it is to ack
 * as soon as it has it, and throws everything away. Costs next to nothing beside a real one, so that dozens
 * of them fit beside what is measured. receivers.h runs many of them on a thread.
 *
 * Files have to be smaller than 4 GiB. Nothing is checked but that the stream can be followed; errors of the
 * other side fail the test. */
#ifndef ACKGATE_TEST_RECEIVER_H
#define ACKGATE_TEST_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/lib/fail.h"
#include "test/lib/server.h"

struct sql;

enum { RECEIVER_HEAD_MAX = 128 };

struct receiver_options {
    enum family family;
    uint16_t port; /* of ackgate, or of a server */
    uint32_t server_id;
    const char *file; /* where to begin … */
    uint32_t offset;
    const char *gtids;   /* … or what it has: a set, or MariaDB's position; NULL: by file and offset */
    bool is_semi_sync;   /* acks */
    bool ends_at_newest; /* the other side ends the dump when it has sent what there is */
};

struct receiver {
    struct sql *conn;
    int fd;
    bool is_semi_sync;
    bool is_over;    /* the other side has ended the dump */
    uint64_t bytes;  /* received since the dump was asked for */
    uint64_t events; /* of these, whole */
    uint64_t acks;
    char file[64];   /* that it is in */
    uint32_t offset; /* behind the last whole event that has one */
    /* the packet that is being received */
    uint8_t head[4 + RECEIVER_HEAD_MAX];
    size_t head_length;
    size_t head_wanted;
    size_t left; /* of its payload, behind the head */
    bool is_full;
    bool is_continued;
    bool wants_ack;
};

/* Up to the dump's command, which is sent. */
#define receiver_open(...) receiver_open_at(HERE, __VA_ARGS__)
void receiver_open_at(struct place where, struct receiver *receiver, const struct receiver_options *options);
/* The same in two halves: what precedes the command, and the command. */
void receiver_prepare_at(struct place where, struct receiver *receiver,
                         const struct receiver_options *options);
void receiver_start_at(struct place where, struct receiver *receiver, const struct receiver_options *options);
/* Waits for bytes, takes them in, and acks. False when the dump is over. */
bool receiver_take(struct receiver *receiver);
/* Takes everything until the dump is over. */
void receiver_take_all(struct receiver *receiver);
/* Without a word, as replicas leave. */
void receiver_close(struct receiver *receiver);

#endif
