/* layer: proxy */
/* The disk thread syncs in order, many requests at once, tells what went wrong, and forgets nobody. */
#include "proxy/disk.h"

#include "proxy/disk_io.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_uint syncs;
static int failing_fd = -1;
static sem_t may_go_on;
static bool is_slow;

static int count_sync(int fd)
{
    if (is_slow)
        sem_wait(&may_go_on);
    atomic_fetch_add(&syncs, 1);
    if (fd == failing_fd) {
        errno = EIO;
        return -1;
    }
    return 0;
}

struct done {
    unsigned count;
    int reason;
};

static void on_done(void *argument, int reason, uint64_t took_us)
{
    struct done *done = argument;
    (void)took_us;
    done->count++;
    done->reason = reason;
}

static struct loop *loop;
static struct disk *disk;

static void start(void)
{
    disk_io.fdatasync = count_sync;
    sem_init(&may_go_on, 0, 0);
    loop = loop_new();
    disk = disk_new(loop);
}

static void finish(void)
{
    disk_free(&disk);
    loop_free(&loop);
    sem_destroy(&may_go_on);
}

static void wait_for(const struct done *done, unsigned count)
{
    while (done->count < count)
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

START_TEST(a_request_is_answered_on_the_loop)
{
    struct done done = {0, -1};
    start();
    for (unsigned i = 1; i <= 100; i++) {
        disk_sync(disk, 1000, on_done, &done);
        wait_for(&done, i);
        ck_assert_int_eq(done.reason, 0);
    }
    ck_assert_uint_eq(syncs, 100);
    finish();
}
END_TEST

START_TEST(requests_that_wait_are_served_together)
{
    struct done done[2] = {
        {0, -1},
        {0, -1}
    };
    is_slow = true;
    start();
    disk_sync(disk, 1000, on_done, &done[0]);
    for (unsigned i = 0; i < 50; i++)
        disk_sync(disk, 1000 + (int)(i % 2), on_done, &done[i % 2]);
    for (unsigned i = 0; i < 51; i++)
        sem_post(&may_go_on);
    wait_for(&done[0], 26);
    wait_for(&done[1], 25);
    ck_assert_uint_le(syncs, 4); /* the first, perhaps what came before it began, and one for each file */
    finish();
}
END_TEST

START_TEST(a_failure_is_told_to_those_it_concerns)
{
    struct done done[2] = {
        {0, -1},
        {0, -1}
    };
    failing_fd = 1001;
    start();
    disk_sync(disk, 1000, on_done, &done[0]);
    disk_sync(disk, 1001, on_done, &done[1]);
    disk_wait(disk);
    ck_assert_uint_eq(done[0].count, 1);
    ck_assert_int_eq(done[0].reason, 0);
    ck_assert_uint_eq(done[1].count, 1);
    ck_assert_int_eq(done[1].reason, EIO);
    finish();
}
END_TEST

START_TEST(freeing_waits_and_nothing_comes_later)
{
    struct done done = {0, -1};
    start();
    for (unsigned i = 0; i < 20; i++)
        disk_sync(disk, 1000, on_done, &done);
    disk_free(&disk);
    ck_assert_uint_eq(done.count, 20);
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    ck_assert_uint_eq(done.count, 20);
    finish();
}
END_TEST

static void ask_again(void *argument, int reason, uint64_t took_us)
{
    struct done *done = argument;
    (void)reason;
    (void)took_us;
    if (++done->count < 10)
        disk_sync(disk, 1000, ask_again, done);
}

START_TEST(an_answer_may_ask_again)
{
    struct done done = {0, -1};
    start();
    disk_sync(disk, 1000, ask_again, &done);
    disk_wait(disk);
    ck_assert_uint_eq(done.count, 10);
    done.count = 0;
    disk_sync(disk, 1000, ask_again, &done);
    wait_for(&done, 10);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk");
    TCase *tests = tcase_create("disk");
    tcase_add_test(tests, a_request_is_answered_on_the_loop);
    tcase_add_test(tests, requests_that_wait_are_served_together);
    tcase_add_test(tests, a_failure_is_told_to_those_it_concerns);
    tcase_add_test(tests, freeing_waits_and_nothing_comes_later);
    tcase_add_test(tests, an_answer_may_ask_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
