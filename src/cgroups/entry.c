/* The files through which a process enters the groups. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>

int cgroup_open_entry(const struct cgroup_group *group, struct lc_error **err)
{
    char path[4096];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", group->path, group->v2 ? "cgroup.procs" : "tasks");
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_raise(err,
                &(struct error_site){ .stage = "cgroup",
                        .syscall = "open",
                        .object = path,
                        .pointer = "/cgroups",
                        .errnum = errno },
                NULL);
    return fd;
}

int cgroup_open_v2(const struct cgroup_set *set, int *ret_fd, struct lc_error **err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct group_dir dir = { .path = set->groups[i].path, .err = err };
        int fd;

        if (!set->groups[i].v2)
            continue;
        fd = openat(AT_FDCWD, set->groups[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            return group_fail(&dir, "", errno, "open", NULL);
        *ret_fd = fd;
        return 0;
    }
    *ret_fd = -EBADF;
    return 0;
}
