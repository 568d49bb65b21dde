/* layer: proxy
 *
 * A scripted source hears what ackgate says before the dump: which statements for which flavour, in which
 * order; and at every step it refuses, answers nonsense, or hangs up.
 */
#include "peer_fixture.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "proxy/log.h"
#include "proxy/source_handshake.h"

enum { STEPS_MAX = 8 };

static const char uuid[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

/* What is heard, and the step's name in a message. */
struct line {
    const char *sql; /* NULL: a command of replication */
    const char *name;
};

static const struct line heartbeat = {
    "SET @master_heartbeat_period = 2500000000, @source_heartbeat_period = 2500000000", "heartbeat period"};
static const struct line checksum = {"SET @master_binlog_checksum = @@global.binlog_checksum, "
                                     "@source_binlog_checksum = @@global.binlog_checksum",
                                     "checksum"};
static const struct line own_uuid = {"SET @slave_uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562', "
                                     "@replica_uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562'",
                                     "replica's uuid"};
static const struct line capability = {"SET @mariadb_slave_capability = 4", "capability"};
static const struct line registration = {NULL, "registration"};
static const struct line semi_sync = {"SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1",
                                      "semi-sync request"};

static const struct script {
    enum flavor flavor;
    bool is_semi_sync;
    const struct line *lines[STEPS_MAX]; /* before the dump command */
} scripts[] = {
    {FLAVOR_MYSQL,   true,  {&heartbeat, &checksum, &own_uuid, &registration, &semi_sync}  },
    {FLAVOR_MYSQL,   false, {&heartbeat, &checksum, &own_uuid, &registration}              },
    {FLAVOR_MARIADB, true,  {&heartbeat, &checksum, &capability, &registration, &semi_sync}},
    {FLAVOR_MARIADB, false, {&heartbeat, &checksum, &capability, &registration}            },
};
enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]) };

static struct peer peer;
static struct source_handshake *handshake;

static void on_done(void *argument, enum result result, const char *message)
{
    (void)argument;
    handshake = NULL;
    peer_note_done(&peer, result, message);
}

static void start(const struct script *script, uint64_t capabilities)
{
    struct source_handshake_options options = {
        .flavor = script->flavor,
        .capabilities = capabilities,
        .server_id = 77,
        .server_uuid = uuid,
        .heartbeat_ms = 2500,
        .is_semi_sync = script->is_semi_sync,
        .file = "binlog.000017",
        .offset = 0xFEDCBA98,
    };
    log_set_level(LOG_LEVEL_ERROR + 1);
    peer_init(&peer);
    handshake = source_handshake_start(peer.channel, &options, on_done, NULL);
    ck_assert_ptr_nonnull(handshake);
}

static size_t step_count(const struct script *script)
{
    size_t count = 0;
    while (script->lines[count] != NULL)
        count++;
    return count;
}

/* Hears the lines up to `count`, each in an exchange of its own, and says yes to each. */
static void agree_to(const struct script *script, size_t count, uint64_t capabilities)
{
    for (size_t i = 0; i < count; i++) {
        struct span payload = peer_hears(&peer);
        struct span sql;
        struct command_register command;
        ck_assert_uint_eq(peer.sequence, 1);
        if (script->lines[i]->sql == NULL) {
            ck_assert_int_eq(command_register_decode(payload, &command), RESULT_OK);
            ck_assert_uint_eq(command.server_id, 77);
            ck_assert(span_is_text(command.host, "ackgate"));
        } else {
            ck_assert_int_eq(command_query_decode(payload, capabilities, &sql), RESULT_OK);
            ck_assert_msg(span_is_text(sql, script->lines[i]->sql), "%.*s", (int)sql.length,
                          (const char *)sql.data);
        }
        ck_assert_uint_eq(peer.done, 0);
        peer_says_ok(&peer);
    }
}

static const char *name_of(const struct script *script, size_t step)
{
    return script->lines[step]->name;
}

/* _i: the script, and whether queries have attributes */
START_TEST(the_source_is_told_this_in_this_order)
{
    const struct script *script = &scripts[_i / 2];
    uint64_t capabilities = _i % 2 == 0 ? CAP_PROTOCOL_41 : CAP_PROTOCOL_41 | CAP_QUERY_ATTRIBUTES;
    start(script, capabilities);
    agree_to(script, step_count(script), capabilities);
    struct command_dump dump;
    ck_assert_int_eq(command_dump_decode(peer_hears(&peer), &dump), RESULT_OK);
    ck_assert_uint_eq(peer.sequence, 1);
    ck_assert(span_is_text(dump.file, "binlog.000017"));
    ck_assert_uint_eq(dump.position, 0xFEDCBA98);
    ck_assert_uint_eq(dump.server_id, 77);
    ck_assert_uint_eq(dump.flags, script->flavor == FLAVOR_MARIADB ? DUMP_FLAG_ANNOTATE : 0);
    peer_assert_done(&peer, RESULT_OK, "");
    peer_release(&peer);
}
END_TEST

START_TEST(a_refusal_is_told_with_its_step)
{
    const struct script *script = &scripts[_i];
    for (size_t step = 0; step < step_count(script); step++) {
        start(script, CAP_PROTOCOL_41);
        agree_to(script, step, CAP_PROTOCOL_41);
        ck_assert_uint_gt(peer_hears(&peer).length, 0);
        peer_says_error(&peer, 1227, "Access denied\n");
        char expected[128];
        snprintf(expected, sizeof(expected), "%s refused: Access denied\\x0a (error 1227)",
                 name_of(script, step));
        peer_assert_done(&peer, RESULT_DENIED, expected);
        ck_assert_uint_eq(peer_hears(&peer).length, 0); /* and nothing more is said */
        peer_release(&peer);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
} garbage[] = {
    {"",             0},
    {"\xFF",         1}, /* an ERR cut short */
    {"\xFF\x01",     2},
    {"\xFE\0\0\2\0", 5},
    {"\1\2\3",       3},
    {"\x03"
     "def",     4}, /* a result set */
    {"ackgate",      7},
};

START_TEST(nonsense_is_told_with_its_step)
{
    const struct script *script = &scripts[2];
    for (size_t step = 0; step < step_count(script); step++) {
        start(script, CAP_PROTOCOL_41);
        agree_to(script, step, CAP_PROTOCOL_41);
        ck_assert_uint_gt(peer_hears(&peer).length, 0);
        peer_says(&peer, (struct span){(const uint8_t *)garbage[_i].bytes, garbage[_i].length});
        peer_assert_done(&peer, RESULT_MALFORMED, name_of(script, step));
        peer_release(&peer);
    }
}
END_TEST

START_TEST(a_hang_up_is_told_with_its_step)
{
    const struct script *script = &scripts[_i];
    for (size_t step = 0; step < step_count(script); step++) {
        start(script, CAP_PROTOCOL_41);
        agree_to(script, step, CAP_PROTOCOL_41);
        ck_assert_uint_gt(peer_hears(&peer).length, 0);
        peer_hangs_up(&peer);
        peer_assert_done(&peer, RESULT_CLOSED, name_of(script, step));
        peer_release(&peer);
    }
}
END_TEST

START_TEST(a_wrong_number_is_told_with_its_step)
{
    start(&scripts[0], CAP_PROTOCOL_41);
    agree_to(&scripts[0], 1, CAP_PROTOCOL_41);
    ck_assert_uint_gt(peer_hears(&peer).length, 0);
    peer.sequence = 9;
    peer_says_ok(&peer);
    peer_assert_done(&peer, RESULT_SEQUENCE, "checksum");
    peer_release(&peer);
}
END_TEST

START_TEST(a_cancelled_handshake_says_nothing_more)
{
    start(&scripts[0], CAP_PROTOCOL_41);
    agree_to(&scripts[0], 2, CAP_PROTOCOL_41);
    ck_assert_uint_gt(peer_hears(&peer).length, 0);
    source_handshake_cancel(&handshake);
    ck_assert_ptr_null(handshake);
    channel_free(&peer.channel);
    peer_settle(&peer);
    ck_assert_uint_eq(peer.done, 0);
    source_handshake_cancel(&handshake);
    peer_release(&peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_handshake");
    TCase *tests = tcase_create("source_handshake");
    tcase_add_loop_test(tests, the_source_is_told_this_in_this_order, 0, 2 * SCRIPTS);
    tcase_add_loop_test(tests, a_refusal_is_told_with_its_step, 0, SCRIPTS);
    tcase_add_loop_test(tests, nonsense_is_told_with_its_step, 0, sizeof(garbage) / sizeof(garbage[0]));
    tcase_add_loop_test(tests, a_hang_up_is_told_with_its_step, 0, SCRIPTS);
    tcase_add_test(tests, a_wrong_number_is_told_with_its_step);
    tcase_add_test(tests, a_cancelled_handshake_says_nothing_more);
    suite_add_tcase(suite, tests);
    return peer_run(suite);
}
