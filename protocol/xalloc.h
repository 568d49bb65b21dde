/*
 * Allocation that cannot fail: out of memory ends the process in this one place, with a line on stderr.
 * What is returned is released with free().
 */
#ifndef ACKGATE_PROTOCOL_XALLOC_H
#define ACKGATE_PROTOCOL_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t size_bytes);
void *xcalloc(size_t count, size_t size_bytes); /* zeroed */
void *xrealloc(void *memory, size_t size_bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length_max);
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *format, ...);

#endif
