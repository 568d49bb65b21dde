/* layer: proxy
 *
 * What the service manager hears, on a real datagram socket: ready, reloading, stopping, and alive only while
 * the loop turns.
 */
#include "proxy/clock.h"
#include "proxy/notify.h"
#include "proxy/watchdog.h"

#include <check.h>
#include <event2/event.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager = -1;
static char heard[256];

/* A bound datagram socket; a name that begins with '@' is abstract. */
static void listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(name), sizeof(address.sun_path));
    strcpy(address.sun_path, name);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void listen_somewhere(void)
{
    char name[64];
    snprintf(name, sizeof(name), "@ackgate-test-%d", (int)getpid());
    listen_at(name);
}

static bool has_said_something(int timeout_ms)
{
    struct pollfd fd = {.fd = manager, .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

static const char *hear(void)
{
    ssize_t length = recv(manager, heard, sizeof(heard) - 1, 0);
    ck_assert_int_ge(length, 0);
    heard[length] = '\0';
    return heard;
}

static void set_watchdog(const char *usec, const char *pid)
{
    usec != NULL ? setenv("WATCHDOG_USEC", usec, 1) : unsetenv("WATCHDOG_USEC");
    pid != NULL ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID");
}

START_TEST(each_state_is_one_datagram)
{
    listen_somewhere();
    notify_ready();
    notify_alive();
    notify_stopping();
    ck_assert_str_eq(hear(), "READY=1");
    ck_assert_str_eq(hear(), "WATCHDOG=1");
    ck_assert_str_eq(hear(), "STOPPING=1");
    ck_assert(!has_said_something(0));
}
END_TEST

START_TEST(a_reload_carries_the_time)
{
    listen_somewhere();
    uint64_t before_us = clock_monotonic_us();
    uint64_t usec = 0;
    notify_reloading();
    ck_assert_int_eq(sscanf(hear(), "RELOADING=1\nMONOTONIC_USEC=%" SCNu64, &usec), 1);
    ck_assert_uint_ge(usec, before_us);
    ck_assert_uint_le(usec, clock_monotonic_us());
}
END_TEST

START_TEST(a_socket_in_the_file_system_is_reached)
{
    char dir[] = "/tmp/ackgate-notify-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    char name[64];
    snprintf(name, sizeof(name), "%s/notify", dir);
    listen_at(name);
    notify_ready();
    unlink(name);
    rmdir(dir);
    ck_assert_str_eq(hear(), "READY=1");
}
END_TEST

/* None of these is an error, and none of them reaches the socket that is there. */
START_TEST(nowhere_to_send_is_no_error)
{
    listen_somewhere();
    char too_long[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
    memset(too_long, '/', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    const char *names[] = {"", "relative", "/nobody/is/here", "@nobody-is-here", too_long};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_ready();
    }
    unsetenv("NOTIFY_SOCKET");
    notify_ready();
    ck_assert(!has_said_something(0));
}
END_TEST

/* A manager that does not read must not stop the loop: sending gives up when the socket's queue is full. */
START_TEST(a_manager_that_does_not_read_holds_nothing_up)
{
    listen_somewhere();
    for (int i = 0; i < 10000; i++)
        notify_alive();
    ck_assert_str_eq(hear(), "WATCHDOG=1");
}
END_TEST

START_TEST(the_watchdog_wants_half_the_time)
{
    char self[24];
    snprintf(self, sizeof(self), "%d", (int)getpid());
    const struct {
        const char *usec;
        const char *pid;
        uint64_t expected_ms;
    } rows[] = {
        {NULL,                   NULL, 0    },
        {"60000000",             NULL, 30000},
        {"60000000",             self, 30000},
        {"60000000",             "1",  0    },
        {"60000000",             "",   0    },
        {"0",                    self, 0    },
        {"",                     self, 0    },
        {"-1",                   self, 0    },
        {" 60000000",            self, 0    },
        {"60000000x",            self, 0    },
        {"1",                    self, 1    },
        {NULL,                   self, 0    },
        {"99999999999999999999", self, 0    },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_watchdog(rows[i].usec, rows[i].pid);
        ck_assert_msg(notify_watchdog_ms() == rows[i].expected_ms, "row %zu: %" PRIu64, i,
                      notify_watchdog_ms());
    }
}
END_TEST

static void turn_until_heard(struct loop *loop)
{
    while (!has_said_something(0))
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

START_TEST(alive_is_said_again_and_again_while_the_loop_turns)
{
    listen_somewhere();
    set_watchdog("4000", NULL);
    struct loop *loop = loop_new();
    struct watchdog watchdog = {0};
    watchdog_start(&watchdog, loop);
    for (int i = 0; i < 3; i++) {
        turn_until_heard(loop);
        ck_assert_str_eq(hear(), "WATCHDOG=1");
    }
    watchdog_stop(&watchdog);
    loop_free(&loop);
}
END_TEST

/* The interval is 2 ms: in 100 ms without a turn of the loop many would have come. */
START_TEST(a_loop_that_hangs_is_not_alive)
{
    listen_somewhere();
    set_watchdog("4000", NULL);
    struct loop *loop = loop_new();
    struct watchdog watchdog = {0};
    watchdog_start(&watchdog, loop);
    ck_assert(!has_said_something(100));
    turn_until_heard(loop);
    hear();
    ck_assert(!has_said_something(100));
    watchdog_stop(&watchdog);
    loop_free(&loop);
}
END_TEST

START_TEST(a_manager_that_does_not_watch_hears_nothing)
{
    listen_somewhere();
    set_watchdog(NULL, NULL);
    struct loop *loop = loop_new();
    struct watchdog watchdog = {0};
    watchdog_start(&watchdog, loop);
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    ck_assert(!has_said_something(0));
    watchdog_stop(&watchdog);
    loop_free(&loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notify");
    TCase *tests = tcase_create("notify");
    tcase_add_test(tests, each_state_is_one_datagram);
    tcase_add_test(tests, a_reload_carries_the_time);
    tcase_add_test(tests, a_socket_in_the_file_system_is_reached);
    tcase_add_test(tests, nowhere_to_send_is_no_error);
    tcase_add_test(tests, a_manager_that_does_not_read_holds_nothing_up);
    tcase_add_test(tests, the_watchdog_wants_half_the_time);
    tcase_add_test(tests, alive_is_said_again_and_again_while_the_loop_turns);
    tcase_add_test(tests, a_loop_that_hangs_is_not_alive);
    tcase_add_test(tests, a_manager_that_does_not_watch_hears_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
