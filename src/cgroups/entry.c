/* The files through which a process enters the groups. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

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

        if (!set->groups[i].v2 || !systemd_may_enter(set, &set->groups[i]))
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

/* ---- exec --cgroup ---- */
/* Neither upwards nor in circles; the hierarchies know no links. */
static bool is_below(const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length > 0 && length <= 2 && strspn(path, ".") >= length)
            return false;
        path += length;
        path += *path == '/';
    }
    return true;
}

/* Is the group in the hierarchy that a controller's name stands for? By its mount point, as a record says no more. */
static bool has_name(const struct cgroup_group *group, const char *name, size_t length)
{
    const char *list = strrchr(group->mount, '/') + 1;
    uint32_t known;
    char copy[32];

    if (length >= sizeof(copy))
        return false;
    memcpy(copy, name, length);
    copy[length] = '\0';
    for (; !group->v2 && *list != '\0'; list += strcspn(list, ","), list += *list == ',') {
        if (strcspn(list, ",") == length && memcmp(list, copy, length) == 0)
            return true;
    }
    known = cgroup_controllers_parse(copy);
    return known != 0 && (group->controllers & known) == known;
}

struct below {
    const struct cgroup_set *set;
    const char *paths[CGROUP_HIERARCHIES_MAX]; /* where to, below each group */
    struct lc_error **err;
};

/* "PATH" for all groups, or "CONTROLLER[,CONTROLLER]:PATH". */
static int take_spec(struct below *below, const char *spec)
{
    const char *colon = strchr(spec, ':'), *path = colon != NULL ? colon + 1 : spec, *name = spec;
    const struct error_site site = { .stage = "exec", .op = "--cgroup", .errnum = EINVAL };

    if (!is_below(path))
        return error_raise(below->err, &site, "bad sub cgroup path: %s is not a sub cgroup path", path);
    path += strspn(path, "/");
    for (size_t i = 0; colon == NULL && i < below->set->count; i++)
        below->paths[i] = path;
    /* An empty name, too, is one that nobody has. */
    while (colon != NULL) {
        size_t length = strcspn(name, ",:"), found = 0;

        for (size_t i = 0; i < below->set->count; i++) {
            if (has_name(&below->set->groups[i], name, length)) {
                below->paths[i] = path;
                found++;
            }
        }
        if (found == 0)
            return error_raise(below->err, &site, "unknown controller '%.*s'", (int)length, name);
        name += length;
        if (name++ == colon)
            break;
    }
    return 0;
}

static int open_below(const struct cgroup_group *group, const char *path, struct lc_error **err)
{
    const char *slash = *path != '\0' ? "/" : "";
    char full[PATH_MAX];
    int length = snprintf(
            full, sizeof(full), "%s%s%s/%s", group->path, slash, path, group->v2 ? "cgroup.procs" : "tasks");
    int fd = length < 0 || (size_t)length >= sizeof(full)
                     ? -1
                     : openat(AT_FDCWD, full, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    const struct error_site site = { .stage = "exec", .op = "--cgroup", .object = path, .errnum = errno };

    if (fd >= 0)
        return fd;
    return error_raise(err, &site, "adding pid to %s%s%s/cgroup.procs: %s", group->path, slash, path,
            errno == ENOENT ? "no such file or directory" : "cannot be entered");
}

int cgroup_open_entries_below(const struct cgroup_set *set, const char *const *specs, size_t n_specs,
        int *ret_fds, struct lc_error **err)
{
    struct below below = { .set = set, .err = err };
    int r = 0;

    for (size_t i = 0; i < set->count; i++)
        below.paths[i] = "";
    for (size_t i = 0; r == 0 && i < n_specs; i++)
        r = take_spec(&below, specs[i]);
    for (size_t i = 0; r == 0 && i < set->count; i++) {
        int fd = open_below(&set->groups[i], below.paths[i], err);

        if (fd < 0) {
            while (i-- > 0)
                fd_close(&ret_fds[i]);
            return fd;
        }
        ret_fds[i] = fd;
    }
    return r;
}
