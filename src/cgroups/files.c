/* Reading and writing the files of a group, and saying in words why the kernel refused. */
#include "internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
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

int cgroup_read_file(const struct cgroup_group *group, const char *file, char **ret_text)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", group->path, file);

    if (length < 0 || (size_t)length >= sizeof(path))
        return -ENAMETOOLONG;
    return cgroup_read_text(AT_FDCWD, path, ret_text);
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

/* What a number means depends on whose file it is. */
static const char *hint_for(int errnum, const char *file)
{
    static const struct {
        int errnum;
        const char *prefix, *hint;
    } particular[] = {
        { EBUSY, "memory.", "more than that is in use, and the kernel could not take it back" },
        { EOPNOTSUPP, "blkio.bfq.", "this device has another I/O scheduler: only bfq knows weights" },
        { EOPNOTSUPP, "io.bfq.", "this device has another I/O scheduler: only bfq knows weights" },
        { ENODEV, "blkio.", "there is no such block device, or it is a part of one" },
        { ENODEV, "io.", "there is no such block device, or it is a part of one" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(particular); i++)
        if (particular[i].errnum == errnum &&
                strncmp(file, particular[i].prefix, strlen(particular[i].prefix)) == 0)
            return particular[i].hint;
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
                    .hint = hint_for(errnum, file),
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

static int fail_no_swap(const struct group_dir *dir, const struct limit_line *line)
{
    return error_raise(dir->err,
            &(struct error_site){
                    .errnum = ENOTSUP,
                    .stage = "cgroup",
                    .object = dir->path,
                    .pointer = line->pointer,
                    .hint = "boot with swapaccount=1 or a kernel with CONFIG_SWAP, or leave this limit out",
            },
            "the memory controller does not account swap here (no %s)", line->file);
}

int group_write_line(const struct group_dir *dir, const struct limit_line *line)
{
    const char *file = line->file, *value = line->value, *call = "openat";
    CLEAN_FD int fd = openat(dir->fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (fd < 0 && errno == ENOENT && line->other_file != NULL) {
        file = line->other_file;
        value = line->other_value;
        fd = openat(dir->fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    r = fd < 0 ? -errno : 0;
    if (r == -ENOENT && line->optional)
        return 0;
    if (r == -ENOENT && (strstr(file, ".memsw.") != NULL || strstr(file, ".swap.") != NULL))
        return fail_no_swap(dir, line);
    if (r == 0) {
        call = "write";
        r = cgroup_write_text(fd, value);
    }
    if (r < 0)
        return group_fail(dir, file, -r, call, line->pointer);
    log_line(dir->log, "cgroup %s/%s = %s: ok", dir->path, file, value);
    return 0;
}

static int emit_to_group(void *data, const struct limit_line *line)
{
    return group_write_line(data, line);
}

int group_write_limits(
        const struct group_dir *dir, const struct config_cgroups *cgroups, const struct cgroup_group *group)
{
    struct group_dir copy = *dir;
    int r = cgroup_limit_lines(cgroups, group->controllers, group->v2, emit_to_group, &copy);

    return r == -E2BIG ? group_fail(dir, "", E2BIG, NULL, cgroup_pointer(cgroups, CGROUP_KEY_GROUP)) : r;
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

const struct dirent *cgroup_next(DIR *directory)
{
    const struct dirent *entry;

    do
        entry = readdir(directory);
    while (entry != NULL &&
            (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}
