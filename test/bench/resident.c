/* The figures of resident.h, from /proc. */
#include "test/bench/resident.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"

static double status_kib(pid_t pid, const char *name)
{
    char *text = place_read_file(place_format("/proc/%d/status", (int)pid), NULL);
    const char *found = text == NULL ? NULL : strstr(text, name);
    ck_assert_msg(found != NULL, "process %d has no %s", (int)pid, name);
    double kib = strtod(found + strlen(name), NULL);
    free(text);
    return kib;
}

double resident_kib(pid_t pid)
{
    return status_kib(pid, "VmRSS:");
}

double resident_peak_kib(pid_t pid)
{
    return status_kib(pid, "VmHWM:");
}

void resident_begin(pid_t pid)
{
    FILE *file = fopen(place_format("/proc/%d/clear_refs", (int)pid), "w");
    ck_assert_msg(file != NULL && fputs("5", file) >= 0 && fclose(file) == 0, "clear_refs: %m");
}
