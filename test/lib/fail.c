/* Failing a test, see fail.h. */
#include "test/lib/fail.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fail_at(struct place where, const char *format, ...)
{
    static char text[8192];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    _ck_assert_failed(where.file, where.line, "Failed", "%s", text);
    abort();
}
