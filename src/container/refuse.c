/* Errors that no system call has made. */
#include "runtime.h"

#include <base/util.h>

#include <stdarg.h>
#include <stdio.h>

int refuse(struct lc_error **err, const char *stage, int errnum, const char *fmt, ...)
{
    CLEAN_FREE char *text = NULL;
    va_list args;
    int length;

    va_start(args, fmt);
    length = vasprintf(&text, fmt, args);
    va_end(args);
    if (length < 0)
        text = NULL;
    return error_raise(
            err, &(struct error_site){ .stage = stage, .errnum = errnum }, "%s", text != NULL ? text : "");
}
