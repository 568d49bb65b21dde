/* The one place that handles a failed allocation. */
#include "protocol/xalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *memory)
{
    if (memory == NULL) {
        fputs("ackgate: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *xmalloc(size_t size_bytes)
{
    return or_die(malloc(size_bytes == 0 ? 1 : size_bytes));
}

void *xcalloc(size_t count, size_t size_bytes)
{
    return or_die(calloc(count == 0 ? 1 : count, size_bytes == 0 ? 1 : size_bytes));
}

void *xrealloc(void *memory, size_t size_bytes)
{
    return or_die(realloc(memory, size_bytes == 0 ? 1 : size_bytes));
}

char *xstrdup(const char *text)
{
    return or_die(strdup(text));
}

char *xstrndup(const char *text, size_t length_max)
{
    return or_die(strndup(text, length_max));
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return or_die(length < 0 ? NULL : text);
}
