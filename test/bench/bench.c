/* The frame of bench.h. */
#include "test/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECONDS_MAX = 600 };

enum family bench_family(void)
{
    const char *server = getenv("SERVER");
    return server != NULL && strcmp(server, "mariadb") == 0 ? FAMILY_MARIADB : FAMILY_MYSQL;
}

bool bench_is_full(void)
{
    const char *full = getenv("FULL");
    return full != NULL && *full != '\0' && strcmp(full, "0") != 0;
}

unsigned bench_setting(const char *name, unsigned otherwise, unsigned max)
{
    char *end;
    const char *value = getenv(name);
    if (value == NULL || *value == '\0')
        return otherwise;
    unsigned long number = strtoul(value, &end, 10);
    if (*end == '\0' && number >= 1 && number <= max)
        return (unsigned)number;
    fprintf(stderr, "%s has to be a number from 1 to %u, not \"%s\"\n", name, max, value);
    exit(EXIT_FAILURE);
}

unsigned bench_rounds(void)
{
    return bench_setting("ROUNDS", bench_is_full() ? 5 : 3, ROUNDS_MAX);
}

unsigned bench_seconds(void)
{
    return bench_setting("SECONDS", 1, SECONDS_MAX);
}

const char *bench_threads(const char *quick, const char *full)
{
    const char *threads = getenv("THREADS");
    if (threads != NULL && *threads != '\0')
        return threads;
    return bench_is_full() ? full : quick;
}

bool bench_wants(const char *variable, const char *name)
{
    const char *list = getenv(variable);
    size_t length = strlen(name);
    if (list == NULL || *list == '\0')
        return true;
    for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == length && strncmp(list, name, length) == 0)
            return true;
    return false;
}

unsigned bench_next(const char **list)
{
    char *end;
    unsigned long number = strtoul(*list, &end, 10);
    *list = *end == ',' ? end + 1 : end;
    return (unsigned)number;
}

int bench_main(const char *name, const TTest *test)
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, test);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_print(runner, failed > 0 ? CK_NORMAL : CK_SILENT);
    srunner_free(runner);
    (void)fflush(NULL);
    if (failed > 0)
        _exit(EXIT_FAILURE); /* from which the janitor knows that it has to show the logs */
    return EXIT_SUCCESS;
}
