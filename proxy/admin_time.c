/* The format of admin_time.h. */
#include "proxy/admin_time.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

const char *admin_time_format(uint64_t wall_ms, char ret_text[ADMIN_TIME_MAX])
{
    struct tm parts;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (wall_ms == 0 || gmtime_r(&seconds, &parts) == NULL)
        return NULL;
    size_t length = strftime(ret_text, ADMIN_TIME_MAX - 5, "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(ret_text + length, ADMIN_TIME_MAX - length, ".%03u", (unsigned)(wall_ms % 1000));
    return ret_text;
}
