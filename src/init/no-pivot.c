/* A root that is only on top of the host's: who can open user and mount namespaces would find the host's proc and sysfs
 * below it, whole, and so be let mount his own, whatever is masked in the container. They go before that. */
#include "init.h"

#include <string.h>

#define MOUNTS_MAX 4096

struct container_tree {
    int ids[MOUNTS_MAX];
    size_t count;
};

static bool is_inside(struct container_tree *tree, const struct init_mount *mount)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->ids[i] == mount->parent || tree->ids[i] == mount->id)
            return true;
    return false;
}

static int hide(struct init *init, const struct init_mount *mount, void *data)
{
    struct container_tree *tree = data;
    int r;

    if (is_inside(tree, mount)) {
        if (tree->count == MOUNTS_MAX)
            return -E2BIG;
        tree->ids[tree->count++] = mount->id;
        return 0;
    }
    if (strcmp(mount->type, "proc") != 0 && strcmp(mount->type, "sysfs") != 0)
        return 0;
    /* "/" is still the host's. In a user namespace its mounts are locked, and can only be covered. */
    r = sys_umount(mount->point, LCSYS_MNT_DETACH);
    if (r == -EINVAL || r == -EPERM)
        r = sys_mount("tmpfs", mount->point, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "size=0,nr_inodes=2,mode=755");
    /* Below one that went before, or not ours to see: then nobody else sees it either. */
    if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
        return 0;
    return r < 0 ? init_fail(init, "umount2", mount->point, r) : 0;
}

int init_hide_host(struct init *init)
{
    static struct container_tree tree;

    tree.ids[0] = init_mount_id(init, init->root);
    tree.count = 1;
    return tree.ids[0] < 0 ? init_fail(init, "open", "mount id of the root", tree.ids[0])
                           : init_each_mount(init, hide, &tree);
}
