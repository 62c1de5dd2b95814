/* Descriptors that the kernel wakes who waits for something in a group: what freezes, what has to wait for resources. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

int cgroup_open_file(const struct cgroup_group *group, const char *file, int flags)
{
    char path[PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", group->path, file);
    fd = openat(AT_FDCWD, path, flags | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int cgroup_freezer_fd(const struct cgroup_set *set)
{
    const struct cgroup_group *group = cgroup_freezer_group(set);

    return group != NULL && group->v2 ? cgroup_open_file(group, "cgroup.events", O_RDONLY) : -ENOENT;
}

int64_t cgroup_fd_number(int fd, const char *word)
{
    char text[1024];
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

    if (got < 0)
        return CGROUP_UNKNOWN;
    text[got] = '\0';
    return cgroup_word_number(text, word);
}

int cgroup_pressure_fd(const struct cgroup_set *set, const char *file, const char *trigger)
{
    CLEAN_FD int fd = -EBADF;
    int r = -ENOENT;

    for (size_t i = 0; fd < 0 && i < set->count; i++)
        if (set->groups[i].v2)
            fd = r = cgroup_open_file(&set->groups[i], file, O_RDWR | O_NONBLOCK);
    if (fd < 0)
        return r;
    r = cgroup_write_text(fd, trigger);
    return r < 0 ? r : fd_take(&fd);
}
