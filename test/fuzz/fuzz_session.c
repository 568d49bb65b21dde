/* A session of the app port: both its ends say what they like, from the source's greeting through the login
 * into commands and responses. Pieces: an even byte, what the client writes; an odd one, what the source
 * writes; 253, the quorum has the GTID that they name; 254, the client leaves; 255, the source does. A PROXY
 * header may come first. The gate knows some confirmed transactions, so OKs get held too. */
#include "protocol/compressed.h"
#include "protocol/rsa_key.h"
#include "proxy/farewell.h"
#include "proxy/session.h"
#include "test/fuzz/fuzz_wire.h"

enum { IS_CONFIRMED = 253, CLIENT_LEAVES = 254, SOURCE_LEAVES = 255 };

static const char confirmed[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5";

static struct {
    struct config config;
    struct app_shared shared;
    struct app_thread thread;
    struct tls_contexts tls;
    int listener;
} world;

static void open_gate(struct gate *gate)
{
    struct gtid_state state;

    gtid_state_init(&state, FLAVOR_MYSQL);
    fuzz_check(gtid_state_parse(&state, span_of_text(confirmed)) == RESULT_OK);
    gate_reset(gate, &state);
    gtid_state_release(&state);
}

static void listen_as_source(void)
{
    char path[] = "/tmp/ackgate-fuzz-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    fuzz_check(mkdtemp(path) != NULL);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", path);
    world.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fuzz_check(bind(world.listener, (struct sockaddr *)&address, sizeof address) == 0 &&
               listen(world.listener, 8) == 0);
    world.config.source.host = xstrdup(address.sun_path);
    (void)snprintf(world.shared.address, sizeof world.shared.address, "%s", address.sun_path);
    fuzz_remove_at_exit(path);
}

static void set_up(void)
{
    log_set_level(LOG_LEVEL_ERROR + 1);
    listen_as_source();
    world.config.source.user = xstrdup("ackgate");
    world.config.source.password = xstrdup("pw");
    world.config.source.connect_timeout_ms = 60000;
    world.config.source.is_proxied = true;
    world.shared.config = &world.config;
    world.shared.tls = &world.tls;
    world.shared.rsa_key = rsa_key_generate();
    world.shared.hold_ms = world.shared.auth_timeout_ms = 60000;
    pthread_mutex_init(&world.shared.mutex, NULL);
}

static void on_wake(void *argument)
{
    (void)argument;
    session_hold_on_wake(&world.thread);
}

static void confirm(struct span text)
{
    struct gtid gtid;

    if (gtid_parse(FLAVOR_MYSQL, text, &gtid) != RESULT_OK)
        return;
    gate_add(world.shared.gate, &gtid);
    gate_wake(world.shared.gate);
    fuzz_turns(world.thread.loop, FUZZ_TURNS);
}

static void start_thread(void)
{
    world.shared.gate = gate_new();
    open_gate(world.shared.gate);
    world.thread = (struct app_thread){.shared = &world.shared, .loop = loop_new(), .is_admitted = true};
    pthread_mutex_init(&world.thread.mutex, NULL);
    world.thread.watcher = gate_watch(world.shared.gate, world.thread.loop, on_wake, NULL);
}

static void stop_thread(void)
{
    while (world.thread.sessions != NULL)
        session_close(world.thread.sessions);
    farewell_cut_all(&world.thread);
    loop_free(&world.thread.loop);
    gate_free(&world.shared.gate);
    pthread_mutex_destroy(&world.thread.mutex);
    free(world.thread.buffer);
    compressor_free(&world.thread.compressor);
}

/* -1: ackgate has not connected. */
static int accept_source(void)
{
    return accept4(world.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void play(struct reader *reader, int client)
{
    struct loop *loop = world.thread.loop;
    struct span bytes;
    uint8_t what;
    int source = accept_source();

    while (fuzz_next_piece(reader, &what, &bytes)) {
        if (source < 0)
            source = accept_source();
        if (what == IS_CONFIRMED)
            confirm(bytes);
        else if (what == CLIENT_LEAVES)
            (void)shutdown(client, SHUT_WR);
        else if (what == SOURCE_LEAVES && source >= 0)
            (void)shutdown(source, SHUT_WR);
        else if (what % 2 == 0)
            fuzz_say(loop, client, bytes);
        else if (source >= 0)
            fuzz_say(loop, source, bytes);
        fuzz_turns(loop, 1);
        fuzz_hear(client);
        if (source >= 0)
            fuzz_hear(source);
    }
    if (source >= 0)
        (void)close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct reader reader;
    int fds[2], left;

    if (world.config.source.host == NULL)
        set_up();
    start_thread();
    fuzz_pair(fds);
    session_open(&world.thread, fds[0], true);
    fuzz_turns(world.thread.loop, FUZZ_TURNS);
    reader_init(&reader, data, length);
    play(&reader, fds[1]);
    (void)close(fds[1]);
    fuzz_turns(world.thread.loop, FUZZ_TURNS);
    stop_thread();
    while ((left = accept_source()) >= 0)
        (void)close(left);
    return 0;
}
