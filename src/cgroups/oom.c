/* Being told of, and counting, processes killed for want of memory. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#define V1_CONTROL "memory.oom_control"
#define V2_EVENTS "memory.events"

/* The kernel signals the eventfd from now on, until it or the group is gone. */
static int register_v1(const struct cgroup_group *group)
{
    CLEAN_FD int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), control = -EBADF, target = -EBADF;
    char line[32];
    int r;

    if (event < 0)
        return -errno;
    target = cgroup_open_file(group, V1_CONTROL, O_RDONLY);
    if (target < 0)
        return target;
    control = cgroup_open_file(group, "cgroup.event_control", O_WRONLY);
    if (control < 0)
        return control;
    (void)snprintf(line, sizeof(line), "%d %d", event, target);
    r = cgroup_write_text(control, line);
    return r < 0 ? r : fd_take(&event);
}

int cgroup_oom_fd(const struct cgroup_set *set)
{
    const struct cgroup_group *group = cgroup_find(set, CGROUP_MEMORY);

    if (group == NULL)
        return -ENOENT;
    return group->v2 ? cgroup_open_file(group, V2_EVENTS, O_RDONLY) : register_v1(group);
}

/* v1's end of a group signals the eventfd as well: then nobody was killed. v2's memory.events changes for other reasons too
 * (limits met), so the caller compares counts. */
int cgroup_oom_take(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof(count));
    int64_t kills;

    if (got == (ssize_t)sizeof(count) && lseek(fd, 0, SEEK_CUR) != (off_t)sizeof(count))
        return count > INT_MAX ? INT_MAX : (int)count;
    if (got < 0)
        return errno == EAGAIN ? 0 : -errno;
    kills = cgroup_fd_number(fd, "oom_kill");
    (void)lseek(fd, 0, SEEK_SET);
    return kills < 0 ? 0 : (int)kills;
}
