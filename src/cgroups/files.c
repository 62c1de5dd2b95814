/* Reading and writing the files of a group, and saying in words why the kernel refused. */
#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int cgroup_read_text(int dirfd, const char *name, char **ret_text)
{
    CLEAN_FD int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
    struct buffer text = { 0 };
    char chunk[4096], *taken;
    ssize_t got;

    if (fd < 0)
        return -errno;
    for (;;) {
        got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        buffer_add(&text, chunk, (size_t)got);
    }
    if (got < 0) {
        int errnum = errno;

        buffer_done(&text);
        return -errnum;
    }
    taken = buffer_take_text(&text);
    if (taken == NULL)
        return -ENOMEM;
    *ret_text = taken;
    return 0;
}

/* One write: each is one command to the kernel, and cannot be continued. */
int cgroup_write_text(int fd, const char *value)
{
    ssize_t put;

    do
        put = write(fd, value, strlen(value));
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return -errno;
    return (size_t)put == strlen(value) ? 0 : -EIO;
}

static const char *hint_for(int errnum)
{
    switch (errnum) {
    case EINVAL:
    case ERANGE:
        return "the kernel does not accept this value here; see what the parent group allows";
    case ENOENT:
        return "this kernel has no such file: the feature is not built in, or is off on the kernel's command "
               "line";
    case EBUSY:
        return "the group, or one next to it, is in use in a way that forbids this change";
    case ENOSPC:
        return "the group has no CPUs or no memory nodes: see cpuset_cpus and cpuset_mems";
    case EACCES:
    case EPERM:
        return "the parent group does not allow it, or this user may not write here: root, or a delegated "
               "group, "
               "may";
    case EROFS:
        return "the cgroup file system is mounted read-only here";
    default:
        return NULL;
    }
}

int group_fail(
        const struct group_dir *dir, const char *file, int errnum, const char *syscall, const char *pointer)
{
    CLEAN_FREE char *object = NULL;

    if (dir->may_vanish && (errnum == ENOENT || errnum == ENODEV))
        return -errnum;
    if (asprintf(&object, "%s%s%s", dir->path, file[0] != '\0' ? "/" : "", file) < 0)
        object = NULL;
    return error_raise(dir->err,
            &(struct error_site){
                    .errnum = errnum,
                    .stage = "cgroup",
                    .syscall = syscall,
                    .object = object,
                    .pointer = pointer,
                    .hint = hint_for(errnum),
            },
            NULL);
}

int group_write(const struct group_dir *dir, const char *file, const char *value, const char *pointer)
{
    CLEAN_FD int fd = openat(dir->fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (fd < 0)
        return group_fail(dir, file, errno, "openat", pointer);
    r = cgroup_write_text(fd, value);
    if (r < 0)
        return group_fail(dir, file, -r, "write", pointer);
    log_line(dir->log, "cgroup %s/%s = %s: ok", dir->path, file, value);
    return 0;
}

/* The swap limit that nobody asked for, and "unlimited", are no loss where swap is not accounted. */
static bool may_be_missing(const struct config_cgroups *cgroups, const struct limit_row *row)
{
    return row->limit == LIMIT_MEMORY_SWAP &&
           (!cgroups->limits[LIMIT_MEMORY_SWAP].set || cgroups->limits[LIMIT_MEMORY_SWAP].value < 0);
}

static int write_swap(const struct group_dir *dir, const struct config_cgroups *cgroups,
        const struct limit_row *row, const char *file, const char *value)
{
    if (faccessat(dir->fd, file, F_OK, 0) == 0)
        return group_write(dir, file, value, "/cgroups/memory_swap");
    if (may_be_missing(cgroups, row))
        return 0;
    return error_raise(dir->err,
            &(struct error_site){
                    .errnum = ENOTSUP,
                    .stage = "cgroup",
                    .object = dir->path,
                    .pointer = "/cgroups/memory_swap",
                    .hint = "boot with swapaccount=1 or a kernel with CONFIG_SWAP, or leave memory_swap out",
            },
            "the memory controller does not account swap here (no %s)", file);
}

static int write_limit(const struct group_dir *dir, const struct config_cgroups *cgroups,
        const struct limit_row *row, int version)
{
    const char *file = version == 1 ? row->v1 : row->v2;
    char value[4096], pointer[64];
    int r;

    if (file == NULL)
        return 0; /* cgroup_plan refused it */
    cgroup_limit_pointer(row, pointer, sizeof(pointer));
    r = row->value(cgroups, row->limit, version, value, sizeof(value));
    if (r < 0)
        return group_fail(dir, file, -r, "write", pointer);
    if (row->limit == LIMIT_MEMORY_SWAP)
        return write_swap(dir, cgroups, row, file, value);
    return group_write(dir, file, value, pointer);
}

/* Does this row write anything? A default swap limit comes with memory; cpu.max is written once for its two
 * keys. */
static bool is_due(const struct config_cgroups *cgroups, const struct limit_row *row, int version)
{
    if (row->limit == LIMIT_MEMORY_SWAP)
        return cgroup_limit_is_set(cgroups, row) || cgroups->limits[LIMIT_MEMORY].set;
    if (row->limit == LIMIT_CPU_PERIOD && version == 2 && cgroups->limits[LIMIT_CPU_QUOTA].set)
        return false;
    return cgroup_limit_is_set(cgroups, row);
}

int group_write_limits(
        const struct group_dir *dir, const struct config_cgroups *cgroups, const struct cgroup_group *group)
{
    int version = group->v2 ? 2 : 1;

    for (size_t i = 0; i < n_cgroup_limit_rows; i++) {
        const struct limit_row *row = &cgroup_limit_rows[i];
        int r;

        if ((group->controllers & CGROUP_BIT(row->controller)) == 0 || !is_due(cgroups, row, version))
            continue;
        r = write_limit(dir, cgroups, row, version);
        if (r < 0)
            return r;
    }
    return 0;
}

int64_t cgroup_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool cgroup_pause(int64_t deadline_ms, unsigned *step_us)
{
    enum { FIRST_US = 200, LONGEST_US = 16000 };

    if (cgroup_now_ms() >= deadline_ms)
        return false;
    *step_us = *step_us == 0 ? FIRST_US : *step_us * 2;
    if (*step_us > LONGEST_US)
        *step_us = LONGEST_US;
    (void)nanosleep(&(struct timespec){ .tv_nsec = (long)*step_us * 1000 }, NULL);
    return true;
}
