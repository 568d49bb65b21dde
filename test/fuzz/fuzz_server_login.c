/* Whoever connects to a port of ackgate's own, before it has logged in: the bytes behind the greeting. Nobody
 * gets in with another name than that of the account without a password. */
#include "proxy/server_login.h"
#include "test/fuzz/fuzz_wire.h"

struct outcome {
    bool is_done;
    bool is_broken;
};

static void on_done(void *argument, enum result result, const struct server_login_outcome *login)
{
    struct outcome *outcome = argument;

    outcome->is_done = true;
    outcome->is_broken = server_login_is_broken(result);
    fuzz_check((result == RESULT_OK) == (login != NULL));
    fuzz_check(login == NULL || (login->account == 1 && strlen(login->db) < sizeof login->db));
}

static void ignore_payload(void *argument, struct span payload)
{
    (void)argument;
    (void)payload;
}

static void ignore_closed(void *argument, enum result reason)
{
    (void)argument;
    (void)reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static char ada[] = "ada", anybody[] = "open";
    static struct config_account closed = {.user = ada, .has_password = true};
    static struct config_account open = {.user = anybody};
    static const struct config_account *const accounts[] = {&closed, &open};
    static const struct channel_callbacks nobody = {ignore_payload, ignore_closed, NULL};
    struct server_login_options options = {.accounts = accounts,
                                           .account_count = 2,
                                           .server_version = "8.4.0-ackgate",
                                           .connection_id = 7,
                                           .capabilities = UINT32_MAX & ~UINT64_C(0x820),
                                           .timeout_ms = 60000,
                                           .object = "fuzz",
                                           .schema = "ackgate"};
    struct outcome outcome = {0};
    int fds[2];

    log_set_level(LOG_LEVEL_ERROR + 1);
    fuzz_pair(fds);
    struct loop *loop = loop_new();
    struct channel *channel = channel_new(loop, fds[0], SERVER_LOGIN_PAYLOAD_MAX, &nobody);
    struct server_login *login = server_login_start(loop, channel, &options, on_done, &outcome);
    fuzz_turns(loop, FUZZ_TURNS);
    fuzz_say(loop, fds[1], (struct span){data, length});
    (void)shutdown(fds[1], SHUT_WR);
    fuzz_say(loop, fds[1], (struct span){NULL, 0});
    if (!outcome.is_done)
        server_login_cancel(&login);
    channel_free(&channel);
    loop_free(&loop);
    (void)close(fds[1]);
    return 0;
}
