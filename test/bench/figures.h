/* What the benches count with: medians of rounds, and a process's CPU time. */
#ifndef ACKGATE_TEST_BENCH_FIGURES_H
#define ACKGATE_TEST_BENCH_FIGURES_H

#include <stddef.h>
#include <sys/types.h>

struct figures_range {
    double median;
    double min;
    double max;
};

/* Of the values that are numbers; all NAN when none is. Leaves the values as they are. */
struct figures_range figures_range(const double *values, size_t count);
/* Sorts the values. */
double figures_median(double *values, size_t count);

/* What the process has used so far, in seconds, user and system, ended threads too. */
double figures_cpu_s(pid_t pid);

#endif
