/* The frame of an end-to-end test program, see runner.h. */
#include "test/lib/runner.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "test/lib/wait.h"

/* The families that SERVER asks for, as a half-open range of enum family. */
static void wanted_families(int *ret_first, int *ret_end)
{
    const char *server = getenv("SERVER");

    *ret_first = FAMILY_MYSQL;
    *ret_end = FAMILY_MARIADB + 1;
    if (server && strcmp(server, "mysql") == 0)
        *ret_end = FAMILY_MYSQL + 1;
    if (server && strcmp(server, "mariadb") == 0)
        *ret_first = FAMILY_MARIADB;
}

static pid_t runner_pid;
static uint64_t began_ms; /* the test, in its own process */

/* In the test's own process: it ends when the runner is killed, and everything it has started ends with it.
 */
static void end_with_runner(void)
{
    if (getpid() != runner_pid)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    began_ms = now_ms();
}

/* Check counts a test's microseconds in 31 bits and gives up on one that has taken longer: that one says that
 * it has passed before Check looks at the clock. */
static void end_long_test(void)
{
    if (getpid() != runner_pid && now_ms() - began_ms > INT_MAX / 1000)
        exit(EXIT_SUCCESS);
}

static void add(Suite *suite, const char *name, const TTest *test, double seconds, int first, int end)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, seconds * wait_factor());
    tcase_add_checked_fixture(tcase, end_with_runner, end_long_test);
    if (first < end)
        tcase_add_loop_test(tcase, test, first, end);
    suite_add_tcase(suite, tcase);
}

void e2e_add_within(Suite *suite, const char *name, const TTest *test, double seconds)
{
    int first, end;

    wanted_families(&first, &end);
    add(suite, name, test, seconds, first, end);
}

void e2e_add(Suite *suite, const char *name, const TTest *test)
{
    e2e_add_within(suite, name, test, E2E_TIMEOUT);
}

void e2e_add_family(Suite *suite, const char *name, const TTest *test, enum family family)
{
    int first, end;

    wanted_families(&first, &end);
    if ((int)family >= first && (int)family < end)
        add(suite, name, test, E2E_TIMEOUT, (int)family, (int)family + 1);
}

int e2e_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    runner_pid = getpid();
    (void)signal(SIGPIPE, SIG_IGN);
    srunner_set_fork_status(runner, CK_FORK_GETENV);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool e2e_is_long(void)
{
    const char *text = getenv("LONG");

    return text && *text && strcmp(text, "0") != 0;
}

long e2e_scale(long full_size)
{
    if (e2e_is_long())
        return full_size;
    return full_size < 10 ? 1 : full_size / 10;
}
