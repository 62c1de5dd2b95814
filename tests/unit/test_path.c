/* Paths below a root that is not trusted: a table of them, by openat2 and again, in a child whose kernel does
 * not have it, by the walk. What is found is compared by inode with what should be found. */
#include "tree.h"
#include "no_openat2.h"

#include <lcsys/path.h>
#include <lcsys/syscalls.h>

#include <sys/mman.h>
#include <sys/wait.h>

static bool have_openat2 = true;

static void populate(const struct tree *tree)
{
    static const char *const links[][2] = {
        { "absolute", "/dir/file" },
        { "relative", "dir/file" },
        { "to-dir", "/dir/sub" },
        { "chain1", "chain2" },
        { "chain2", "/chain3" },
        { "chain3", "./dir/../relative" },
        { "loop", "loop" },
        { "loop-a", "dir/loop-b" },
        { "dir/loop-b", "../loop-a" },
        { "dangling", "/missing/thing" },
        { "to-root", "/" },
        { "up", "../../../../file" },
        { "dir/up", "../../file" },
        { "escape", "../outside/file" },
        { "escape-dir", "../outside" },
        { "slashes", "//dir///file" },
        { "dotted", "./././dir/./file" },
    };
    char absolute[128];

    tree_file(tree->root, "file", "inside");
    tree_directory(tree->root, "dir");
    tree_directory(tree->root, "dir/sub");
    tree_file(tree->root, "dir/file", "inside");
    assert_int_equal(mkfifoat(tree->root, "fifo", 0644), 0);
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        tree_link(tree->root, links[i][0], links[i][1]);
    (void)snprintf(absolute, sizeof(absolute), "%s/outside/file", tree->top);
    tree_link(tree->root, "host", absolute);
    (void)snprintf(absolute, sizeof(absolute), "%s/outside", tree->top);
    tree_link(tree->root, "host-dir", absolute);
}

static int make(void **state)
{
    static struct tree tree;

    tree_make(&tree);
    populate(&tree);
    *state = &tree;
    return 0;
}

static int unmake(void **state)
{
    struct tree *tree = *state;
    bool untouched = tree_outside_is_untouched(tree);

    tree_remove(tree);
    return untouched ? 0 : -1;
}

/* One look-up: what it must find (a path without links), or the error. */
struct row {
    const char *path;
    int result;
    const char *found;
};

/* Closes fd. True when it is as the row says. */
static bool check_result(const struct tree *tree, const struct row *row, int fd)
{
    struct stat got, expected;
    bool good = row->result == 0 ? fd >= 0 : fd == row->result;

    if (good && fd >= 0) {
        assert_int_equal(fstat(fd, &got), 0);
        good = fstatat(tree->root, row->found, &expected, AT_SYMLINK_NOFOLLOW) == 0 &&
               tree_same(&got, &expected) && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    }
    if (!good)
        print_error("%s: \"%s\": %d, not %s\n", have_openat2 ? "openat2" : "walk", row->path, fd,
                row->result == 0 ? row->found : strerror(-row->result));
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static const struct row plain[] = {
    { "/", 0, "." },
    { ".", 0, "." },
    { "..", 0, "." },
    { "/../../..", 0, "." },
    { "file", 0, "file" },
    { "/file", 0, "file" },
    { "///dir//file", 0, "dir/file" },
    { "/dir/../file", 0, "file" },
    { "/dir/sub/../../../../../dir/file", 0, "dir/file" },
    { "../../../../../../file", 0, "file" },
    { "../outside/file", -ENOENT, NULL },
    { "dir/sub/", 0, "dir/sub" },
    { "fifo", 0, "fifo" },
    { "missing", -ENOENT, NULL },
    { "missing/below", -ENOENT, NULL },
    { "missing/..", -ENOENT, NULL },
    { "file/below", -ENOTDIR, NULL },
};

static const struct row linked[] = {
    { "absolute", 0, "dir/file" },
    { "relative", 0, "dir/file" },
    { "to-dir", 0, "dir/sub" },
    { "to-dir/..", 0, "dir" }, /* of the target, not of the link */
    { "to-dir/../file", 0, "dir/file" },
    { "to-root", 0, "." },
    { "to-root/dir/file", 0, "dir/file" },
    { "to-root/to-root/../to-root/file", 0, "file" },
    { "chain1", 0, "dir/file" },
    { "slashes", 0, "dir/file" },
    { "dotted", 0, "dir/file" },
    { "up", 0, "file" },
    { "dir/up", 0, "file" },
    { "loop", -ELOOP, NULL },
    { "loop/below", -ELOOP, NULL },
    { "loop-a", -ELOOP, NULL },
    { "dangling", -ENOENT, NULL },
    { "dangling/below", -ENOENT, NULL },
    { "absolute/below", -ENOTDIR, NULL },
    { "escape", -ENOENT, NULL },
    { "escape-dir/file", -ENOENT, NULL },
    { "host", -ENOENT, NULL },
    { "host-dir/file", -ENOENT, NULL },
    { "host-dir/../file", -ENOENT, NULL },
};

static size_t look_up(const struct tree *tree, const struct row *rows, size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += !check_result(tree, &rows[i], path_open(tree->root, rows[i].path, PATH_MUST_EXIST, false));
    return wrong;
}

static void plain_paths(void **state)
{
    ASSERT_ROWS(look_up(*state, plain, ARRAY_SIZE(plain)));
}

static void linked_paths(void **state)
{
    ASSERT_ROWS(look_up(*state, linked, ARRAY_SIZE(linked)));
}

/* What openat2 and the walk must agree on, where POSIX is picky: only a directory has anything behind it. */
static void behind_a_file(void **state)
{
    static const struct row rows[] = {
        { "", -ENOENT, NULL },
        { "file/", -ENOTDIR, NULL },
        { "file/.", -ENOTDIR, NULL },
        { "file/..", -ENOTDIR, NULL },
        { "file/../dir", -ENOTDIR, NULL },
        { "absolute/", -ENOTDIR, NULL },
        { "fifo/..", -ENOTDIR, NULL },
    };

    ASSERT_ROWS(look_up(*state, rows, ARRAY_SIZE(rows)));
}

static void without_links(void **state)
{
    const struct tree *tree = *state;
    size_t wrong = 0;

    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        wrong += !check_result(tree, &plain[i], path_open(tree->root, plain[i].path, PATH_MUST_EXIST, true));
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++)
        for (int missing = PATH_MUST_EXIST; missing <= PATH_MAKE_FILE; missing++) {
            const struct row row = { linked[i].path, -ELOOP, NULL };

            wrong += !check_result(
                    tree, &row, path_open(tree->root, row.path, (enum path_missing)missing, true));
        }
    ASSERT_ROWS(wrong);
}

static void too_long(void **state)
{
    const struct tree *tree = *state;
    char path[PATH_MAX + 64];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(path_open(tree->root, path, PATH_MUST_EXIST, false), -ENAMETOOLONG);
    assert_int_equal(path_open(tree->root, path, PATH_MAKE_DIRECTORY, false), -ENAMETOOLONG);
    path[NAME_MAX + 1] = '\0';
    assert_int_equal(path_open(tree->root, path, PATH_MAKE_FILE, false), -ENAMETOOLONG);
    assert_int_equal(path_open_file(tree->root, path, O_RDONLY), -ENAMETOOLONG);
    for (size_t i = 0; i + 1 < PATH_MAX; i += 2)
        memcpy(path + i, "./", 2);
    memcpy(path + PATH_MAX - 6, "/file", 6); /* as long as a path may be */
    assert_true(check_result(
            tree, &(struct row){ path, 0, "file" }, path_open(tree->root, path, PATH_MUST_EXIST, false)));
}

static void files(void **state)
{
    static const struct row rows[] = {
        { "file", 0, "file" },
        { "/dir/file", 0, "dir/file" },
        { "absolute", 0, "dir/file" },
        { "chain1", 0, "dir/file" },
        { "up", 0, "file" },
        { "../../file", 0, "file" },
        { "/", -EISDIR, NULL },
        { "dir", -EISDIR, NULL },
        { "to-root", -EISDIR, NULL },
        { "fifo", -EINVAL, NULL }, /* and without waiting for a writer */
        { "missing", -ENOENT, NULL },
        { "dangling", -ENOENT, NULL },
        { "loop", -ELOOP, NULL },
        { "host", -ENOENT, NULL },
        { "escape", -ENOENT, NULL },
        { "file/below", -ENOTDIR, NULL },
    };
    const struct tree *tree = *state;
    size_t wrong = 0;
    char text[8] = "";
    int fd;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        wrong += !check_result(tree, &rows[i], path_open_file(tree->root, rows[i].path, O_RDONLY));
    ASSERT_ROWS(wrong);
    fd = path_open_file(tree->root, "chain1", O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 6);
    assert_string_equal(text, "inside");
    (void)close(fd);
}

/* Creation: what must be there afterwards, and of which type. */
static void creation(void **state)
{
    static const struct {
        const char *path;
        enum path_missing missing;
        int result;
        const char *made;
    } rows[] = {
        { "new", PATH_MAKE_DIRECTORY, 0, "new" }, { "new", PATH_MAKE_DIRECTORY, 0, "new" },
        { "new/a/b", PATH_MAKE_DIRECTORY, 0, "new/a/b" }, { "new/c/file", PATH_MAKE_FILE, 0, "new/c/file" },
        { "new/c/file", PATH_MAKE_FILE, 0, "new/c/file" },
        { "../../../above", PATH_MAKE_DIRECTORY, 0, "above" },
        { "/new/../beside/x", PATH_MAKE_FILE, 0, "beside/x" }, { "to-dir/y", PATH_MAKE_FILE, 0, "dir/sub/y" },
        { "dangling", PATH_MAKE_DIRECTORY, 0, "missing/thing" },
        { "up-link/z", PATH_MAKE_FILE, 0, "up-link/z" }, { "loop/x", PATH_MAKE_DIRECTORY, -ELOOP, NULL },
        { "file/x", PATH_MAKE_DIRECTORY, -ENOTDIR, NULL }, { "absolute/x", PATH_MAKE_FILE, -ENOTDIR, NULL },
        { "escape-dir/made", PATH_MAKE_FILE, 0, "outside/made" }, /* "../outside" of the root is inside */
    };
    const struct tree *tree = *state;
    mode_t mask = umask(0);
    size_t wrong = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row row = { rows[i].path, rows[i].result, rows[i].made };
        struct stat st;

        if (!check_result(tree, &row, path_open(tree->root, row.path, rows[i].missing, false)))
            wrong++;
        else if (row.result == 0 &&
                 (fstatat(tree->root, row.found, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                         st.st_mode != (rows[i].missing == PATH_MAKE_FILE ? S_IFREG | 0644 : S_IFDIR | 0755)))
            fail_msg("%s has mode %o", row.found, st.st_mode);
    }
    (void)umask(mask);
    ASSERT_ROWS(wrong);
}

/* An absolute link to the host's path makes that path again, inside. */
static void creation_through_host_link(void **state)
{
    const struct tree *tree = *state;
    char expected[128];

    (void)snprintf(expected, sizeof(expected), "%s/outside/made", tree->top + 1);
    assert_true(check_result(tree, &(struct row){ "host-dir/made", 0, expected },
            path_open(tree->root, "host-dir/made", PATH_MAKE_FILE, false)));
    assert_int_equal(faccessat(tree->outside, "made", F_OK, 0), -1);
}

/* Links of /proc/PID/fd lead to the file itself, whatever its name: nothing that only they can reach may be
 * reached. */
static void magic_links(void **state)
{
    CLEAN_FD int root = tree_open(AT_FDCWD, "/");
    CLEAN_FD int hidden = memfd_create("hidden", MFD_CLOEXEC);
    int pipe_fds[2], expected = have_openat2 ? -ELOOP : -ENOENT;
    char path[64];

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", hidden);
    assert_int_equal(path_open(root, path, PATH_MUST_EXIST, false), expected);
    assert_true(path_open_file(root, path, O_RDONLY) < 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pipe_fds[0]);
    assert_int_equal(path_open(root, path, PATH_MUST_EXIST, false), expected);
    assert_true(path_open_file(root, path, O_RDONLY) < 0);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static void no_descriptor_is_left(void **state)
{
    const struct tree *tree = *state;
    int first = dup(STDIN_FILENO), again;

    (void)close(first);
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++)
        for (int missing = PATH_MUST_EXIST; missing <= PATH_MAKE_FILE; missing++) {
            int fd = path_open(tree->root, linked[i].path, (enum path_missing)missing, i % 2 == 0);

            fd_close(&fd);
            fd = path_open_file(tree->root, linked[i].path, O_RDONLY);
            fd_close(&fd);
        }
    again = dup(STDIN_FILENO);
    (void)close(again);
    assert_int_equal(first, again);
}

#define IN_TREE(name) cmocka_unit_test_setup_teardown(name, make, unmake)

static int run(const char *name)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(plain_paths),
        IN_TREE(linked_paths),
        IN_TREE(behind_a_file),
        IN_TREE(without_links),
        IN_TREE(too_long),
        IN_TREE(files),
        IN_TREE(creation),
        IN_TREE(creation_through_host_link),
        IN_TREE(magic_links),
        IN_TREE(no_descriptor_is_left),
    };

    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    int failed = 0, status = 0;
    pid_t pid;

    if (sys_openat2(AT_FDCWD, ".", O_PATH | O_CLOEXEC, 0, 0) == -ENOSYS)
        puts("openat2: skipped, this kernel does not have it");
    else
        failed = run("openat2");
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        have_openat2 = false;
        exit(no_openat2() < 0 ? 1 : run("walk"));
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return 1;
    return failed != 0 || status != 0;
}
