/* A connection to the replication port: a fan-out with a store of a real source's files, and a peer. The
 * first byte chooses the flavour of the store (bit 0) and whether the peer has logged in already (bit 1); the
 * rest are pieces, each a packet with its number, or with 255 whatever bytes. */
#include <sys/stat.h>

#include "proxy/fanout.h"
#include "test/fuzz/fuzz_wire.h"

enum { RAW_BYTES = 255 };

struct port {
    struct loop *loop;
    struct store *store;
    struct fanout *fanout;
    struct config config;
    char path[64];
};

static struct port ports[2];

static void on_attaching(void *argument, uint64_t id, uint32_t voter, bool is_semi_sync, struct position from,
                         struct position has_up_to)
{
    struct port *port = argument;

    (void)is_semi_sync;
    (void)has_up_to;
    fuzz_check(voter == FANOUT_OBSERVER || voter < port->config.voter_count);
    fuzz_check(store_has_position(port->store, from));
    fanout_begin(port->fanout, id);
}

static void on_ack(void *argument, uint32_t voter, struct position acked)
{
    struct port *port = argument;

    fuzz_check(voter < port->config.voter_count);
    fuzz_check(position_compare(acked, store_end(port->store)) <= 0);
}

static void on_detached(void *argument, uint64_t id, uint32_t voter, struct position sent)
{
    struct port *port = argument;

    (void)id;
    (void)voter;
    fuzz_check(position_compare(sent, store_end(port->store)) <= 0);
}

static void on_durable(void *argument)
{
    (void)argument;
}

static void on_failed(void *argument, int reason)
{
    (void)argument;
    (void)reason;
    fuzz_check(false);
}

static uint8_t *read_golden(const char *path, size_t *ret_length)
{
    struct stat status;
    FILE *in = fopen(path, "rbe");

    fuzz_check(in != NULL && fstat(fileno(in), &status) == 0);
    uint8_t *bytes = xmalloc((size_t)status.st_size + 1);
    *ret_length = fread(bytes, 1, (size_t)status.st_size, in);
    (void)fclose(in);
    return bytes;
}

/* As the source's stream would bring it. */
static void feed(struct store *store, enum flavor flavor, const char *path, const char *name)
{
    size_t length;
    uint8_t *bytes = read_golden(path, &length);

    fuzz_check(store_begin_file(store, flavor, name) == RESULT_OK);
    for (size_t at = 4; at < length;) {
        struct binlog_event_header header;
        struct span event = {bytes + at, length - at};
        fuzz_check(binlog_event_header_decode(event, &header) == RESULT_OK);
        event.length = header.length;
        fuzz_check(store_write(store, event) == RESULT_OK);
        size_t seen = BINLOG_HEADER_BYTES + TXN_BODY_BYTES;
        event.length = event.length < seen ? event.length : seen;
        fuzz_check(store_event_done(store, &header, event) == RESULT_OK);
        at += header.length;
    }
    fuzz_check(store_flush(store) == RESULT_OK);
    free(bytes);
}

static void set_up(struct port *port, enum flavor flavor)
{
    bool is_mysql = flavor == FLAVOR_MYSQL;
    char dir[] = "/tmp/ackgate-fuzz-XXXXXX", address[80], store_dir[80];
    struct store_callbacks store_callbacks = {
        .on_durable = on_durable, .on_failed = on_failed, .argument = port};
    struct fanout_callbacks callbacks = {on_attaching, on_ack, on_detached, port};
    struct fanout_identity identity = {4242, "0000aaaa-0000-0000-0000-000000000001",
                                       is_mysql ? "9.7.4" : "10.11.19-MariaDB-log"};

    log_set_level(LOG_LEVEL_ERROR + 1);
    fuzz_check(mkdtemp(dir) != NULL);
    fuzz_remove_at_exit(dir);
    (void)snprintf(port->path, sizeof port->path, "%s/s", dir);
    (void)snprintf(address, sizeof address, "unix:%s", port->path);
    (void)snprintf(store_dir, sizeof store_dir, "%s/store", dir);
    port->loop = loop_new();
    struct store_options options = {.dir = store_dir};
    fuzz_check(store_open(port->loop, &options, &store_callbacks, &port->store) == RESULT_OK);
    feed(port->store, flavor,
         is_mysql ? "test/golden/binlog_mysql_row.binlog" : "test/golden/binlog_mariadb_row.binlog",
         "binlog.000001");
    port->config = (struct config){
        .replication = {.listen = {.addresses = {xstrdup(address)}, .count = 1},
                        .account = {.user = xstrdup("repl")},
                        .is_unlisted_allowed = true},
        .voters = {{.name = "r1", .server_id = 102},                                                       {.name = "r2", .server_id = 103}  },
        .voter_count = 2,
    };
    fuzz_check(fanout_start(port->loop, &port->config, NULL, port->store, &identity, &callbacks,
                            &port->fanout) == RESULT_OK);
    fanout_set_complete(port->fanout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct reader reader;
    struct span bytes;
    uint8_t what;

    if (length < 1)
        return 0;
    struct port *port = &ports[data[0] & 1];
    if (port->loop == NULL)
        set_up(port, data[0] & 1 ? FLAVOR_MARIADB : FLAVOR_MYSQL);
    int fd = fuzz_connect_unix(port->path);
    fuzz_turns(port->loop, FUZZ_TURNS);
    if (data[0] & 2)
        fuzz_log_in(port->loop, fd, "repl");
    reader_init(&reader, data + 1, length - 1);
    while (fuzz_next_piece(&reader, &what, &bytes)) {
        if (what == RAW_BYTES)
            fuzz_say(port->loop, fd, bytes);
        else
            fuzz_say_packet(port->loop, fd, bytes, what);
    }
    fuzz_turns(port->loop, FUZZ_TURNS);
    fuzz_hear(fd);
    (void)close(fd);
    fuzz_turns(port->loop, FUZZ_TURNS);
    return 0;
}
