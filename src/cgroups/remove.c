/* Removing groups: what a container made inside its group, the group, then parents that nobody uses any more.
 */
#include "internal.h"

#include <base/util.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* A container can nest groups as deep as it likes; we do not follow it, or run out of stack and descriptors.
 */
#define DEPTH_MAX 128

static int remove_below(int fd_consumed, int depth);

/* rmdir, after everything below. */
static int remove_tree(int dirfd, const char *name, int depth)
{
    int fd, r;

    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY && errno != ENOTEMPTY)
        return -errno;
    if (depth == DEPTH_MAX)
        return -ELOOP;
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    r = remove_below(fd, depth + 1);
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return r < 0 ? r : -errno;
}

static int remove_below(int fd_consumed, int depth)
{
    DIR *directory = fdopendir(fd_consumed);
    struct dirent *entry;
    int first = 0;

    if (directory == NULL) {
        fd_close(&fd_consumed);
        return -ENOMEM;
    }
    while ((entry = readdir(directory)) != NULL) {
        int r;

        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = remove_tree(dirfd(directory), entry->d_name, depth);
        if (first == 0)
            first = r;
    }
    (void)closedir(directory);
    return first;
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
    return remove_below(fd, 0);
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
        r = stays ? empty_group(group) : remove_tree(AT_FDCWD, group->path, 0);
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
