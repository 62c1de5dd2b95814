/* The processes of a container: those in its groups, or, where it has none, those in its pid namespace or with the mark that
 * one of its own namespaces is. */
#include "control.h"
#include "mark.h"

#include <base/util.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define NESTED_MAX 33 /* the kernel's own limit of pid namespaces in one another, and one */

static int open_namespace(pid_t pid, const char *name, struct stat *ret)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
    fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, ret) < 0)
        fd_close(&fd);
    return fd;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Containers in the container have pid namespaces of their own, below its. */
static bool is_inside(pid_t pid, const struct stat *namespace)
{
    struct stat st;
    CLEAN_FD int fd = open_namespace(pid, "pid", &st);

    for (int depth = 0; fd >= 0 && depth < NESTED_MAX; depth++) {
        int parent;

        if (same(&st, namespace))
            return true;
        parent = ioctl(fd, NS_GET_PARENT);
        fd_close(&fd);
        fd = parent;
        if (fd >= 0 && fstat(fd, &st) < 0)
            return false;
    }
    return false;
}

static bool belongs(const struct container *container, pid_t pid, const struct stat *namespace)
{
    return namespace != NULL ? is_inside(pid, namespace) : mark_is_on(container, pid);
}

static int add(pid_t **pids, size_t *count, pid_t pid)
{
    pid_t *grown = *pids;

    if (*count % 64 == 0)
        grown = realloc(*pids, (*count + 64) * sizeof(**pids));
    if (grown == NULL)
        return -ENOMEM;
    *pids = grown;
    grown[(*count)++] = pid;
    return 0;
}

static int compare_pids(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

    return (a > b) - (a < b);
}

static int scan(
        const struct container *container, const struct stat *namespace, pid_t **ret_pids, size_t *ret_count)
{
    CLEAN_FREE pid_t *pids = NULL;
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;
    int r = 0;

    if (proc == NULL)
        return -errno;
    while (r == 0 && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && belongs(container, pid, namespace))
            r = add(&pids, &count, pid);
    }
    (void)closedir(proc);
    if (r < 0)
        return r;
    if (count > 1)
        qsort(pids, count, sizeof(*pids), compare_pids);
    *ret_pids = TAKE_POINTER(pids);
    *ret_count = count;
    return 0;
}

int processes_find(const struct container *container, pid_t **ret_pids, size_t *ret_count)
{
    const struct record *record = &container->record;
    bool own = (record->namespaces & NAMESPACE_BIT(NAMESPACE_PID)) != 0;
    struct stat namespace;
    int fd;

    if (record->groups.count > 0)
        return cgroup_processes(&record->groups, ret_pids, ret_count);
    if (!own)
        return record->mark[0] != '\0' ? scan(container, NULL, ret_pids, ret_count) : -ENOTSUP;
    fd = open_namespace(record->init.pid, "pid", &namespace);
    if (fd < 0)
        return -ESRCH;
    fd_close(&fd);
    /* Between record and look its pid may have got another owner. */
    if (!identity_alive(&record->init))
        return -ESRCH;
    return scan(container, &namespace, ret_pids, ret_count);
}
