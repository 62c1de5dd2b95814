/* A temporary directory with a root that is not trusted and an outside that must stay out of reach:
 *   TOP/root/...          TOP/outside/file (the canary)          TOP/outside/sub/ */
#ifndef TREE_H
#define TREE_H

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

struct tree {
    char top[64];
    int root, outside; /* O_PATH */
    struct stat canary, outside_directory;
};

static inline void tree_file(int at, const char *path, const char *text)
{
    int fd = openat(at, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        fail_msg("cannot make %s", path);
    (void)close(fd);
}

static inline void tree_directory(int at, const char *path)
{
    if (mkdirat(at, path, 0755) < 0)
        fail_msg("cannot make %s", path);
}

static inline void tree_link(int at, const char *path, const char *target)
{
    if (symlinkat(target, at, path) < 0)
        fail_msg("cannot make %s", path);
}

static inline int tree_open(int at, const char *path)
{
    int fd = openat(at, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static inline void tree_make(struct tree *tree)
{
    (void)strcpy(tree->top, "/tmp/lctest-XXXXXX");
    assert_non_null(mkdtemp(tree->top));
    CLEAN_FD int top = tree_open(AT_FDCWD, tree->top);

    tree_directory(top, "root");
    tree_directory(top, "outside");
    tree_directory(top, "outside/sub");
    tree_file(top, "outside/file", "canary");
    tree->root = tree_open(top, "root");
    tree->outside = tree_open(top, "outside");
    assert_int_equal(fstatat(top, "outside/file", &tree->canary, 0), 0);
    assert_int_equal(fstat(tree->outside, &tree->outside_directory), 0);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void tree_remove(struct tree *tree)
{
    fd_close(&tree->root);
    fd_close(&tree->outside);
    (void)nftw(tree->top, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline bool tree_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Outside holds what it held in the beginning and nothing else. */
static inline bool tree_outside_is_untouched(const struct tree *tree)
{
    int fd = openat(tree->outside, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fdopendir(fd);
    size_t count = 0;

    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            count++;
    (void)closedir(directory);
    return count == 2;
}

#endif
