/* The system variables that clients and drivers ask for by themselves, with answers that suit them. */
#ifndef ACKGATE_PROXY_ADMIN_SYSVAR_H
#define ACKGATE_PROXY_ADMIN_SYSVAR_H

#include <stdbool.h>

/* Any case. False: no such variable. *ret_value may become NULL. A value of digits only is a number. */
bool admin_sysvar_find(const char *name, const char **ret_value);

#endif
