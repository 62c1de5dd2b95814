#include "container.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { START_TIME = 22, EXIT_CODE = 52 };

char *process_stat(pid_t pid, char *text, size_t size)
{
    char path[64], *field;
    CLEAN_FD int fd = -EBADF;
    ssize_t got;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (got <= 0)
        return NULL;
    text[got] = '\0';
    /* The command name, field 2, may hold anything; what follows its last ')' does not. */
    field = strrchr(text, ')');
    return field != NULL && field[1] == ' ' ? field + 2 : NULL;
}

/* The state, and number `wanted` of the fields of /proc/PID/stat. */
static int read_field(pid_t pid, int wanted, char *ret_state, unsigned long long *ret)
{
    char text[1024], *field = process_stat(pid, text, sizeof(text));

    if (field != NULL)
        *ret_state = *field;
    for (int number = 3; field != NULL && number < wanted; number++) {
        field = strchr(field, ' ');
        field += field != NULL;
    }
    if (field == NULL)
        return -ESRCH;
    *ret = strtoull(field, NULL, 10);
    return 0;
}

int identity_read(pid_t pid, struct identity *ret)
{
    unsigned long long start;
    char state;
    int r = read_field(pid, START_TIME, &state, &start);

    if (r == 0)
        *ret = (struct identity){ pid, start };
    return r;
}

uint32_t signals_ignored(void)
{
    uint32_t ignored = 0;
    struct sigaction action;

    for (int number = 1; number < 32; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            ignored |= UINT32_C(1) << (number - 1);
    return ignored;
}

bool identity_alive(const struct identity *identity)
{
    struct identity now;

    return identity->pid > 0 && identity_read(identity->pid, &now) == 0 && now.start == identity->start;
}

bool identity_runs(const struct identity *identity)
{
    unsigned long long start;
    char state;

    return identity->pid > 0 && read_field(identity->pid, START_TIME, &state, &start) == 0 &&
           start == identity->start && state != 'Z' && state != 'X';
}

/* To others the kernel shows 0. */
static bool may_know(pid_t pid)
{
    char path[64], link[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    return readlink(path, link, sizeof(link)) > 0;
}

int identity_status(const struct identity *identity)
{
    unsigned long long code;
    char state;

    if (identity_runs(identity) || !identity_alive(identity) ||
            read_field(identity->pid, EXIT_CODE, &state, &code) < 0 ||
            (code == 0 && !may_know(identity->pid)) || !identity_alive(identity))
        return -1;
    return WIFSIGNALED((int)code) ? 128 + WTERMSIG((int)code) : WEXITSTATUS((int)code);
}

int identity_open(const struct identity *identity)
{
    int fd = identity_runs(identity) ? sys_pidfd_open(identity->pid) : -ESRCH;

    /* It may have ended in between: then the pidfd is somebody else's. */
    if (fd >= 0 && !identity_runs(identity))
        fd_close(&fd);
    return fd == -EBADF ? -ESRCH : fd;
}
