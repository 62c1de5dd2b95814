#include <base/log.h>

#include <stdarg.h>
#include <stdio.h>

void log_line(const struct log *log, const char *fmt, ...)
{
    char line[1024];
    va_list args;

    if (log == NULL || log->write == NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    log->write(log->data, line);
}
