/* Making groups: the walk from the mount point down, with what each version needs on the way. */
#include "internal.h"

#include <base/util.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* How often the walk starts again when a parent vanishes under it: whoever used it last removes a parent that
 * carries our mark, perhaps between our look at it and our mkdir in it. */
#define WALK_TRIES 16

bool cgroup_is_below(const char *path, const char *mount)
{
    size_t length = strlen(mount);

    if (strncmp(path, mount, length) != 0 || path[length] != '/' || path[length + 1] == '\0')
        return false;
    for (const char *up = strstr(path + length, "/.."); up != NULL; up = strstr(up + 1, "/..")) {
        if (up[3] == '/' || up[3] == '\0')
            return false;
    }
    return true;
}

int walk_fail(
        const struct walk *walk, size_t length, int errnum, const struct error_site *site, const char *text)
{
    struct error_site full = *site;
    CLEAN_FREE char *object = NULL;

    if (walk->tries_left > 0 && (errnum == ENOENT || errnum == ENODEV))
        return -errnum;
    if (full.object == NULL) {
        object = strndup(walk->group->path, length);
        full.object = object;
    }
    full.errnum = errnum;
    full.stage = "cgroup";
    return error_raise(walk->err, &full, text != NULL ? "%s" : NULL, text);
}

static const char *mkdir_hint(int errnum)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
        return "root, or a user to whom the parent group was delegated (by systemd with Delegate=yes), may "
               "make groups";
    case EROFS:
        return "the cgroup file system is mounted read-only here";
    case EAGAIN:
        return "the parent group's cgroup.max.depth or cgroup.max.descendants is reached";
    case ENOTDIR:
    case EEXIST:
        return "a file of the parent group has this name; choose another";
    default:
        return NULL;
    }
}

/* The leaf is as planned: ours to make, or there already. */
static int make_leaf(const struct walk *walk, int parent_fd, const char *name, size_t length)
{
    const char *pointer = cgroup_pointer(&walk->config->cgroups, CGROUP_KEY_NAME);
    const struct error_site taken = {
        .pointer = pointer,
        .syscall = "mkdir",
        .hint = "another container has the same cgroups.name: each needs its own",
    };

    struct stat there;

    if (!walk->group->made)
        return 0;
    if (mkdirat(parent_fd, name, 0755) == 0 || (errno == EEXIST && walk->group->adopted))
        return 0;
    if (errno == EEXIST && fstatat(parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(there.st_mode))
        return walk_fail(walk, length, EBUSY, &taken, "the group was made by another process meanwhile");
    return walk_fail(walk, length, errno,
            &(struct error_site){ .syscall = "mkdir", .pointer = pointer, .hint = mkdir_hint(errno) }, NULL);
}

/* Opens one component, making it when it is missing. A parent that is ours gets the mark. */
static int open_parent(const struct walk *walk, int parent_fd, const char *name, size_t length, int *ret_fd)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    bool ours = false;
    const char *call = "openat";
    int fd;

    fd = openat(parent_fd, name, flags);
    if (fd < 0 && errno == ENOENT) {
        call = "mkdir";
        ours = mkdirat(parent_fd, name, 0755) == 0;
        if (ours || errno == EEXIST)
            fd = openat(parent_fd, name, flags);
    }
    if (fd < 0)
        return walk_fail(walk, length, errno,
                &(struct error_site){ .syscall = call,
                        .pointer = cgroup_pointer(&walk->config->cgroups, CGROUP_KEY_PARENT),
                        .hint = mkdir_hint(errno) },
                NULL);
    /* An ordinary user may not set it; then the parent simply stays. */
    if (ours)
        (void)fsetxattr(fd, CGROUP_MARK, "1", 1, 0);
    *ret_fd = fd;
    return 0;
}

static int open_leaf(
        const struct walk *walk, int parent_fd, const char *name, size_t length, bool *ret_made, int *ret_fd)
{
    int fd, r;

    r = make_leaf(walk, parent_fd, name, length);
    if (r < 0)
        return r;
    *ret_made = walk->group->made;
    fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return walk_fail(walk, length, errno,
                &(struct error_site){ .syscall = "openat",
                        .pointer = cgroup_pointer(&walk->config->cgroups, CGROUP_KEY_NAME),
                        .hint = mkdir_hint(errno) },
                NULL);
    *ret_fd = fd;
    return 0;
}

/* One step down: what the parent must allow, the directory, what the directory needs. */
static int step(const struct walk *walk, const struct version *version, int *fd, size_t start, size_t end,
        bool *ret_made)
{
    CLEAN_FREE char *name = strndup(walk->group->path + start, end - start);
    bool leaf = walk->group->path[end] == '\0';
    CLEAN_FD int child = -EBADF;
    int r = 0;

    if (name == NULL)
        return walk_fail(walk, end, ENOMEM, &(struct error_site){ 0 }, NULL);
    if (version->before_child != NULL)
        r = version->before_child(walk, *fd, start - 1);
    if (r < 0)
        return r;
    r = leaf ? open_leaf(walk, *fd, name, end, ret_made, &child) : open_parent(walk, *fd, name, end, &child);
    if (r < 0)
        return r;
    if (version->after_child != NULL)
        r = version->after_child(walk, *fd, child, end);
    if (r < 0)
        return r;
    fd_close(fd);
    *fd = fd_take(&child);
    return 0;
}

static int walk_down(const struct walk *walk, const struct version *version, bool *ret_made, int *ret_fd)
{
    const char *path = walk->group->path;
    size_t end = strlen(walk->group->mount);
    CLEAN_FD int fd = openat(AT_FDCWD, walk->group->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return walk_fail(walk, end, errno, &(struct error_site){ .syscall = "open" }, NULL);
    while (path[end] == '/') {
        size_t start = end + 1;
        int r;

        end = start + strcspn(path + start, "/");
        r = step(walk, version, &fd, start, end, ret_made);
        if (r < 0)
            return r;
    }
    *ret_fd = fd_take(&fd);
    return 0;
}

/* Is there anything to do in the group or on the way to it besides making it? */
static bool is_plain(const struct walk *walk)
{
    const struct config_cgroups *cgroups = &walk->config->cgroups;
    uint32_t controllers = walk->group->controllers;

    if (!walk->group->made || walk->group->adopted || (controllers & CGROUP_BIT(CGROUP_CPUSET)) != 0)
        return false;
    if (walk->group->v2)
        return controllers == 0;
    /* Only a group above can have frozen it. */
    if ((controllers & CGROUP_BIT(CGROUP_FREEZER)) != 0 &&
            strchr(walk->group->path + strlen(walk->group->mount) + 1, '/') != NULL)
        return false;
    return (controllers & plan_needed(cgroups)) == 0;
}

/* Most hierarchies only have to know the container: one system call each, when the parent is there. */
static int make_plain(const struct walk *walk, bool *ret_made)
{
    if (!is_plain(walk) || mkdir(walk->group->path, 0755) < 0)
        return 0; /* the walk finds out why, and says so */
    *ret_made = true;
    log_line(walk->log, "cgroup %s (v%d, made): ok", walk->group->path, walk->group->v2 ? 2 : 1);
    return 1;
}

static int make_group(struct walk walk, const struct version *version, bool *ret_made, int *ret_fd)
{
    CLEAN_FD int fd = -EBADF;
    int r;

    if (!cgroup_is_below(walk.group->path, walk.group->mount))
        return walk_fail(&walk, strlen(walk.group->path), EINVAL, &(struct error_site){ 0 },
                "not a group below its mount point");
    if (!walk.group->v2 && make_plain(&walk, ret_made) > 0)
        return 0;
    walk.tries_left = WALK_TRIES;
    do
        r = walk_down(&walk, version, ret_made, &fd);
    while (!*ret_made && (r == -ENOENT || r == -ENODEV) && walk.tries_left-- > 0);
    if (r < 0 && !*ret_made)
        cgroup_remove_parents(walk.group);
    if (r < 0)
        return r;
    walk.tries_left = 0;
    log_line(walk.log, "cgroup %s (v%d, %s): ok", walk.group->path, walk.group->v2 ? 2 : 1,
            walk.group->made && !walk.group->adopted ? "made" : "was there");
    r = version->apply(&walk, fd);
    if (r < 0)
        return r;
    *ret_fd = fd_take(&fd);
    return 0;
}

/* Groups we never made must not look as if we had. The v2 group is made first, and stays ours when v1 fails.
 */
static void disown(struct cgroup_set *set, size_t from, bool v2)
{
    for (size_t i = 0; i < set->count; i++) {
        bool later = set->groups[i].v2 == v2 ? i >= from : v2;

        if (later)
            set->groups[i].made = false;
    }
}

int groups_make(const struct lc_config *config, struct cgroup_set *set, const struct version *version,
        const struct log *log, int *ret_fd, struct lc_error **err)
{
    CLEAN_FD int fd = -EBADF;

    for (size_t i = 0; i < set->count; i++) {
        struct walk walk = { .config = config, .group = &set->groups[i], .log = log, .err = err };
        bool made = false;
        int r;

        if (set->groups[i].v2 != version->v2)
            continue;
        fd_close(&fd);
        r = make_group(walk, version, &made, &fd);
        if (r < 0) {
            disown(set, made ? i + 1 : i, version->v2);
            return r;
        }
    }
    if (ret_fd != NULL)
        *ret_fd = fd_take(&fd);
    return 0;
}
