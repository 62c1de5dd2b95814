/* Kernels before 5.12 have no mount_setattr: attributes are set by remounting, mount by mount. */
#include "init.h"

#include <fcntl.h>
#include <stdlib.h>
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

/* The mount id of a descriptor, from its fdinfo. */
static int mount_id(struct init *init, int fd)
{
    char path[64], text[512], *found;
    ssize_t got;
    int info;

    (void)text_copy(path, sizeof(path), "proc/self/fdinfo/");
    text_append_number(path, sizeof(path), (uint64_t)fd, 10);
    info = openat(init->host_root, path, O_RDONLY | O_CLOEXEC);
    if (info < 0)
        return -errno;
    got = read(info, text, sizeof(text) - 1);
    (void)close(info);
    if (got <= 0)
        return -EIO;
    text[got] = '\0';
    found = strstr(text, "mnt_id:");
    return found != NULL ? (int)strtol(found + 7, NULL, 10) : -EIO;
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

static void unescape(char *text)
{
    char *out = text;

    for (; *text != '\0'; text++, out++) {
        if (text[0] == '\\' && text[1] != '\0' && text[2] != '\0' && text[3] != '\0') {
            *out = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 3;
        } else {
            *out = *text;
        }
    }
    *out = '\0';
}

/* One mountinfo line: "ID PARENT MAJ:MIN ROOT MOUNTPOINT ..." */
static int remount_line(struct tree *tree, char *line, const struct bind_request *request)
{
    char *at = line, *fields[5];
    int id, parent, fd, r;

    for (int i = 0; i < 5; i++) {
        fields[i] = at;
        at = strchr(at, ' ');
        if (at == NULL)
            return 0;
        *at++ = '\0';
    }
    id = (int)strtol(fields[0], NULL, 10);
    parent = (int)strtol(fields[1], NULL, 10);
    unescape(fields[4]);
    if (id == tree->ids[0])
        tree->prefix = strlen(fields[4]);
    if (tree->prefix == 0 || tree_has(tree, id) || !tree_has(tree, parent))
        return 0;
    if (tree->count == TREE_MAX || strlen(fields[4]) <= tree->prefix)
        return -E2BIG;
    tree->ids[tree->count++] = id;
    /* Below the top, by its descriptor: "/" shows as a prefix of length 1, which is the separator itself. */
    fd = path_open(tree->mounted, fields[4] + (tree->prefix > 1 ? tree->prefix : 0), PATH_MUST_EXIST, true);
    if (fd < 0)
        return fd;
    r = remount(fd, request->set, request->clear);
    (void)close(fd);
    return r;
}

static int remount_below(struct init *init, struct tree *tree, const struct bind_request *request)
{
    static char text[65536];
    size_t have = 0;
    ssize_t got;
    int info = openat(init->host_root, "proc/self/mountinfo", O_RDONLY | O_CLOEXEC), r = 0;

    if (info < 0)
        return -errno;
    while (r == 0 && (got = read(info, text + have, sizeof(text) - 1 - have)) > 0) {
        char *line = text, *end;

        have += (size_t)got;
        text[have] = '\0';
        while (r == 0 && (end = strchr(line, '\n')) != NULL) {
            *end = '\0';
            r = remount_line(tree, line, request);
            line = end + 1;
        }
        have -= (size_t)(line - text);
        memmove(text, line, have);
    }
    (void)close(info);
    return r;
}

int init_old_attributes(struct init *init, int mounted, const struct bind_request *request)
{
    static struct tree tree;
    int r = remount(mounted, request->set, request->clear);

    if (r < 0 || (request->flags & WIRE_MOUNT_RECURSIVE_ATTR) == 0)
        return r;
    tree = (struct tree){ .count = 1, .mounted = mounted };
    tree.ids[0] = mount_id(init, mounted);
    return tree.ids[0] < 0 ? tree.ids[0] : remount_below(init, &tree, request);
}
