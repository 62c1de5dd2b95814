#include <lcsys/path.h>
#include <lcsys/syscalls.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40
#define OPENAT2_TRIES 64

/* The walk: `done` is the resolved path so far (real directories only), `todo` what is left. */
struct walk {
    int root, at; /* at: O_PATH fd of `done`; may equal root */
    char done[PATH_MAX], todo[PATH_MAX];
    unsigned int links;
    enum path_missing missing;
    bool no_symlinks;
    bool directory, slash; /* `at` is one; a slash follows what is looked up now */
};

static void walk_move(struct walk *walk, int fd)
{
    if (walk->at != walk->root)
        (void)close(walk->at);
    walk->at = fd;
}

/* ".." is taken on the resolved path, from the root again, so that a directory that somebody moves out of the root
 * while we stand in it leads nowhere. */
static int walk_up(struct walk *walk)
{
    char *slash = strrchr(walk->done, '/');
    const char *part = walk->done;

    if (slash != NULL)
        *slash = '\0';
    walk_move(walk, walk->root);
    walk->directory = true;
    while (*part == '/') {
        char name[NAME_MAX + 1];
        size_t length = strcspn(++part, "/");
        int fd;

        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, part, length);
        name[length] = '\0';
        part += length;
        fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        walk_move(walk, fd);
    }
    return 0;
}

static int walk_link(struct walk *walk, int link)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof(target));
    size_t rest = strlen(walk->todo);

    if (walk->no_symlinks || ++walk->links > LINKS_MAX)
        return -ELOOP;
    if (length < 0)
        return -errno;
    if ((size_t)length + rest >= sizeof(walk->todo))
        return -ENAMETOOLONG;
    memmove(walk->todo + length, walk->todo, rest + 1); /* the rest is empty, or begins with a slash */
    memcpy(walk->todo, target, (size_t)length);
    if (target[0] == '/') {
        walk_move(walk, walk->root);
        walk->directory = true;
        walk->done[0] = '\0';
    }
    return 0;
}

static int walk_make(struct walk *walk, const char *name, bool last)
{
    int fd;

    if (walk->missing == PATH_MUST_EXIST)
        return -ENOENT;
    if (last && walk->missing == PATH_MAKE_FILE) {
        fd = openat(walk->at, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
        if (fd >= 0)
            (void)close(fd);
        else if (errno != EEXIST)
            return -errno;
    } else if (mkdirat(walk->at, name, 0755) < 0 && errno != EEXIST) {
        return -errno;
    }
    fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Takes one component off `todo`: into name, "" at the end. */
static int walk_next(struct walk *walk, char *name, bool *last)
{
    const char *start = walk->todo + strspn(walk->todo, "/");
    size_t length = strcspn(start, "/");
    const char *rest = start + length;

    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, start, length);
    name[length] = '\0';
    *last = rest[strspn(rest, "/")] == '\0';
    walk->slash = *rest == '/';
    memmove(walk->todo, rest, strlen(rest) + 1);
    return 0;
}

static int walk_enter(struct walk *walk, const char *name, int fd)
{
    size_t used = strlen(walk->done), length = strlen(name);

    walk_move(walk, fd);
    if (used + 1 + length >= sizeof(walk->done))
        return -ENAMETOOLONG;
    walk->done[used] = '/';
    memcpy(walk->done + used + 1, name, length + 1);
    return 0;
}

static int walk_step(struct walk *walk, const char *name, bool last)
{
    struct stat st;
    int fd, r;

    if (!walk->directory)
        return -ENOTDIR;
    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0)
        return walk_up(walk);
    fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return -errno;
    if (fd < 0) {
        fd = walk_make(walk, name, last);
        if (fd < 0)
            return fd;
    }
    if (fstat(fd, &st) < 0) {
        r = -errno;
    } else if (S_ISLNK(st.st_mode)) {
        r = walk_link(walk, fd);
    } else {
        walk->directory = S_ISDIR(st.st_mode);
        if (walk->directory || !walk->slash)
            return walk_enter(walk, name, fd);
        r = -ENOTDIR;
    }
    (void)close(fd);
    return r;
}

static int walk_open(struct walk *walk)
{
    char name[NAME_MAX + 1];
    bool last;
    int r;

    for (;;) {
        r = walk_next(walk, name, &last);
        if (r < 0 || name[0] == '\0')
            break;
        r = walk_step(walk, name, last);
        if (r < 0)
            break;
    }
    if (r == 0 && walk->at == walk->root) {
        walk->at = fcntl(walk->root, F_DUPFD_CLOEXEC, 0);
        if (walk->at < 0)
            return -errno;
    }
    if (r < 0)
        walk_move(walk, walk->root);
    return r < 0 ? r : walk->at;
}

static int walk_path(struct walk *walk, const char *path)
{
    if (strlen(path) >= sizeof(walk->todo))
        return -ENAMETOOLONG;
    if (path[0] == '\0')
        return -ENOENT;
    walk->directory = true;
    memcpy(walk->todo, path, strlen(path) + 1);
    return walk_open(walk);
}

static int open_in_root(int root, const char *path, uint64_t flags, bool no_symlinks)
{
    uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (no_symlinks ? RESOLVE_NO_SYMLINKS : 0);
    int fd = -EAGAIN;

    /* EAGAIN: somebody renamed or mounted during the look-up of "..", so the kernel could not be sure. */
    for (int i = 0; i < OPENAT2_TRIES && fd == -EAGAIN; i++)
        fd = sys_openat2(root, path, flags | O_CLOEXEC, 0, resolve);
    return fd;
}

/* What was made just now, unless somebody was faster: then the walk sees what it is. */
static int open_made(int parent, const char *name, bool directory)
{
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -EAGAIN;
    if (fstat(fd, &st) == 0 && (directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)))
        return fd;
    (void)close(fd);
    return -EAGAIN;
}

/* The usual case of what is missing: only the last component. -EAGAIN: it is for the walk. */
static int make_last(int root, const char *path, bool directory, bool no_symlinks)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    char parent_path[256];
    int parent, fd, r;

    if (length == 0 || length >= sizeof(parent_path) || slash[1 + strspn(slash + 1, ".")] == '\0')
        return -EAGAIN;
    memcpy(parent_path, path, length);
    parent_path[length] = '\0';
    parent = open_in_root(root, parent_path, O_PATH | O_DIRECTORY, no_symlinks);
    if (parent < 0)
        return -EAGAIN;
    if (directory) {
        r = mkdirat(parent, slash + 1, 0755);
    } else {
        r = openat(parent, slash + 1, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0644);
        if (r >= 0)
            (void)close(r);
    }
    fd = r < 0 ? -EAGAIN : open_made(parent, slash + 1, directory);
    (void)close(parent);
    return fd;
}

static int walk_making(int root, const char *path, enum path_missing missing, bool no_symlinks)
{
    struct walk walk = { .root = root, .at = root, .missing = missing, .no_symlinks = no_symlinks };

    return walk_path(&walk, path);
}

int path_open(int root, const char *path, enum path_missing missing, bool no_symlinks)
{
    int fd = open_in_root(root, path, O_PATH, no_symlinks);

    if (fd >= 0 || (fd != -ENOSYS && (fd != -ENOENT || missing == PATH_MUST_EXIST)))
        return fd;
    if (fd == -ENOENT)
        fd = make_last(root, path, missing == PATH_MAKE_DIRECTORY, no_symlinks);
    return fd >= 0 ? fd : walk_making(root, path, missing, no_symlinks);
}

/* Opens for real what the walk has found, by its name below its parent: no part of that is a link any more, and who
 * exchanges the last part for one gets ELOOP. */
static int open_found(struct walk *walk, int flags)
{
    char *slash = strrchr(walk->done, '/');
    char name[NAME_MAX + 1];
    int fd, r;

    if (slash == NULL || strlen(slash + 1) > NAME_MAX)
        return -EISDIR;
    memcpy(name, slash + 1, strlen(slash + 1) + 1);
    r = walk_up(walk);
    if (r < 0)
        return r;
    fd = openat(walk->at, name, flags | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int path_open_file(int root, const char *path, int flags)
{
    struct walk walk = { .root = root, .at = root };
    struct stat found, opened;
    int at = walk_path(&walk, path), fd, r = 0;

    if (at < 0)
        return at;
    /* Look before opening: opening a device node or a FIFO would already be an effect. */
    if (fstat(at, &found) < 0)
        r = -errno;
    else if (!S_ISREG(found.st_mode))
        r = S_ISDIR(found.st_mode) ? -EISDIR : -EINVAL;
    (void)close(at);
    walk.at = root;
    if (r < 0)
        return r;
    fd = open_found(&walk, flags);
    walk_move(&walk, root);
    if (fd < 0)
        return fd;
    if (fstat(fd, &opened) < 0 || opened.st_dev != found.st_dev || opened.st_ino != found.st_ino) {
        (void)close(fd);
        return -EAGAIN;
    }
    return fd;
}
