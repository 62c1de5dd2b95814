#include "container.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Number `wanted` of the fields of /proc/PID/stat. */
static int read_field(pid_t pid, int wanted, unsigned long long *ret)
{
    char path[64], text[1024], *field;
    CLEAN_FD int fd = -EBADF;
    ssize_t got;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -ESRCH;
    got = read(fd, text, sizeof(text) - 1);
    if (got <= 0)
        return -ESRCH;
    text[got] = '\0';
    /* The command name, field 2, may hold anything; what follows its last ')' does not. */
    field = strrchr(text, ')');
    for (int number = 2; field != NULL && number < wanted; number++)
        field = strchr(field + 1, ' ');
    if (field == NULL)
        return -ESRCH;
    *ret = strtoull(field + 1, NULL, 10);
    return 0;
}

int identity_read(pid_t pid, struct identity *ret)
{
    unsigned long long start;
    int r = read_field(pid, 22, &start);

    if (r == 0)
        *ret = (struct identity){ pid, start };
    return r;
}

uint32_t signals_ignored(void)
{
    unsigned long long ignored;

    return read_field(getpid(), 33, &ignored) == 0 ? (uint32_t)ignored : 0;
}

bool identity_alive(const struct identity *identity)
{
    struct identity now;

    return identity->pid > 0 && identity_read(identity->pid, &now) == 0 && now.start == identity->start;
}
