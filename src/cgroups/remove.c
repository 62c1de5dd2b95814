/* Removing groups: what a container made inside its group, the group, then parents that nobody uses any more.
 */
#include "internal.h"

#include <base/util.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Somebody may be in there who makes groups as fast as they are removed. */
#define STEPS_MAX 1000000

/* Removes the groups directly below that are empty. 1: one that is not, in `name`. */
static int remove_leaves(int fd, char name[NAME_MAX + 1], bool *ret_any)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;

    *ret_any = false;
    if (directory == NULL) {
        r = copy < 0 ? -errno : -ENOMEM;
        fd_close(&copy);
        return r == -ENOENT ? 0 : r; /* removed meanwhile */
    }
    while (r == 0 && (entry = cgroup_next(directory)) != NULL) {
        if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
            *ret_any = true;
            continue;
        }
        r = errno == EBUSY || errno == ENOTEMPTY ? 1 : -errno;
        (void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
    }
    (void)closedir(directory);
    return r;
}

/* Everything below. A container can nest groups as deep as it likes: so up and down, with one descriptor and no recursion. The
 * kernel moves no group to another parent, so ".." is where we came from. */
static int remove_below(int fd_consumed)
{
    CLEAN_FD int fd = fd_consumed;
    char name[NAME_MAX + 1];
    size_t depth = 0;
    bool entered = false;

    for (unsigned step = 0; step < STEPS_MAX; step++) {
        bool any;
        int r = remove_leaves(fd, name, &any), next;

        if (r < 0 || (r == 0 && depth == 0))
            return r;
        /* It could not be removed, and has none below: so it has processes. */
        if (r == 0 && entered && !any)
            return -EBUSY;
        next = openat(fd, r == 1 ? name : "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (next < 0 && !(r == 1 && errno == ENOENT))
            return -errno;
        if (next < 0)
            continue;
        fd_close(&fd);
        fd = next;
        depth += r == 1 ? 1 : (size_t)-1;
        entered = r == 1;
    }
    return -EBUSY;
}

/* rmdir, after everything below. */
static int remove_tree(const char *path)
{
    int fd, r;

    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY && errno != ENOTEMPTY)
        return -errno;
    fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    r = remove_below(fd);
    if (r < 0)
        return r;
    return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

void cgroup_remove_parents(const struct cgroup_group *group)
{
    CLEAN_FREE char *path = strdup(group->path);
    char *slash;

    while (path != NULL && (slash = strrchr(path, '/')) != NULL) {
        char mark[2];

        *slash = '\0';
        if (!cgroup_is_below(path, group->mount))
            return;
        /* Ours by the mark, or because it was not there before: a crash comes between making and marking. */
        if (lgetxattr(path, CGROUP_MARK, mark, sizeof(mark)) != 1) {
            if (errno == ENOENT)
                continue;
            if (group->existing == 0 || strlen(path) <= group->existing)
                return;
        }
        if (rmdir(path) < 0 && errno != ENOENT)
            return;
    }
}

/* It was there before the container, which has no right to take more away than it has made. */
static int empty_group(const struct cgroup_group *group)
{
    int fd = openat(AT_FDCWD, group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return remove_below(fd);
}

/* The kernel takes a moment to forget processes that have just died. */
static int remove_group(const struct cgroup_group *group, int64_t deadline)
{
    bool stays = group->existing == strlen(group->path);
    unsigned step_us = 0;
    int r;

    if (!cgroup_is_below(group->path, group->mount))
        return -EINVAL;
    do
        r = stays ? empty_group(group) : remove_tree(group->path);
    while (r == -EBUSY && cgroup_pause(deadline, &step_us));
    if (r == 0 && !stays)
        cgroup_remove_parents(group);
    return r;
}

int cgroup_remove(const struct cgroup_set *set, int timeout_ms)
{
    int64_t deadline = cgroup_now_ms() + timeout_ms;
    int first = 0;

    for (size_t i = 0; i < set->count; i++) {
        int r = set->groups[i].made ? remove_group(&set->groups[i], deadline) : 0;

        if (first == 0)
            first = r;
    }
    return first;
}
