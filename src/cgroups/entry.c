#include <cgroups/cgroups.h>

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
