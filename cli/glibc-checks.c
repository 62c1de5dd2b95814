/* Debian builds jansson, libcap and libseccomp for glibc with _FORTIFY_SOURCE; linked into a musl program, their archives miss
 * these. Each checks what its name promises, as glibc's does. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT(fmt, args) __attribute__((format(printf, fmt, args)))
int __vsnprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, va_list args)
        FORMAT(5, 0);
int __snprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, ...) FORMAT(5, 6);
int __sprintf_chk(char *out, int flag, size_t room, const char *fmt, ...) FORMAT(4, 5);
int __asprintf_chk(char **out, int flag, const char *fmt, ...) FORMAT(3, 4);
int __fprintf_chk(FILE *file, int flag, const char *fmt, ...) FORMAT(3, 4);
char *__strncpy_chk(char *out, const char *text, size_t size, size_t room);

int __vsnprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, va_list args)
{
    (void)flag;
    if (size > room)
        abort();
    return vsnprintf(out, size, fmt, args);
}

int __snprintf_chk(char *out, size_t size, int flag, size_t room, const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = __vsnprintf_chk(out, size, flag, room, fmt, args);
    va_end(args);
    return length;
}

int __sprintf_chk(char *out, int flag, size_t room, const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = __vsnprintf_chk(out, room, flag, room, fmt, args);
    va_end(args);
    if (length >= 0 && (size_t)length >= room)
        abort();
    return length;
}

int __asprintf_chk(char **out, int flag, const char *fmt, ...)
{
    va_list args;
    int length;

    (void)flag;
    va_start(args, fmt);
    length = vasprintf(out, fmt, args);
    va_end(args);
    return length;
}

int __fprintf_chk(FILE *file, int flag, const char *fmt, ...)
{
    va_list args;
    int length;

    (void)flag;
    va_start(args, fmt);
    length = vfprintf(file, fmt, args);
    va_end(args);
    return length;
}

char *__strncpy_chk(char *out, const char *text, size_t size, size_t room)
{
    if (size > room)
        abort();
    return strncpy(out, text, size);
}
