/* "tmpcopyup": a tmpfs that begins as a copy of the directory below it. That is the image's, and may hold anything: it is
 * read by descriptor, no link in it is followed, and every kind of file stays of its kind. Nobody else sees the new tree
 * yet. */
#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TMPFS_MAGIC 0x01021994
#define DEPTH_MAX 200 /* two descriptors each, of the 1024 that we may have */

struct copy {
    struct init *init;
    const char *destination;
    int from, to; /* the directories */
    unsigned int depth;
};

static int copy_directory(struct copy *copy);

static int fail(const struct copy *copy, const char *call, const char *name, int result)
{
    char path[512] = "";

    (void)text_append(path, sizeof(path), copy->destination);
    (void)text_append(path, sizeof(path), " (tmpcopyup): ");
    (void)text_append(path, sizeof(path), name);
    return init_fail(copy->init, call, path, result);
}

/* The file by name below its directory, for calls that know no descriptors; the l-forms do not follow the last part. */
static void name_below(char *path, size_t size, int directory, const char *name)
{
    (void)text_copy(path, size, init_fd_path(directory).text);
    (void)text_append(path, size, "/");
    (void)text_append(path, size, name);
}

/* What this file system cannot keep, it cannot keep. */
static bool may_lack(int errnum)
{
    return errnum == EOPNOTSUPP || errnum == ENODATA;
}

static int copy_xattrs(const struct copy *copy, const char *name)
{
    static char names[65536], value[65536];
    char from[320], to[320];
    ssize_t length, size;

    name_below(from, sizeof(from), copy->from, name);
    name_below(to, sizeof(to), copy->to, name);
    length = llistxattr(from, names, sizeof(names));
    if (length < 0)
        return may_lack(errno) ? 0 : fail(copy, "llistxattr", name, -errno);
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        size = lgetxattr(from, names + at, value, sizeof(value));
        if (size < 0 && !may_lack(errno))
            return fail(copy, "lgetxattr", name, -errno);
        if (size >= 0 && lsetxattr(to, names + at, value, (size_t)size, 0) < 0 && !may_lack(errno))
            return fail(copy, "lsetxattr", name, -errno);
    }
    return 0;
}

/* Owner before mode, which it would take bits of; extended attributes after both, times last. */
static int copy_attributes(const struct copy *copy, const char *name, const struct stat *st)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };
    int r;

    if (fchownat(copy->to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(copy, "fchownat", name, -errno);
    if (!S_ISLNK(st->st_mode) && fchmodat(copy->to, name, st->st_mode & 07777, 0) < 0)
        return fail(copy, "fchmodat", name, -errno);
    r = copy_xattrs(copy, name);
    if (r == 0 && utimensat(copy->to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        r = fail(copy, "utimensat", name, -errno);
    return r;
}

static int copy_file(const struct copy *copy, const char *name, const struct stat *st)
{
    int from = openat(copy->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), to = -1,
        r = 0;
    struct stat opened;
    ssize_t sent;

    if (from < 0)
        return fail(copy, "openat", name, -errno);
    if (fstat(from, &opened) < 0 || opened.st_ino != st->st_ino || !S_ISREG(opened.st_mode))
        r = fail(copy, "fstat", name, -EAGAIN);
    if (r == 0) {
        to = openat(copy->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        r = to < 0 ? fail(copy, "openat", name, -errno) : 0;
    }
    while (r == 0 && (sent = sendfile(to, from, NULL, 1 << 20)) != 0)
        if (sent < 0)
            r = fail(copy, "sendfile", name, -errno);
    init_close(&to);
    (void)close(from);
    return r;
}

static int copy_link(const struct copy *copy, const char *name)
{
    static char target[4096];
    ssize_t length = readlinkat(copy->from, name, target, sizeof(target) - 1);

    if (length < 0)
        return fail(copy, "readlinkat", name, -errno);
    target[length] = '\0';
    return symlinkat(target, copy->to, name) < 0 ? fail(copy, "symlinkat", name, -errno) : 0;
}

static int copy_below(const struct copy *copy, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct copy below = { copy->init, copy->destination, -1, -1, copy->depth + 1 };
    int r;

    if (below.depth > DEPTH_MAX)
        return fail(copy, "openat", name, -ELOOP);
    if (mkdirat(copy->to, name, 0700) < 0)
        return fail(copy, "mkdirat", name, -errno);
    below.from = openat(copy->from, name, flags);
    below.to = below.from < 0 ? -1 : openat(copy->to, name, flags);
    r = below.to < 0 ? fail(copy, "openat", name, -errno) : copy_directory(&below);
    init_close(&below.from);
    init_close(&below.to);
    return r;
}

static int copy_entry(const struct copy *copy, const char *name)
{
    struct stat st;
    int r = 0;

    if (fstatat(copy->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(copy, "fstatat", name, -errno);
    if (S_ISREG(st.st_mode))
        r = copy_file(copy, name, &st);
    else if (S_ISDIR(st.st_mode))
        r = copy_below(copy, name);
    else if (S_ISLNK(st.st_mode))
        r = copy_link(copy, name);
    else if (mknodat(copy->to, name, st.st_mode & (S_IFMT | 0777), st.st_rdev) < 0)
        r = fail(copy, "mknodat", name, -errno);
    return r < 0 ? r : copy_attributes(copy, name, &st);
}

static int copy_directory(struct copy *copy)
{
    char entries[4096] __attribute__((aligned(8)));
    long got;
    int r = 0;

    while (r == 0 && (got = syscall(SYS_getdents64, copy->from, entries, sizeof(entries))) != 0) {
        if (got < 0)
            return fail(copy, "getdents64", ".", -errno);
        for (long at = 0; r == 0 && at < got;) {
            const char *name = entries + at + 19; /* d_name of linux_dirent64 */
            unsigned short length;

            memcpy(&length, entries + at + 16, sizeof(length)); /* d_reclen */
            at += length;
            if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
                r = copy_entry(copy, name);
        }
    }
    return r;
}

/* The top: with_mode() has given it the mode already, which an option may have overruled. */
static int own_top(const struct copy *copy, const char *data)
{
    struct stat st;

    if (fstat(copy->from, &st) < 0)
        return fail(copy, "fstat", ".", -errno);
    if (data != NULL && (strstr(data, "uid=") != NULL || strstr(data, "gid=") != NULL))
        return 0;
    return fchown(copy->to, st.st_uid, st.st_gid) < 0 ? fail(copy, "fchown", ".", -errno) : 0;
}

int init_copy_up(struct init *init, int below, const char *destination, const char *data)
{
    struct copy copy = { .init = init, .destination = destination, .from = -1, .to = -1 };
    int top = path_open(init->root, destination, PATH_MUST_EXIST, false), r = 0;
    struct statfs fs;

    if (top < 0)
        return init_fail(init, "openat2", destination, top);
    copy.from = openat(below, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    copy.to = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)close(top);
    if (copy.from < 0 || copy.to < 0)
        r = fail(&copy, "openat", ".", -errno);
    else if (fstatfs(copy.to, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
        r = fail(&copy, "fstatfs", ".", -EAGAIN);
    if (r == 0)
        r = copy_directory(&copy);
    if (r == 0)
        r = own_top(&copy, data);
    init_close(&copy.from);
    init_close(&copy.to);
    return r;
}
