/* What a program that embeds the library may do besides: ignore its children, delete before it waits, come with an error that is there
 * already, be refused. It always hears how a process has ended, or that nobody knows, and nothing stays. As root only. */
#include "bundle.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct lc_runtime *runtime;
static struct lc_config *config;
static bool forgets; /* a pidfd does not know the status of who has been reaped, as before Linux 6.15 */

static void delete_container(void)
{
    struct lc_error *err = NULL;

    must(lc_container_delete(runtime, id, LC_DELETE_FORCE, &err), &err, "delete");
}

static void check_words(int r, struct lc_error *err)
{
    char *text = err != NULL ? lc_error_format(err) : NULL;

    assert_int_equal(r, -ECHILD);
    assert_true(text != NULL && strstr(text, "how is not known") != NULL);
    free(text);
    lc_error_free(err);
}

/* How it ended, as far as the kernel can say. */
static void check_end(struct lc_process *process, int expected)
{
    struct lc_error *err = NULL;
    int status = -1, r = lc_process_wait(process, &status, &err);

    if (r == 0 && !forgets) {
        assert_int_equal(status, expected);
    } else {
        check_words(r, err);
        assert_int_equal(lc_process_wait(process, &status, NULL), -ECHILD);
        assert_int_equal(status, -1);
    }
    assert_int_equal(lc_process_signal(process, SIGKILL), -ESRCH);
    lc_process_free(process);
}

static struct lc_process *run(void)
{
    struct lc_create_options options = { .size = sizeof(options), .stdio = { -1, -1, -1 } };
    struct lc_process *process = NULL;
    struct lc_error *err = NULL;

    must(lc_container_run(runtime, id, config, &options, &process, &err), &err, "run");
    must(lc_process_guard(process, &err), &err, "guard");
    return process;
}

/* One that has ended before it was noticed that it began is nobody's child, where they are ignored. */
static void exec(const char *script, int expected)
{
    const char *const argv[] = { "/bin/busybox", "sh", "-c", script, NULL };
    struct lc_exec_options options = { .size = sizeof(options), .argv = argv, .stdio = { -1, -1, -1 } };
    struct lc_process *process = NULL;
    struct lc_error *err = NULL;
    int r;

    r = lc_container_exec(runtime, id, &options, &process, &err);
    if (r < 0)
        check_words(r, err);
    else
        check_end(process, expected);
}

static void check_nothing_left(size_t descriptors)
{
    assert_int_equal(open_descriptors(), descriptors);
    assert_true(waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD);
}

/* Its delete reaps the process that this one waits for. */
static void deleted_before_the_wait(void **state)
{
    size_t descriptors = open_descriptors();
    struct lc_process *process = run();

    (void)state;
    delete_container();
    check_end(process, 128 + SIGKILL);
    check_nothing_left(descriptors);
    process = run();
    delete_container();
    lc_process_free(process);
    check_nothing_left(descriptors);
}

static void children_are_ignored(void **state)
{
    size_t descriptors = open_descriptors();
    struct lc_error *err = NULL;
    struct lc_process *process;

    (void)state;
    (void)signal(SIGCHLD, SIG_IGN);
    process = run();
    exec("exit 3", 3);
    exec("kill -TERM $$", 128 + SIGTERM);
    must(lc_container_kill(runtime, id, SIGKILL, 0, &err), &err, "kill");
    check_end(process, 128 + SIGKILL);
    delete_container();
    (void)signal(SIGCHLD, SIG_DFL);
    check_nothing_left(descriptors);
}

static void forget_statuses(void **state)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { ARRAY_SIZE(filter), filter };

    (void)state;
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    forgets = true;
}

static void errors_are_kept(void **state)
{
    struct lc_error *err = NULL;
    const struct lc_error *next;

    (void)state;
    assert_int_equal(lc_container_delete(runtime, "absent", 0, &err), -ENOENT);
    next = err;
    assert_int_equal(lc_container_delete(runtime, "absent", 0, &err), -ENOENT);
    assert_true(err == next && lc_error_next(err) != NULL);
    assert_int_equal(lc_container_delete(runtime, "absent", LC_DELETE_FORCE, &err), 0);
    assert_null(lc_error_next(lc_error_next(err)));
    lc_error_free(err);
}

static void report_line(void *data, const struct lc_check_result *result)
{
    (void)data;
    (void)result;
}

/* Not even descriptor 0, which is what a member that was forgotten names. */
static void refusals_close_nothing(void **state)
{
    struct lc_options options = { .size = sizeof(options), .flags = 1u << 30 };
    struct lc_config *plain = NULL;
    struct lc_error *err = NULL;
    size_t descriptors = open_descriptors();

    (void)state;
    must(lc_config_parse("{}", 2, "test", NULL, &plain, &err), &err, "parse");
    assert_int_equal(lc_check(plain, &options, report_line, NULL, NULL), -EINVAL);
    assert_int_equal(open_descriptors(), descriptors);
    assert_true(fcntl(0, F_GETFD) >= 0);
    lc_config_free(plain);
}

/* The record is a directory: no container can be there. */
static void a_watcher_that_is_refused(void **state)
{
    size_t descriptors = open_descriptors();
    struct lc_events *events = NULL;
    char record[64];
    struct stat st;

    (void)state;
    assert_int_equal(stat(directory, &st), 0);
    (void)snprintf(record, sizeof(record), "/run/nsinit/%llx-%llx.json", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino);
    (void)mkdir("/run/nsinit", 0700);
    assert_int_equal(mkdir(record, 0700), 0);
    assert_int_equal(lc_events_open(NULL, directory, NULL, &events, NULL), -EISDIR);
    assert_int_equal(rmdir(record), 0);
    assert_int_equal(open_descriptors(), descriptors);
}

/* It cannot watch the pressure on a container with groups of cgroup v1 only; what it had opened until then is closed. */
static void a_start_that_cannot_be_watched(void **state)
{
    static const char text[] =
            "{\"namespaces\": [\"NEWNS\", \"NEWPID\"], \"mounts\": [], \"cgroups\": {\"memory\": 67108864}}";
    const char *const argv[] = { "/bin/busybox", "sleep", "1000", NULL };
    struct lc_options options = {
        .size = sizeof(options), .root = directory, .argv = argv, .stdio = { -1, -1, -1 }
    };
    struct lc_events_options watched = { .size = sizeof(watched), .pressure = "cpu:some:150ms/1s" };
    size_t descriptors;
    struct lc_process *process = NULL;
    struct lc_events *events = NULL;
    struct lc_config *plain = NULL;
    struct lc_error *err = NULL;
    char rootfs[64], *line = NULL;

    (void)state;
    SKIP_IF(access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0, "this host has cgroup2 alone");
    (void)snprintf(rootfs, sizeof(rootfs), "%s/rootfs", directory);
    options.rootfs = rootfs;
    must(lc_config_parse(text, strlen(text), "test", NULL, &plain, &err), &err, "parse");
    must(lc_events_open(NULL, directory, &watched, &events, &err), &err, "events");
    must(lc_exec(plain, &options, &process, &err), &err, "exec");
    descriptors = open_descriptors();
    assert_int_equal(lc_events_next(events, &line), 1);
    assert_non_null(strstr(line, "\"start\""));
    free(line);
    assert_int_equal(open_descriptors(), descriptors);
    lc_process_free(process);
    lc_events_free(events);
    lc_config_free(plain);
}

static int open_runtime(void **state)
{
    char root[64];
    struct lc_runtime_options options = { .size = sizeof(options), .root = root };

    if (make_bundle(state) < 0)
        return -1;
    (void)snprintf(root, sizeof(root), "%s/state", directory);
    return lc_config_load_bundle(directory, &config, NULL) == 0 ? lc_runtime_open(&options, &runtime, NULL)
                                                                : -1;
}

static int close_runtime(void **state)
{
    lc_config_free(config);
    lc_runtime_free(runtime);
    return remove_bundle(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_kept),
        cmocka_unit_test(refusals_close_nothing),
        cmocka_unit_test(a_watcher_that_is_refused),
        cmocka_unit_test(a_start_that_cannot_be_watched),
        cmocka_unit_test(deleted_before_the_wait),
        cmocka_unit_test(children_are_ignored),
        /* It stays: from here on it is an older kernel. */
        cmocka_unit_test(forget_statuses),
        cmocka_unit_test(deleted_before_the_wait),
        cmocka_unit_test(children_are_ignored),
    };

    if (geteuid() != 0)
        return 77; /* meson: skipped */
    return cmocka_run_group_tests(tests, open_runtime, close_runtime);
}
