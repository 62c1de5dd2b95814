#include "mark.h"

#include <base/util.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int open_namespace(pid_t pid, const char *mark, struct stat *ret)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, mark);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, ret) < 0)
        fd_close(&fd);
    return fd;
}

void mark_take(struct container *container)
{
    static const enum config_namespace order[] = { NAMESPACE_USER, NAMESPACE_MNT, NAMESPACE_IPC,
        NAMESPACE_UTS };
    struct record *record = &container->record;
    const char *mark = NULL;
    struct stat st;

    for (size_t i = 0; mark == NULL && i < ARRAY_SIZE(order); i++)
        if ((record->namespaces & NAMESPACE_BIT(order[i])) != 0)
            mark = config_namespaces[order[i]].proc;
    if (mark == NULL)
        return;
    container->mark_fd = open_namespace(record->init.pid, mark, &st);
    if (container->mark_fd < 0)
        return;
    (void)snprintf(record->mark, sizeof(record->mark), "%s", mark);
    record->mark_dev = st.st_dev;
    record->mark_ino = st.st_ino;
}

void mark_retake(struct container *container)
{
    const struct record *record = &container->record;
    struct stat st;
    int fd;

    if (container->mark_fd >= 0 || record->mark[0] == '\0' || !identity_alive(&record->init))
        return;
    fd = open_namespace(record->init.pid, record->mark, &st);
    if (fd >= 0 && identity_alive(&record->init) && st.st_dev == record->mark_dev &&
            st.st_ino == record->mark_ino)
        container->mark_fd = fd_take(&fd);
    fd_close(&fd);
}

static bool look(pid_t pid, const char *mark, struct stat *ret)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, mark);
    return stat(path, ret) == 0;
}

bool mark_is_on(const struct container *container, pid_t pid)
{
    const struct record *record = &container->record;
    struct stat st;

    return look(pid, record->mark, &st) && st.st_dev == record->mark_dev && st.st_ino == record->mark_ino;
}

static size_t kill_round(const struct container *container, DIR *proc)
{
    struct dirent *entry;
    size_t found = 0;

    rewinddir(proc);
    while ((entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 1 || pid == getpid() || !mark_is_on(container, pid))
            continue;
        found++;
        (void)kill(pid, SIGKILL);
    }
    return found;
}

void mark_kill(const struct container *container, int timeout_ms)
{
    DIR *proc;

    if (container->mark_fd < 0)
        return;
    /* Never by a mark that we carry ourselves. */
    if (mark_is_on(container, getpid()))
        return;
    proc = opendir("/proc");
    if (proc == NULL)
        return;
    for (int i = 0; i < timeout_ms && kill_round(container, proc) > 0; i++)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    (void)closedir(proc);
}
