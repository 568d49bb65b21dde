/* The figures of figures.h. */
#include "test/bench/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/place.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double figures_median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double figures_cpu_s(pid_t pid)
{
    size_t size;
    unsigned long user;
    unsigned long system;
    char *text = place_read_file(place_format("/proc/%d/stat", (int)pid), &size);
    const char *rest = text == NULL ? NULL : strrchr(text, ')');
    if (rest == NULL ||
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        ck_abort_msg("no CPU time of process %d", (int)pid);
    free(text);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

unsigned figures_setting(const char *name, unsigned otherwise, unsigned max)
{
    char *end;
    const char *value = getenv(name);
    if (value == NULL)
        return otherwise;
    unsigned long number = strtoul(value, &end, 10);
    if (*end == '\0' && number >= 1 && number <= max)
        return (unsigned)number;
    fprintf(stderr, "%s has to be a number from 1 to %u, not \"%s\"\n", name, max, value);
    exit(EXIT_FAILURE);
}

unsigned figures_next(const char **list)
{
    char *end;
    unsigned long number = strtoul(*list, &end, 10);
    *list = *end == ',' ? end + 1 : end;
    return (unsigned)number;
}

enum family figures_family(void)
{
    const char *server = getenv("SERVER");
    return server != NULL && strcmp(server, "mariadb") == 0 ? FAMILY_MARIADB : FAMILY_MYSQL;
}

static const char *command(const char *test, uint16_t port, const char *more)
{
    return place_format("sysbench %s --mysql-host=127.0.0.1 --mysql-port=%u --mysql-user=app "
                        "--mysql-password=app-pw --mysql-db=bench --tables=1 --table-size=10000 "
                        "--mysql-ssl=off %s 2>&1",
                        test, port, more);
}

/* Reads sysbench's report, and copies it to stderr when it failed. */
static struct figures_run run(const char *line)
{
    static char output[64 * 1024];
    struct figures_run figures = {0, 0};
    FILE *in = popen(line, "r");
    size_t length = in == NULL ? 0 : fread(output, 1, sizeof(output) - 1, in);
    output[length] = '\0';
    if (in == NULL || pclose(in) != 0)
        ck_abort_msg("%s\n%s", line, output);
    const char *rate = strstr(output, "transactions:");
    const char *p95 = strstr(output, "95th percentile:");
    if (rate != NULL && (rate = strchr(rate, '(')) != NULL)
        figures.per_second = strtod(rate + 1, NULL);
    if (p95 != NULL)
        figures.p95_ms = strtod(p95 + strlen("95th percentile:"), NULL);
    return figures;
}

void figures_prepare(uint16_t port)
{
    run(command("oltp_update_index", port, "prepare"));
}

struct figures_run figures_load(const struct figures_load *load)
{
    return run(command(load->test, load->port,
                       place_format("--threads=%u --time=%u run", load->threads, load->seconds)));
}

int figures_main(const char *name, const TTest *test)
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
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
