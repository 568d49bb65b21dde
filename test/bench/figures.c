/* The figures of figures.h. */
#include "test/bench/figures.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/xalloc.h"

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

struct figures_range figures_range(const double *values, size_t count)
{
    struct figures_range range = {NAN, NAN, NAN};
    double *numbers = xcalloc(count + 1, sizeof(*numbers));
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            numbers[found++] = values[i];
    if (found > 0) {
        range.median = figures_median(numbers, found);
        range.min = numbers[0];
        range.max = numbers[found - 1];
    }
    free(numbers);
    return range;
}

double figures_cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        ck_abort_msg("no CPU time of process %d", (int)pid);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
