#include "container.h"

#include <base/util.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Fields of /proc/PID/stat by their numbers in proc(5). */
enum { FLAGS = 9, THREADS = 20, START_TIME = 22, VIRTUAL_SIZE = 23, EXIT_CODE = 52, FIELDS };

#define PF_EXITING 0x4

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

/* The state, and the numbers behind it. */
static int read_stat(pid_t pid, char *ret_state, unsigned long long fields[FIELDS])
{
    char text[1024], *field = process_stat(pid, text, sizeof(text));

    if (field != NULL)
        *ret_state = *field;
    for (int number = 4; field != NULL && number < FIELDS; number++) {
        field = strchr(field, ' ');
        if (field != NULL)
            fields[number] = strtoull(++field, NULL, 10);
    }
    return field != NULL ? 0 : -ESRCH;
}

int identity_read(pid_t pid, struct identity *ret)
{
    unsigned long long fields[FIELDS];
    char state;
    int r = read_stat(pid, &state, fields);

    if (r == 0)
        *ret = (struct identity){ pid, fields[START_TIME] };
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

/* A first thread that has ended says nothing about the others. Without memory nobody runs any more, though the first of a pid
 * namespace is seen on its way out until all others there have been reaped, by parents who may take their time. */
static bool has_ended(char state, const unsigned long long fields[FIELDS])
{
    bool exiting = (fields[FLAGS] & PF_EXITING) != 0 && fields[VIRTUAL_SIZE] == 0;

    return state == 'X' || (fields[THREADS] <= 1 && (state == 'Z' || exiting));
}

bool identity_runs(const struct identity *identity)
{
    unsigned long long fields[FIELDS];
    char state;

    return identity->pid > 0 && read_stat(identity->pid, &state, fields) == 0 &&
           fields[START_TIME] == identity->start && !has_ended(state, fields);
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
    unsigned long long fields[FIELDS];
    char state;
    int code;

    if (identity->pid <= 0 || read_stat(identity->pid, &state, fields) < 0 ||
            fields[START_TIME] != identity->start || !has_ended(state, fields))
        return -1;
    code = (int)fields[EXIT_CODE];
    if (code == 0 && (!may_know(identity->pid) || !identity_alive(identity)))
        return -1;
    return WIFSIGNALED(code) ? 128 + WTERMSIG(code) : WEXITSTATUS(code);
}

int identity_open(const struct identity *identity)
{
    int fd = identity_runs(identity) ? sys_pidfd_open(identity->pid) : -ESRCH;

    /* It may have ended in between: then the pidfd is somebody else's. */
    if (fd >= 0 && !identity_runs(identity))
        fd_close(&fd);
    return fd == -EBADF ? -ESRCH : fd;
}
