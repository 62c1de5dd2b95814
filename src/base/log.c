#include <base/log.h>

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 0))) static void write_line(
        const struct log *log, const char *prefix, const char *fmt, va_list args)
{
    char line[1024];
    int used = snprintf(line, sizeof(line), "%s", prefix);

    (void)vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, args);
    log->write(log->data, line);
}

void log_line(const struct log *log, const char *fmt, ...)
{
    va_list args;

    if (log == NULL || log->write == NULL || !log->steps)
        return;
    va_start(args, fmt);
    write_line(log, "", fmt, args);
    va_end(args);
}

void log_warning(const struct log *log, const char *fmt, ...)
{
    va_list args;

    if (log == NULL || log->write == NULL)
        return;
    va_start(args, fmt);
    write_line(log, "warning: ", fmt, args);
    va_end(args);
}
