/* The cgroups room against the kernel of this machine, whatever its layout is. Needs root; only touches
 * groups below its own parent, lctest-PID. */
#include "unit.h"

#include "../../src/cgroups/internal.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

__attribute__((weak)) const char *const config_limit_keys[LIMIT_MAX_] = {
    "memory",
    "memory_swap",
    "memory_reservation",
    "memory_high",
    "cpu_shares",
    "cpu_quota",
    "cpu_period",
    "pids_limit",
};

/* The same in children of the test. */
static const char *parent_name(void)
{
    static char name[32];

    if (name[0] == '\0')
        (void)snprintf(name, sizeof(name), "lctest-%d/sub", (int)getpid());
    return name;
}

static struct lc_config full_config(void)
{
    return (struct lc_config){ .cgroups = { .present = true,
                                       .parent = parent_name(),
                                       .name = "one",
                                       .cpuset_cpus = "0",
                                       .limits = { [LIMIT_MEMORY] = { true, 64 << 20 },
                                               [LIMIT_MEMORY_RESERVATION] = { true, 32 << 20 },
                                               [LIMIT_CPU_SHARES] = { true, 512 },
                                               [LIMIT_CPU_QUOTA] = { true, 50000 },
                                               [LIMIT_CPU_PERIOD] = { true, 50000 },
                                               [LIMIT_PIDS] = { true, 20 } } } };
}

static void must(int r, struct lc_error **err)
{
    if (r < 0) {
        CLEAN_FREE char *text = *err != NULL ? error_format(*err) : NULL;

        fail_msg("%d: %s", r, text != NULL ? text : "");
    }
    assert_null(*err);
}

/* From outside, as a process of another program would be moved. */
static void attach(const struct cgroup_set *set, pid_t pid, bool include_v2)
{
    for (size_t i = 0; i < set->count; i++) {
        CLEAN_FD int fd = -EBADF;
        struct lc_error *err = NULL;
        char text[16];

        if (set->groups[i].v2 && !include_v2)
            continue;
        fd = cgroup_open_entry(&set->groups[i], &err);
        must(fd, &err);
        (void)snprintf(text, sizeof(text), "%d", (int)pid);
        assert_int_equal(cgroup_write_text(fd, text), 0);
    }
}

static void must_fail(int r, int expected, const char *pointer, struct lc_error **err)
{
    assert_int_equal(r, -expected);
    assert_non_null(*err);
    assert_string_equal(error_site(*err)->pointer, pointer);
    error_free(*err);
    *err = NULL;
}

static void must_read(const struct cgroup_group *group, const char *file, const char *expected)
{
    CLEAN_FREE char *path = NULL, *text = NULL;

    assert_true(asprintf(&path, "%s/%s", group->path, file) > 0);
    assert_int_equal(cgroup_read_text(AT_FDCWD, path, &text), 0);
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, expected);
}

static void must_be_gone(const struct cgroup_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        char path[512];

        assert_int_equal(access(set->groups[i].path, F_OK), -1);
        (void)snprintf(path, sizeof(path), "%s/lctest-%d", set->groups[i].mount, (int)getpid());
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* Waits for the word, says whether it may use the null device and a disk-like one, then lives until killed.
 */
static void child(int start, int answer)
{
    char byte, report[3], path[64];

    (void)snprintf(path, sizeof(path), "/tmp/lctest-node-%d", (int)getpid());
    if (read(start, &byte, 1) != 1)
        _exit(1);
    report[0] = open("/dev/null", O_RDWR) >= 0 ? 'y' : 'n';
    report[1] = mknod(path, S_IFCHR | 0600, makedev(1, 11)) == 0 ? 'y' : 'n';
    report[2] = open(path, O_RDONLY) >= 0 ? 'y' : errno == EPERM ? 'n' : '?';
    (void)unlink(path);
    if (write(answer, report, sizeof(report)) != sizeof(report))
        _exit(1);
    for (;;)
        pause();
}

struct prisoner {
    pid_t pid;
    int start, answer;
};

static struct prisoner start_child(int group_fd)
{
    struct clone_args args = { .exit_signal = SIGCHLD };
    int start[2], answer[2];
    pid_t pid;

    assert_int_equal(pipe2(start, O_CLOEXEC), 0);
    assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
    if (group_fd >= 0) {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group_fd;
    }
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        child(start[0], answer[1]);
    assert_true(pid > 0);
    close(start[0]);
    close(answer[1]);
    return (struct prisoner){ pid, start[1], answer[0] };
}

static void ask_child(struct prisoner *prisoner, const char *expected)
{
    char report[4] = "";

    assert_int_equal(write(prisoner->start, "x", 1), 1);
    assert_int_equal(read(prisoner->answer, report, 3), 3);
    assert_string_equal(report, expected);
    fd_close(&prisoner->start);
    fd_close(&prisoner->answer);
}

static void must_be_killed(const struct prisoner *prisoner)
{
    int status = 0;

    assert_int_equal(waitpid(prisoner->pid, &status, 0), prisoner->pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void check_values(const struct cgroup_group *group)
{
    static const struct {
        enum cgroup_controller controller;
        const char *v1, *v1_value, *v2, *v2_value;
    } rows[] = {
        { CGROUP_MEMORY, "memory.limit_in_bytes", "67108864", "memory.max", "67108864" },
        { CGROUP_MEMORY, "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432" },
        { CGROUP_CPU, "cpu.shares", "512", "cpu.weight", "59" },
        { CGROUP_CPU, "cpu.cfs_quota_us", "50000", "cpu.max", "50000 50000" },
        { CGROUP_PIDS, "pids.max", "20", "pids.max", "20" },
        { CGROUP_CPUSET, "cpuset.cpus", "0", "cpuset.cpus.effective", "0" },
        { CGROUP_CPUSET, "cpuset.mems", "0", "cpuset.mems.effective", "0" },
    };
    char swap[512];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if ((group->controllers & CGROUP_BIT(rows[i].controller)) != 0)
            must_read(group, group->v2 ? rows[i].v2 : rows[i].v1,
                    group->v2 ? rows[i].v2_value : rows[i].v1_value);
    }
    if ((group->controllers & CGROUP_BIT(CGROUP_MEMORY)) == 0)
        return;
    (void)snprintf(
            swap, sizeof(swap), "%s/memory.%s", group->path, group->v2 ? "swap.max" : "memsw.limit_in_bytes");
    if (access(swap, F_OK) == 0)
        must_read(group, strrchr(swap, '/') + 1, group->v2 ? "67108864" : "134217728");
}

/* Groups inside, as a container with a delegated group makes them, with some beside each other and deeper than anybody needs; the child
 * moves into the last. */
static void nest(const struct cgroup_group *group, pid_t pid)
{
    enum { DEPTH = 200 };
    int fd = open(group->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), inner, procs;
    char text[16];

    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(fd, i % 50 == 0 ? "first" : "inner", 0755), 0);
        if (i % 50 == 0)
            assert_int_equal(mkdirat(fd, "inner", 0755), 0);
        inner = openat(fd, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(inner >= 0);
        close(fd);
        fd = inner;
    }
    if (group->v2 || (group->controllers & CGROUP_BIT(CGROUP_CPUSET)) == 0) {
        procs = openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        assert_true(procs >= 0);
        (void)snprintf(text, sizeof(text), "%d", (int)pid);
        assert_int_equal(cgroup_write_text(procs, text), 0);
        close(procs);
    }
    close(fd);
}

static void test_whole_life(void **state)
{
    const struct lc_config config = full_config();
    struct cgroup_set set, again;
    struct lc_error *err = NULL;
    struct prisoner prisoner;
    CLEAN_FD int fd = -EBADF;
    pid_t *pids = NULL;
    size_t count = 0;

    (void)state;
    NEED_ROOT();
    must(cgroup_plan(&config, NULL, &set, &err), &err);
    for (size_t i = 0; i < set.count; i++)
        assert_true(set.groups[i].made);
    must(cgroup_make_v2(&config, &set, NULL, &fd, &err), &err);
    prisoner = start_child(fd);
    must(cgroup_make_v1(&config, &set, NULL, &err), &err);
    attach(&set, prisoner.pid, false);
    attach(&set, prisoner.pid, true);
    ask_child(&prisoner, "yyn");
    must_fail(cgroup_plan(&config, NULL, &again, &err), EBUSY, "/cgroups/name", &err);
    for (size_t i = 0; i < set.count; i++) {
        check_values(&set.groups[i]);
        nest(&set.groups[i], prisoner.pid);
    }
    assert_int_equal(cgroup_remove(&set, 10), -EBUSY);
    assert_int_equal(cgroup_processes(&set, &pids, &count), 0);
    assert_true(count == 1 && pids[0] == prisoner.pid);
    free(pids);
    assert_int_equal(cgroup_kill(&set, 5000), 0);
    must_be_killed(&prisoner);
    assert_int_equal(cgroup_remove(&set, 5000), 0);
    assert_int_equal(cgroup_kill(&set, 10), 0);
    assert_int_equal(cgroup_remove(&set, 10), 0);
    must_be_gone(&set);
    cgroup_set_done(&set);
}

/* A process that goes into the v1 groups by itself. */
static void test_entry(void **state)
{
    const struct lc_config config = full_config();
    int fds[CGROUP_HIERARCHIES_MAX], fd = -EBADF, status;
    struct cgroup_set set;
    struct lc_error *err = NULL;
    size_t count = 0, seen = 0;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    must(cgroup_plan(&config, NULL, &set, &err), &err);
    must(cgroup_make_v2(&config, &set, NULL, &fd, &err), &err);
    fd_close(&fd);
    must(cgroup_make_v1(&config, &set, NULL, &err), &err);
    for (size_t i = 0; i < set.count; i++) {
        if (!set.groups[i].v2)
            fds[count++] = cgroup_open_entry(&set.groups[i], &err);
    }
    assert_null(err);
    pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < count; i++) {
            if (cgroup_write_text(fds[i], "0") < 0)
                _exit(1);
        }
        (void)raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    for (size_t i = 0; i < set.count; i++) {
        char text[16];

        if (set.groups[i].v2)
            continue;
        (void)snprintf(text, sizeof(text), "%d", (int)pid);
        must_read(&set.groups[i], "cgroup.procs", text);
        fd_close(&fds[seen++]);
    }
    assert_int_equal(seen, count);
    if (count == 0)
        assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(cgroup_kill(&set, 5000), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(cgroup_remove(&set, 5000), 0);
    must_be_gone(&set);
    cgroup_set_done(&set);
}

/* Two containers of one name at the same time: the slower one must leave the other's group alone. */
static void test_same_name(void **state)
{
    const struct lc_config config = full_config();
    struct cgroup_set first, second;
    struct lc_error *err = NULL;
    int fd = -EBADF, r;

    (void)state;
    NEED_ROOT();
    must(cgroup_plan(&config, NULL, &first, &err), &err);
    must(cgroup_plan(&config, NULL, &second, &err), &err);
    must(cgroup_make_v2(&config, &first, NULL, &fd, &err), &err);
    fd_close(&fd);
    must(cgroup_make_v1(&config, &first, NULL, &err), &err);
    r = cgroup_make_v2(&config, &second, NULL, &fd, &err);
    if (r == 0)
        r = cgroup_make_v1(&config, &second, NULL, &err);
    must_fail(r, EBUSY, "/cgroups/name", &err);
    for (size_t i = 0; i < second.count; i++)
        assert_false(second.groups[i].made);
    assert_int_equal(cgroup_kill(&second, 10), 0);
    assert_int_equal(cgroup_remove(&second, 10), 0);
    for (size_t i = 0; i < first.count; i++)
        assert_int_equal(access(first.groups[i].path, F_OK), 0);
    cgroup_set_done(&second);
    /* An empty group that was there is used, and stays. */
    must(cgroup_plan(&config, NULL, &second, &err), &err);
    must(cgroup_make_v2(&config, &second, NULL, &fd, &err), &err);
    fd_close(&fd);
    must(cgroup_make_v1(&config, &second, NULL, &err), &err);
    assert_int_equal(cgroup_remove(&second, 10), 0);
    assert_int_equal(access(first.groups[0].path, F_OK), 0);
    assert_int_equal(cgroup_remove(&first, 1000), 0);
    must_be_gone(&first);
    cgroup_set_done(&first);
    cgroup_set_done(&second);
}

static uint32_t count_programs(int group_fd)
{
    uint32_t ids[64];
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.query.target_fd = (uint32_t)group_fd;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attr.query.prog_cnt = ARRAY_SIZE(ids);
    assert_int_equal(syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)), 0);
    return attr.query.prog_cnt;
}

/* The eBPF filter on the cgroup2 mount, also where plan would take the v1 devices controller. */
static void test_device_filter(void **state)
{
    const struct config_device_rule kmsg = { 'c', 1, 11, "r", true };
    struct lc_config config = full_config();
    struct cgroup_set set = { .count = 1 };
    struct cgroup_group *group = &set.groups[0];
    struct lc_error *err = NULL;
    struct prisoner prisoner;
    int fd = -EBADF;

    (void)state;
    NEED_ROOT();
    SKIP_IF(layout_mount_v2(&group->mount) < 0, "no cgroup2 mount");
    group->v2 = group->made = true;
    group->controllers = CGROUP_BIT(CGROUP_DEVICES);
    assert_true(asprintf(&group->path, "%s/lctest-%d/filter", group->mount, (int)getpid()) > 0);
    must(cgroup_make_v2(&config, &set, NULL, &fd, &err), &err);
    prisoner = start_child(fd);
    ask_child(&prisoner, "yyn");
    /* Not by cgroup.kill: Linux 6.18 kills whatever is cloned into a group where that was ever written. */
    assert_int_equal(kill(prisoner.pid, SIGKILL), 0);
    must_be_killed(&prisoner);
    fd_close(&fd);
    /* Used again with other rules: the old filter must not stay beside the new one. */
    group->made = false;
    config.cgroups.rules = (struct config_device_rule *)&kmsg;
    config.cgroups.n_rules = 1;
    must(cgroup_make_v2(&config, &set, NULL, &fd, &err), &err);
    assert_int_equal(count_programs(fd), 1);
    prisoner = start_child(fd);
    ask_child(&prisoner, "yyy");
    group->made = true;
    assert_int_equal(cgroup_kill(&set, 5000), 0);
    must_be_killed(&prisoner);
    fd_close(&fd);
    assert_int_equal(cgroup_remove(&set, 5000), 0);
    must_be_gone(&set);
    cgroup_set_done(&set);
}

static void test_tracking_only(void **state)
{
    const struct lc_config absent = { 0 };
    const struct lc_config config = {
        .cgroups = { .present = true, .device_access = true, .parent = parent_name() }
    };
    struct cgroup_set set;
    struct lc_error *err = NULL;
    struct prisoner prisoner;
    int fd = -EBADF;

    (void)state;
    NEED_ROOT();
    must(cgroup_plan(&absent, "gen", &set, &err), &err);
    assert_int_equal(set.count, 0);
    must(cgroup_open_v2(&set, &fd, &err), &err);
    assert_int_equal(fd, -EBADF);
    must(cgroup_plan(&config, "gen", &set, &err), &err);
    assert_int_equal(set.count, 1);
    must(cgroup_make_v2(&config, &set, NULL, &fd, &err), &err);
    fd_close(&fd);
    must(cgroup_make_v1(&config, &set, NULL, &err), &err);
    must(cgroup_open_v2(&set, &fd, &err), &err);
    assert_true(set.groups[0].v2 == (fd >= 0));
    fd_close(&fd);
    prisoner = start_child(-1);
    attach(&set, prisoner.pid, true);
    ask_child(&prisoner, "yyy");
    assert_int_equal(cgroup_kill(&set, 5000), 0);
    must_be_killed(&prisoner);
    assert_int_equal(cgroup_remove(&set, 5000), 0);
    must_be_gone(&set);
    cgroup_set_done(&set);
}

/* What the host cannot enforce is refused with the key that asked for it, and leaves nothing behind. */
static void test_refusals(void **state)
{
    struct lc_config config = full_config();
    struct cgroup_set set;
    struct lc_error *err = NULL;
    int fd = -EBADF, r;

    (void)state;
    NEED_ROOT();
    config.cgroups.cpuset_cpus = "0,4000";
    must(cgroup_plan(&config, NULL, &set, &err), &err);
    r = cgroup_make_v2(&config, &set, NULL, &fd, &err);
    if (r == 0)
        r = cgroup_make_v1(&config, &set, NULL, &err);
    assert_true(r < 0);
    must_fail(r, -r, "/cgroups/cpuset_cpus", &err);
    fd_close(&fd);
    assert_int_equal(cgroup_remove(&set, 1000), 0);
    must_be_gone(&set);
    cgroup_set_done(&set);
    config = full_config();
    config.cgroups.limits[LIMIT_MEMORY_HIGH] = (struct config_number){ true, 1 << 20 };
    r = cgroup_plan(&config, NULL, &set, &err);
    if (r < 0)
        must_fail(r, ENOTSUP, "/cgroups/memory_high", &err);
    else
        assert_true(set.groups[0].v2);
    if (r == 0)
        cgroup_set_done(&set);
}

/* A name that the kernel uses for a file: the parents are made, the group cannot be. */
static void test_name_of_file(void **state)
{
    struct lc_config config = full_config();
    struct cgroup_set set;
    struct lc_error *err = NULL;
    int fd = -EBADF, r;

    (void)state;
    NEED_ROOT();
    config.cgroups.name = "cgroup.procs";
    must(cgroup_plan(&config, NULL, &set, &err), &err);
    r = cgroup_make_v2(&config, &set, NULL, &fd, &err);
    if (r == 0)
        r = cgroup_make_v1(&config, &set, NULL, &err);
    must_fail(r, EEXIST, "/cgroups/name", &err);
    must_be_gone(&set);
    cgroup_set_done(&set);
}

/* Many containers come and go below one parent, which the last user removes, again and again. */
static void race(int which)
{
    struct lc_config config = full_config();
    char name[16];

    (void)snprintf(name, sizeof(name), "racer%d", which);
    config.cgroups = (struct config_cgroups){ .present = true,
        .parent = config.cgroups.parent,
        .name = name,
        .cpuset_cpus = "0",
        .limits = { [LIMIT_PIDS] = { true, 5 } } };
    for (int i = 0; i < 40; i++) {
        struct lc_error *err = NULL;
        struct cgroup_set set = { 0 };
        int fd = -EBADF, r;

        r = cgroup_plan(&config, NULL, &set, &err);
        if (r == 0)
            r = cgroup_make_v2(&config, &set, NULL, &fd, &err);
        fd_close(&fd);
        if (r == 0)
            r = cgroup_make_v1(&config, &set, NULL, &err);
        if (r < 0)
            print_message("racer: %s\n", error_format(err));
        if (cgroup_remove(&set, 5000) < 0 || r < 0)
            _exit(1);
        cgroup_set_done(&set);
    }
    _exit(0);
}

static void test_race(void **state)
{
    const struct lc_config config = full_config();
    struct cgroup_set set;
    struct lc_error *err = NULL;
    int status, bad = 0;

    (void)state;
    NEED_ROOT();
    must(cgroup_plan(&config, NULL, &set, &err), &err);
    for (int i = 0; i < 4; i++) {
        if (fork() == 0)
            race(i);
    }
    while (wait(&status) > 0)
        bad += status != 0;
    assert_int_equal(bad, 0);
    must_be_gone(&set);
    cgroup_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_life),
        cmocka_unit_test(test_entry),
        cmocka_unit_test(test_same_name),
        cmocka_unit_test(test_device_filter),
        cmocka_unit_test(test_tracking_only),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_name_of_file),
        cmocka_unit_test(test_race),
    };

    return cmocka_run_group_tests_name("cgroups on this kernel", tests, NULL, NULL);
}
