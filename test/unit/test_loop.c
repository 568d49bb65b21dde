/* layer: proxy
 *
 * The loop: posts from many threads come all, in order and on its own thread; what is deferred comes at the
 * turn's end; stopping works from anywhere. And the timers on it.
 */
#include "proxy/loop.h"
#include "proxy/timer.h"

#include <check.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, POSTS = 5000 };

static struct loop *loop;

/* ---- posts from threads ---- */

struct poster {
    pthread_t thread;
    int next; /* the number that has to come next; on the loop's thread */
};
static struct poster posters[THREADS];
static pthread_t loop_thread;
static int finished;

struct post {
    struct poster *poster;
    int number;
};

static void on_post(void *argument)
{
    struct post *post = argument;
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    ck_assert_int_eq(post->number, post->poster->next++);
    if (post->number == POSTS - 1 && ++finished == THREADS)
        loop_stop(loop);
    free(post);
}

static void *post_all(void *argument)
{
    for (int i = 0; i < POSTS; i++) {
        struct post *post = malloc(sizeof(*post));
        *post = (struct post){argument, i};
        loop_post(loop, on_post, post);
    }
    return NULL;
}

START_TEST(posts_of_all_threads_come_in_their_order)
{
    loop = loop_new();
    loop_thread = pthread_self();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    loop_run(loop);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(posters[i].thread, NULL);
        ck_assert_int_eq(posters[i].next, POSTS);
    }
    loop_free(&loop);
}
END_TEST

/* ---- order ---- */

static char story[64];

static void tell(const char *word)
{
    strcat(story, word);
}

static void say_a(void *argument)
{
    (void)argument;
    tell("a");
}

static void say_b(void *argument)
{
    (void)argument;
    tell("b");
}

static void stop_here(void *argument)
{
    (void)argument;
    tell(".");
    loop_stop(loop);
}

/* Deferred inside of what is deferred: one turn later. */
static void defer_more(void *argument)
{
    (void)argument;
    tell("m");
    loop_defer(loop, say_b, NULL);
    loop_defer(loop, stop_here, NULL);
}

static void defer_three(void *argument)
{
    (void)argument;
    tell("1");
    loop_defer(loop, say_a, NULL);
    loop_defer(loop, defer_more, NULL);
    loop_defer(loop, say_a, NULL);
    tell("2");
}

START_TEST(what_is_deferred_comes_in_order_after_the_turn)
{
    loop = loop_new();
    loop_post(loop, defer_three, NULL);
    loop_post(loop, say_b, NULL);
    loop_run(loop);
    ck_assert_str_eq(story, "12bamab.");
    loop_free(&loop);
}
END_TEST

static void post_more(void *argument)
{
    (void)argument;
    tell("p");
    loop_post(loop, stop_here, NULL);
}

START_TEST(a_post_may_post)
{
    loop = loop_new();
    loop_post(loop, post_more, NULL);
    loop_post(loop, say_a, NULL);
    loop_run(loop);
    ck_assert_str_eq(story, "pa.");
    loop_free(&loop);
}
END_TEST

static void post_and_defer(void *argument)
{
    (void)argument;
    loop_post(loop, say_a, NULL);
    loop_defer(loop, say_b, NULL);
}

/* Nothing that was promised is left undone when the loop goes. */
START_TEST(a_freed_loop_runs_what_is_left)
{
    loop = loop_new();
    loop_post(loop, post_and_defer, NULL);
    loop_defer(loop, post_and_defer, NULL);
    struct loop *kept = loop;
    loop_free(&kept);
    ck_assert_ptr_null(kept);
    ck_assert_uint_eq(strlen(story), 4);
    loop_free(&kept);
}
END_TEST

/* ---- stop ---- */

static void *stop_from_outside(void *argument)
{
    loop_stop(argument);
    return NULL;
}

START_TEST(any_thread_can_stop_it)
{
    loop = loop_new();
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_outside, loop), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_free(&loop);
}
END_TEST

START_TEST(a_loop_stopped_before_it_ran_does_not_run)
{
    loop = loop_new();
    loop_stop(loop);
    loop_run(loop);
    loop_free(&loop);
}
END_TEST

/* ---- timers ---- */

static struct timer timer;
static unsigned fired;

static void on_fired(void *argument)
{
    ck_assert_ptr_eq(argument, &fired);
    ck_assert(!timer_is_running(&timer));
    fired++;
}

static void on_fired_again(void *argument)
{
    if (++*(unsigned *)argument < 3)
        timer_start(&timer, 1);
    else
        timer_release(&timer); /* inside of its own call */
}

static void turn_until(unsigned count)
{
    while (fired < count)
        event_base_loop(loop_base(loop), EVLOOP_ONCE);
}

START_TEST(a_timer_fires_once)
{
    loop = loop_new();
    timer_init(&timer, loop, on_fired, &fired);
    ck_assert(!timer_is_running(&timer));
    timer_start(&timer, 60000);
    ck_assert(timer_is_running(&timer));
    timer_start(&timer, 1); /* begins anew */
    turn_until(1);
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    ck_assert_uint_eq(fired, 1);
    timer_start(&timer, 0);
    turn_until(2);
    timer_release(&timer);
    loop_free(&loop);
}
END_TEST

START_TEST(a_stopped_timer_does_not_fire)
{
    loop = loop_new();
    timer_release(&timer); /* never initialised */
    timer_stop(&timer);
    timer_init(&timer, loop, on_fired, &fired);
    timer_start(&timer, 0);
    timer_stop(&timer);
    ck_assert(!timer_is_running(&timer));
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    ck_assert_uint_eq(fired, 0);
    timer_start(&timer, 0);
    timer_release(&timer);
    timer_release(&timer);
    event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    ck_assert_uint_eq(fired, 0);
    loop_free(&loop);
}
END_TEST

START_TEST(a_timer_may_start_itself_and_end_itself)
{
    loop = loop_new();
    timer_init(&timer, loop, on_fired_again, &fired);
    timer_start(&timer, 1);
    turn_until(3);
    ck_assert(!timer_is_running(&timer));
    loop_free(&loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tests = tcase_create("loop");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, posts_of_all_threads_come_in_their_order);
    tcase_add_test(tests, what_is_deferred_comes_in_order_after_the_turn);
    tcase_add_test(tests, a_post_may_post);
    tcase_add_test(tests, a_freed_loop_runs_what_is_left);
    tcase_add_test(tests, any_thread_can_stop_it);
    tcase_add_test(tests, a_loop_stopped_before_it_ran_does_not_run);
    tcase_add_test(tests, a_timer_fires_once);
    tcase_add_test(tests, a_stopped_timer_does_not_fire);
    tcase_add_test(tests, a_timer_may_start_itself_and_end_itself);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
