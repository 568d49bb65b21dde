/* For the fuzz targets of the store: a directory that is empty again for each input, and a store in it that,
 * once it is open, opens again to the same. */
#ifndef ACKGATE_TEST_FUZZ_STORE_H
#define ACKGATE_TEST_FUZZ_STORE_H

#include <dirent.h>
#include <errno.h>

#include "protocol/binlog_event.h"
#include "proxy/store.h"
#include "test/fuzz/fuzz_wire.h"

struct fuzz_store {
    struct loop *loop;
    struct store *store;
    enum flavor flavor;
    struct store_cut cut;
};

static char fuzz_store_dir[64];

static inline void fuzz_store_make_dir(void)
{
    (void)snprintf(fuzz_store_dir, sizeof fuzz_store_dir, "%s/ackgate-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fuzz_check(mkdtemp(fuzz_store_dir) != NULL);
    fuzz_remove_at_exit(fuzz_store_dir);
}

static inline void fuzz_store_empty_dir(void)
{
    struct dirent *entry;
    DIR *list = opendir(fuzz_store_dir);

    while ((entry = readdir(list)) != NULL)
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    (void)closedir(list);
}

static inline void fuzz_store_init(struct fuzz_store *store, enum flavor flavor)
{
    log_set_level(LOG_LEVEL_ERROR + 1);
    if (fuzz_store_dir[0] == '\0')
        fuzz_store_make_dir();
    *store = (struct fuzz_store){.loop = loop_new(), .flavor = flavor};
}

static inline void fuzz_store_ignore(void *argument)
{
    (void)argument;
}

static inline void fuzz_store_on_failed(void *argument, int reason)
{
    (void)argument;
    (void)reason;
    fuzz_check(false);
}

static inline enum result fuzz_store_open(struct fuzz_store *store)
{
    struct store_options options = {.dir = fuzz_store_dir, .cut = store->cut};
    struct store_callbacks callbacks = {.on_durable = fuzz_store_ignore, .on_failed = fuzz_store_on_failed};

    return store_open(store->loop, &options, &callbacks, &store->store);
}

/* A file may say to begin with fewer GTIDs than those before it have; a store that opens again begins with
 * what the newest one says. */
static inline void fuzz_store_check_reopened(struct fuzz_store *store)
{
    struct position start = store_start(store->store), end = store_end(store->store);
    uint64_t bytes = store_bytes(store->store);
    struct gtid_state gtids;

    gtid_state_init(&gtids, store_flavor(store->store));
    gtid_state_copy(&gtids, store_gtids(store->store));
    store_close(&store->store);
    fuzz_check(fuzz_store_open(store) == RESULT_OK);
    fuzz_check(position_equal(start, store_start(store->store)));
    fuzz_check(position_equal(end, store_end(store->store)) && bytes == store_bytes(store->store));
    fuzz_check(gtid_state_contains_state(&gtids, store_gtids(store->store)));
    gtid_state_release(&gtids);
}

static inline void fuzz_store_release(struct fuzz_store *store)
{
    store_close(&store->store);
    loop_free(&store->loop);
    fuzz_store_empty_dir();
}

/* Gives an event its length, where it ends and its checksum, which the fuzzer would not find. One that says
 * to end nowhere keeps that. *at: where it begins, and then where it ends. */
static inline void fuzz_seal_event(uint8_t *event, size_t length, uint64_t *at)
{
    static const uint8_t nowhere[4];
    struct writer writer;

    writer_init(&writer, event + 9, 4);
    writer_u32(&writer, (uint32_t)length);
    if (memcmp(event + 13, nowhere, sizeof nowhere) != 0) {
        *at += length;
        writer_init(&writer, event + 13, 4);
        writer_u32(&writer, (uint32_t)*at);
    }
    binlog_event_seal(event, length);
}

#endif
