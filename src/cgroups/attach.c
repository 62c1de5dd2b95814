/* Putting processes into groups. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <stdio.h>

static int attach_one(const struct cgroup_group *group, pid_t pid, struct lc_error **err)
{
    struct group_dir dir = { .path = group->path, .err = err };
    CLEAN_FREE char *path = NULL;
    CLEAN_FD int fd = -EBADF;
    char text[16];
    int r;

    if (asprintf(&path, "%s/cgroup.procs", group->path) < 0) {
        path = NULL;
        return group_fail(&dir, "cgroup.procs", ENOMEM, NULL, NULL);
    }
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return group_fail(&dir, "cgroup.procs", errno, "open", NULL);
    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    r = cgroup_write_text(fd, text);
    return r < 0 ? group_fail(&dir, "cgroup.procs", -r, "write", NULL) : 0;
}

int cgroup_attach(const struct cgroup_set *set, pid_t pid, bool include_v2, struct lc_error **err)
{
    for (size_t i = 0; i < set->count; i++) {
        int r = set->groups[i].v2 && !include_v2 ? 0 : attach_one(&set->groups[i], pid, err);

        if (r < 0)
            return r;
    }
    return 0;
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
