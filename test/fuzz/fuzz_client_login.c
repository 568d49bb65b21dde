/* A server to which ackgate logs in: the first piece is its greeting, the others are what it says to the
 * answers. The first byte: bit 0, whether the connection counts as secure. */
#include "proxy/client_login.h"
#include "test/fuzz/fuzz_wire.h"

struct scene {
    struct channel *channel;
    struct client_login *login;
    struct client_login_options options;
    bool has_started;
    bool is_done;
};

static void ignore_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
}

static void on_closed(void *argument, enum result reason)
{
    (void)argument;
    (void)reason;
}

static void on_done(void *argument, enum result result, const char *message)
{
    struct scene *scene = argument;

    fuzz_check(message != NULL && !scene->is_done);
    (void)result;
    scene->is_done = true;
    channel_set_callbacks(scene->channel, &(struct channel_callbacks){ignore_payload, on_closed, NULL});
}

static void on_payload(void *argument, struct span payload)
{
    struct scene *scene = argument;

    if (scene->has_started)
        return;
    scene->has_started = true;
    scene->login = client_login_start(scene->channel, payload, &scene->options, on_done, scene);
    fuzz_check(scene->is_done || scene->login != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct scene scene = {0};
    struct reader reader;
    struct span payload;
    uint8_t sequence;
    int fds[2];

    if (length < 1)
        return 0;
    log_set_level(LOG_LEVEL_ERROR + 1);
    scene.options = (struct client_login_options){
        .user = "ada", .password = "secret", .capabilities = 0x1000005, .is_local = data[0] & 1};
    reader_init(&reader, data + 1, length - 1);
    fuzz_pair(fds);
    struct loop *loop = loop_new();
    scene.channel =
        channel_new(loop, fds[0], 65536, &(struct channel_callbacks){on_payload, on_closed, &scene});
    while (fuzz_next_piece(&reader, &sequence, &payload))
        fuzz_say_packet(loop, fds[1], payload, sequence);
    if (scene.login != NULL && !scene.is_done)
        client_login_cancel(&scene.login);
    channel_free(&scene.channel);
    loop_free(&loop);
    (void)close(fds[1]);
    return 0;
}
