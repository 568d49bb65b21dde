/* The source's insides, for source*.c only. */
#ifndef ACKGATE_TEST_SIM_SOURCE_STATE_H
#define ACKGATE_TEST_SIM_SOURCE_STATE_H

#include "test/sim/events.h"
#include "test/sim/source.h"
#include "test/sim/truth.h"

enum { SOURCE_WAITS_MAX = 64, SOURCE_NO_CLIENT = 1000, SOURCE_NAME_MAX = 64 };

struct source_wait {
    uint64_t uid;
    unsigned client;
    struct position end;
    bool is_synced;
};

struct source_state {
    enum flavor flavor;
    bool is_up;
    uint64_t life;
    uint64_t started_us;
    uint64_t file; /* the current one */
    uint64_t end;  /* of it, written; */
    uint64_t synced_end;
    uint64_t next_seq;
    struct gtid_state logged; /* GTIDs in the binlog */
    struct source_wait waits[SOURCE_WAITS_MAX];
    size_t wait_count;
    bool is_semi_sync;
    bool is_sync_due;
    bool is_rotation_wanted;
};
extern struct source_state source_state;

/* source_files.c */
void source_path(uint64_t file, char ret_path[SOURCE_NAME_MAX]);
void source_append(const struct events *events); /* to the current file */
void source_sync(void);
void source_new_file(uint64_t file, bool by_rotation);
void source_flip_in_use(uint64_t file, bool in_use);
uint64_t source_last_file(void); /* by the index; 0: there is none */
struct span source_file_bytes(uint64_t file);
/* After a crash or not: the engine takes what is whole in the binlog, torn ends go. */
void source_recover_files(void);
struct gtid source_gtid(uint64_t seq);

/* source_dump.c */
void source_dump_reset(void);
void source_dump_die(void);
void source_dump_pump(void); /* sends what is synced */

/* source.c */
void source_acked(struct position up_to);

#endif
