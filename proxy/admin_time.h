/* Points in time as the admin tables show them: UTC, "2026-03-01 10:00:00.123", as MySQL prints them. */
#ifndef ACKGATE_PROXY_ADMIN_TIME_H
#define ACKGATE_PROXY_ADMIN_TIME_H

#include <stdint.h>

enum { ADMIN_TIME_MAX = 32 };

/* ms since 1970; NULL for 0, else ret_text. */
const char *admin_time_format(uint64_t wall_ms, char ret_text[ADMIN_TIME_MAX]);

#endif
