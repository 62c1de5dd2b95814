/* Somebody inside exchanges directories and links as fast as the kernel lets him, while we look up, make and
 * open paths: nothing outside is ever found, made or opened. Opened: inotify on the canary would tell. */
#include "tree.h"
#include "no_openat2.h"

#include <lcsys/path.h>
#include <lcsys/syscalls.h>

#include <signal.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <time.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif
#define SECONDS 2

static void populate(const struct tree *tree)
{
    char absolute[128];

    tree_file(tree->root, "file", "inside");
    tree_directory(tree->root, "swap");
    tree_directory(tree->root, "swap/sub");
    tree_file(tree->root, "swap/file", "inside");
    (void)snprintf(absolute, sizeof(absolute), "%s/outside", tree->top);
    tree_link(tree->root, "link", absolute);
    tree_link(tree->root, "relative", "../outside");
    tree_directory(tree->root, "deep");
    tree_directory(tree->root, "deep/sub");
}

/* `deep` leaves the root altogether and comes back: ".." of what stood in it is then outside. */
static pid_t start_racer(const struct tree *tree)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        (void)syscall(SYS_renameat2, tree->root, "swap", tree->root, "link", RENAME_EXCHANGE);
        (void)syscall(SYS_renameat2, tree->root, "swap", tree->root, "relative", RENAME_EXCHANGE);
        (void)syscall(SYS_renameat2, tree->root, "deep", tree->outside, "sub", RENAME_EXCHANGE);
    }
}

struct tally {
    size_t tried, found, escaped;
};

/* Takes the result of one look-up. */
static void judge(struct tally *tally, const struct tree *tree, const char *path, int fd)
{
    struct stat st;

    tally->tried++;
    if (fd < 0)
        return;
    tally->found++;
    assert_int_equal(fstat(fd, &st), 0);
    if (tree_same(&st, &tree->canary) || tree_same(&st, &tree->outside_directory)) {
        if (tally->escaped++ == 0)
            print_error("%s led outside\n", path);
    }
    (void)close(fd);
}

static void race(struct tally *tally, const struct tree *tree)
{
    static const char *const paths[] = { "swap/file", "link/file", "relative/file", "swap",
        "swap/sub/../file", "deep/sub/../../file", "deep/../file", "deep/sub/../.." };
    struct timespec start, now;

    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
            judge(tally, tree, paths[i], path_open(tree->root, paths[i], PATH_MUST_EXIST, false));
            judge(tally, tree, paths[i], path_open_file(tree->root, paths[i], O_RDONLY));
        }
        judge(tally, tree, "made", path_open(tree->root, "swap/made", PATH_MAKE_FILE, false));
        judge(tally, tree, "made", path_open(tree->root, "link/made", PATH_MAKE_DIRECTORY, false));
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < SECONDS ||
             (now.tv_sec - start.tv_sec == SECONDS && now.tv_nsec < start.tv_nsec));
}

/* Opens of the canary that the kernel saw (O_PATH is none). */
static size_t count_opens(int notify)
{
    char events[65536];
    ssize_t got, total = 0;

    while ((got = read(notify, events, sizeof(events))) > 0)
        total += got;
    return (size_t)total / sizeof(struct inotify_event);
}

static void nothing_outside(void **state)
{
    CLEAN_FD int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct tally tally = { 0 };
    struct tree tree;
    char canary[128];
    size_t opens;
    bool untouched;
    pid_t racer;

    (void)state;
    tree_make(&tree);
    populate(&tree);
    (void)snprintf(canary, sizeof(canary), "%s/outside/file", tree.top);
    assert_true(inotify_add_watch(notify, canary, IN_OPEN) >= 0);
    racer = start_racer(&tree);
    assert_true(racer > 0);
    race(&tally, &tree);
    (void)kill(racer, SIGKILL);
    assert_int_equal(waitpid(racer, NULL, 0), racer);
    opens = count_opens(notify);
    untouched = tree_outside_is_untouched(&tree);
    tree_remove(&tree);
    print_message("%zu look-ups, %zu found something, %zu led outside, %zu opens of the canary\n",
            tally.tried, tally.found, tally.escaped, opens);
    assert_true(tally.found > 0 && tally.found < tally.tried); /* else there was no race */
    assert_int_equal(tally.escaped, 0);
    assert_true(untouched);
    assert_int_equal(opens, 0);
}

static int run(const char *name)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_outside) };

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
    if (pid == 0)
        exit(no_openat2() < 0 ? 1 : run("walk"));
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return 1;
    return failed != 0 || status != 0;
}
