#include "init.h"

#include <string.h>
#include <unistd.h>

size_t text_copy(char *out, size_t size, const char *text)
{
    size_t length = strnlen(text, size - 1);

    memcpy(out, text, length);
    out[length] = '\0';
    return length;
}

size_t text_append(char *out, size_t size, const char *text)
{
    size_t used = strnlen(out, size - 1);

    return used + text_copy(out + used, size - used, text);
}

void text_append_number(char *out, size_t size, uint64_t number, unsigned int base)
{
    char digits[32];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    (void)text_append(out, size, digits + at);
}

struct init_path init_fd_path(int fd)
{
    struct init_path path = { .text = "" };

    (void)text_copy(path.text, sizeof(path.text), "proc/self/fd/");
    text_append_number(path.text, sizeof(path.text), (uint64_t)fd, 10);
    return path;
}

void init_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}
