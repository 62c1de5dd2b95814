/* Kernels before 5.12 have no mount_setattr: attributes are set by remounting, mount by mount. */
#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

/* A remount replaces all attributes, so start from what the mount has (statfs) and change only what was asked. */
long init_mount_flags(int mounted, uint64_t set, uint64_t clear)
{
    static const struct {
        uint64_t attr;
        unsigned long flag, statfs;
    } rows[] = {
        { MOUNT_ATTR_RDONLY, MS_RDONLY, 0x0001 },
        { MOUNT_ATTR_NOSUID, MS_NOSUID, 0x0002 },
        { MOUNT_ATTR_NODEV, MS_NODEV, 0x0004 },
        { MOUNT_ATTR_NOEXEC, MS_NOEXEC, 0x0008 },
        { MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, 0x0800 },
        { MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, 0x2000 },
    };
    unsigned long flags = 0;
    struct statfs st;

    if (fstatfs(mounted, &st) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool on = ((unsigned long)st.f_flags & rows[i].statfs) != 0;

        if ((clear & rows[i].attr) != 0)
            on = false;
        if ((set & rows[i].attr) != 0)
            on = true;
        flags |= on ? rows[i].flag : 0;
    }
    if ((clear & MOUNT_ATTR__ATIME) != 0)
        flags |= (set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME       ? MS_NOATIME
                 : (set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME
                                                                       : MS_RELATIME;
    else
        flags |= ((unsigned long)st.f_flags & 0x0400) != 0   ? MS_NOATIME
                 : ((unsigned long)st.f_flags & 0x1000) != 0 ? MS_RELATIME
                                                             : MS_STRICTATIME;
    return (long)flags;
}

static int remount(int fd, uint64_t set, uint64_t clear)
{
    long flags = init_mount_flags(fd, set, clear);

    if (flags < 0)
        return (int)flags;
    return sys_mount("", init_fd_path(fd).text, NULL, MS_REMOUNT | MS_BIND | (unsigned long)flags, NULL);
}

#define TREE_MAX 1024

/* Members of the tree found so far: a mount belongs when its parent does. mountinfo lists parents first. */
struct tree {
    int ids[TREE_MAX];
    size_t count;
    int mounted;   /* descriptor of the top */
    size_t prefix; /* length of its mount point, as mountinfo shows it from here; 0: not seen yet */
};

static bool tree_has(const struct tree *tree, int id)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->ids[i] == id)
            return true;
    return false;
}

struct remounting {
    struct tree *tree;
    const struct bind_request *request;
};

static int remount_entry(struct init *init, const struct init_mount *entry, void *data)
{
    const struct remounting *remounting = data;
    struct tree *tree = remounting->tree;
    int fd, r;

    (void)init;
    if (entry->id == tree->ids[0])
        tree->prefix = strlen(entry->point);
    if (tree->prefix == 0 || tree_has(tree, entry->id) || !tree_has(tree, entry->parent))
        return 0;
    if (tree->count == TREE_MAX || strlen(entry->point) <= tree->prefix)
        return -E2BIG;
    tree->ids[tree->count++] = entry->id;
    /* Below the top, by its descriptor: "/" shows as a prefix of length 1, which is the separator itself. */
    fd = path_open(
            tree->mounted, entry->point + (tree->prefix > 1 ? tree->prefix : 0), PATH_MUST_EXIST, true);
    if (fd < 0)
        return fd;
    r = remount(fd, remounting->request->set, remounting->request->clear);
    (void)close(fd);
    return r;
}

int init_old_attributes(struct init *init, int mounted, const struct bind_request *request)
{
    static struct tree tree;
    struct remounting remounting = { &tree, request };
    int r = remount(mounted, request->set, request->clear);

    if (r < 0 || (request->flags & WIRE_MOUNT_RECURSIVE_ATTR) == 0)
        return r;
    tree = (struct tree){ .count = 1, .mounted = mounted };
    tree.ids[0] = init_mount_id(init, mounted);
    return tree.ids[0] < 0 ? tree.ids[0] : init_each_mount(init, remount_entry, &remounting);
}
