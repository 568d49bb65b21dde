/* layer: proxy
 *
 * The gate: what it is open for, and that whoever waits on a loop of another thread is called. The last test
 * is a race of ten thousand rounds; a wake-up that is lost stops it for ever.
 */
#include "proxy/gate.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 10000, WATCHERS = 2 };

static const char uuid_text[] = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

static struct gtid mysql_gtid(int64_t gno)
{
    struct gtid_origin origin = {0};
    ck_assert_int_eq(uuid_parse(span_of_text(uuid_text), origin.uuid), RESULT_OK);
    return gtid_of_mysql(&origin, gno);
}

static bool is_open(struct gate *gate, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool is_open(struct gate *gate, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return gate_is_open(gate, span_of_text(text));
}

/* ---- what it is open for ---- */

START_TEST(a_new_gate_is_open_for_nothing)
{
    struct gate *gate = gate_new();
    ck_assert(!is_open(gate, "%s:1", uuid_text));
    ck_assert(!is_open(gate, "0-1-1"));
    ck_assert(!is_open(gate, "nonsense"));
    gate_wake(gate); /* nobody watches */
    gate_free(&gate);
    ck_assert_ptr_null(gate);
    gate_free(&gate);
}
END_TEST

START_TEST(it_is_open_for_what_was_added_and_nothing_else)
{
    struct gate *gate = gate_new();
    struct gtid gtids[] = {mysql_gtid(1), mysql_gtid(2), mysql_gtid(3), mysql_gtid(5)};
    gate_add_all(gate, gtids, 3);
    gate_add(gate, &gtids[3]);
    gate_add_all(gate, NULL, 0);
    ck_assert(is_open(gate, "%s:1", uuid_text));
    ck_assert(is_open(gate, "%s:1-3:5", uuid_text));
    ck_assert(is_open(gate, "%s:2-3", uuid_text));
    ck_assert(!is_open(gate, "%s:4", uuid_text));
    ck_assert(!is_open(gate, "%s:3-5", uuid_text));
    ck_assert(!is_open(gate, "%s:5-6", uuid_text));
    ck_assert(!is_open(gate, "4e11fa47-71ca-11e1-9e33-c80aa9429562:1"));
    ck_assert(!is_open(gate, "%s:tag:1", uuid_text));
    gate_free(&gate);
}
END_TEST

START_TEST(mariadb_counts_by_domain_and_server)
{
    struct gate *gate = gate_new();
    struct gtid gtid = {
        .flavor = FLAVOR_MARIADB, .mariadb = {.domain = 0, .server = 1, .seq = 10}
    };
    gate_add(gate, &gtid);
    gtid.mariadb.domain = 7;
    gtid.mariadb.seq = 3;
    gate_add(gate, &gtid);
    ck_assert(is_open(gate, "0-1-10"));
    ck_assert(is_open(gate, "0-1-9"));
    ck_assert(is_open(gate, "0-1-9,7-1-3"));
    ck_assert(!is_open(gate, "0-1-11"));
    ck_assert(!is_open(gate, "0-2-1"));
    ck_assert(!is_open(gate, "7-1-4"));
    ck_assert(!is_open(gate, "0-1-9,8-1-1"));
    gate_free(&gate);
}
END_TEST

static const char *const nonsense[] = {"x",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562:",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562:0",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562:1x",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562:99999999999999999999",
                                       "0-1-1"};

START_TEST(text_that_is_no_gtid_never_passes)
{
    struct gate *gate = gate_new();
    struct gtid gtid = mysql_gtid(1);
    gate_add(gate, &gtid);
    ck_assert(!is_open(gate, "%s", nonsense[_i]));
    gate_free(&gate);
}
END_TEST

START_TEST(a_reset_replaces_everything)
{
    struct gate *gate = gate_new();
    struct gtid gtid = mysql_gtid(7);
    gate_add(gate, &gtid);
    struct gtid_state state;
    gtid_state_init(&state, FLAVOR_MARIADB);
    ck_assert_int_eq(gtid_state_parse(&state, span_of_text("0-1-5")), RESULT_OK);
    gate_reset(gate, &state);
    ck_assert(is_open(gate, "0-1-5"));
    ck_assert(!is_open(gate, "%s:7", uuid_text));
    struct gtid_state copy;
    gtid_state_init(&copy, FLAVOR_UNKNOWN);
    gate_copy_confirmed(gate, &copy);
    ck_assert(gtid_state_equal(&copy, &state));
    gtid_state_release(&copy);
    gtid_state_release(&state);
    gate_free(&gate);
}
END_TEST

/* ---- waking ---- */

/* A loop on a thread of its own, as an app loop is, that waits for one transaction after the other. */
struct waiter {
    struct gate *gate;
    struct loop *loop;
    struct gate_watcher *watcher;
    pthread_t thread;
    int64_t waits_for;      /* on the loop's thread only */
    _Atomic int64_t passed; /* up to here */
    _Atomic unsigned calls;
};

static bool is_confirmed(const struct waiter *waiter)
{
    return is_open(waiter->gate, "%s:%lld", uuid_text, (long long)waiter->waits_for);
}

/* As a session holds an OK back: it looks, says that it waits, looks once more, and then waits to be called.
 */
static void hold(struct waiter *waiter)
{
    while (waiter->waits_for <= ROUNDS) {
        if (!is_confirmed(waiter)) {
            gate_waiting(waiter->watcher, +1);
            if (!is_confirmed(waiter))
                return;
            gate_waiting(waiter->watcher, -1);
        }
        atomic_store(&waiter->passed, waiter->waits_for++);
    }
    loop_stop(waiter->loop);
}

static void on_woken(void *argument)
{
    struct waiter *waiter = argument;
    ck_assert(pthread_equal(pthread_self(), waiter->thread));
    atomic_fetch_add(&waiter->calls, 1);
    if (waiter->waits_for > ROUNDS || !is_confirmed(waiter))
        return;
    gate_waiting(waiter->watcher, -1);
    atomic_store(&waiter->passed, waiter->waits_for++);
    hold(waiter);
}

static void on_begin(void *argument)
{
    hold(argument);
}

static void *run(void *argument)
{
    struct waiter *waiter = argument;
    loop_run(waiter->loop);
    return NULL;
}

static void waiter_start(struct waiter *waiter, struct gate *gate)
{
    *waiter = (struct waiter){.gate = gate, .loop = loop_new(), .waits_for = 1};
    waiter->watcher = gate_watch(gate, waiter->loop, on_woken, waiter);
    loop_post(waiter->loop, on_begin, waiter);
}

START_TEST(no_wake_up_is_lost)
{
    struct gate *gate = gate_new();
    struct waiter waiters[WATCHERS];
    for (int i = 0; i < WATCHERS; i++)
        waiter_start(&waiters[i], gate);
    for (int i = 0; i < WATCHERS; i++)
        ck_assert_int_eq(pthread_create(&waiters[i].thread, NULL, run, &waiters[i]), 0);
    for (int64_t round = 1; round <= ROUNDS; round++) {
        struct gtid gtid = mysql_gtid(round);
        gate_add(gate, &gtid);
        gate_wake(gate);
        /* now and then all have to have passed, so that the next round races with their waiting again */
        for (int i = 0; i < WATCHERS && round % 3 != 0; i++)
            while (atomic_load(&waiters[i].passed) < round)
                sched_yield();
    }
    for (int i = 0; i < WATCHERS; i++) {
        ck_assert_int_eq(pthread_join(waiters[i].thread, NULL), 0);
        ck_assert_int_eq(atomic_load(&waiters[i].passed), ROUNDS);
        loop_free(&waiters[i].loop);
    }
    gate_free(&gate);
}
END_TEST

static void count(void *argument)
{
    ++*(unsigned *)argument;
}

/* Many wakes in one turn are one call; none comes while nobody waits. */
START_TEST(only_who_waits_is_called_and_once)
{
    struct gate *gate = gate_new();
    struct loop *loop = loop_new();
    unsigned calls = 0;
    struct gate_watcher *watcher = gate_watch(gate, loop, count, &calls);
    gate_wake(gate);
    gate_waiting(watcher, +1);
    gate_waiting(watcher, -1);
    gate_wake(gate);
    loop_free(&loop); /* runs what is posted: nothing */
    ck_assert_uint_eq(calls, 0);
    gate_free(&gate);

    gate = gate_new();
    loop = loop_new();
    watcher = gate_watch(gate, loop, count, &calls);
    gate_waiting(watcher, +2);
    for (int i = 0; i < 100; i++)
        gate_wake(gate);
    loop_free(&loop);
    ck_assert_uint_eq(calls, 1);
    gate_free(&gate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tests = tcase_create("gate");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_new_gate_is_open_for_nothing);
    tcase_add_test(tests, it_is_open_for_what_was_added_and_nothing_else);
    tcase_add_test(tests, mariadb_counts_by_domain_and_server);
    tcase_add_loop_test(tests, text_that_is_no_gtid_never_passes, 0, sizeof(nonsense) / sizeof(nonsense[0]));
    tcase_add_test(tests, a_reset_replaces_everything);
    tcase_add_test(tests, only_who_waits_is_called_and_once);
    tcase_add_test(tests, no_wake_up_is_lost);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
