/* Groups and limits of a config.json against the kernel of this machine, whatever its layout is. Needs root; only
 * touches groups below its own parent, nsrun-test-PID. */
#include "cgroups-helpers.h"

#include <base/buffer.h>

#include <jansson.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

/* Every line of /proc/PID/cgroup ends in the path. */
static void test_every_hierarchy(void **state)
{
    const struct lc_config config = plain();
    char path[64], *next;
    CLEAN_FREE char *text = NULL;
    struct lc_error *err = NULL;
    struct cgroup_set set;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    must(make(&config, &set, &err), &err);
    assert_null(set.warning);
    pid = inmate(&set);
    (void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    assert_int_equal(cgroup_read_text(AT_FDCWD, path, &text), 0);
    for (char *line = text; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        if (*next != '\0')
            *next++ = '\0';
        assert_string_equal(strchr(strchr(line, ':') + 1, ':') + 1, group_path());
    }
    finish(&set);
    must_be_killed(pid);
}

static void test_limits(void **state)
{
    struct config_device_rule rules[] = { { 'a', -1, -1, "rwm", false }, { 'c', 10, 229, "rw", true } };
    struct lc_config config = plain();
    struct lc_error *err = NULL;
    struct cgroup_set set;

    (void)state;
    NEED_ROOT();
    config.cgroups.rules = rules;
    config.cgroups.n_rules = ARRAY_SIZE(rules);
    config.cgroups.cpuset_cpus = "0";
    config.cgroups.limits[LIMIT_MEMORY] = (struct config_number){ true, 64 << 20 };
    config.cgroups.limits[LIMIT_MEMORY_SWAP] = (struct config_number){ true, 96 << 20 };
    config.cgroups.limits[LIMIT_MEMORY_RESERVATION] = (struct config_number){ true, 0 };
    config.cgroups.limits[LIMIT_CPU_SHARES] = (struct config_number){ true, 512 };
    config.cgroups.limits[LIMIT_CPU_QUOTA] = (struct config_number){ true, 50000 };
    config.cgroups.limits[LIMIT_CPU_PERIOD] = (struct config_number){ true, 200000 };
    config.cgroups.limits[LIMIT_PIDS] = (struct config_number){ true, 20 };
    config.cgroups.limits[LIMIT_BLKIO_WEIGHT] = (struct config_number){ true, 0 };
    must(make(&config, &set, &err), &err);
    must_be(&set, "memory.limit_in_bytes", "67108864", "memory.max", "67108864");
    must_be(&set, "memory.memsw.limit_in_bytes", "100663296", "memory.swap.max", "33554432");
    must_be(&set, "memory.soft_limit_in_bytes", "9223372036854771712", "memory.low", "0");
    must_be(&set, "cpu.shares", "512", "cpu.weight", "59");
    must_be(&set, "cpu.cfs_quota_us", "50000", "cpu.max", "50000 200000");
    must_be(&set, "pids.max", "20", NULL, NULL);
    must_be(&set, "cpuset.cpus", "0", NULL, NULL);
    must_be(&set, "devices.list", "c 10:229 rw", NULL, NULL);
    finish(&set);
}

/* What the kernel is too old for is refused by name, and nothing is left of the group. */
static void test_burst(void **state)
{
    struct lc_config config = plain();
    struct lc_error *err = NULL;
    struct cgroup_set set;
    bool here;
    int r;

    (void)state;
    NEED_ROOT();
    here = kernel_has_cpu("cpu.cfs_burst_us", "cpu.max.burst");
    set_limit(&config.cgroups, LIMIT_CPU_QUOTA, 50000);
    set_limit(&config.cgroups, LIMIT_CPU_BURST, 10000);
    r = make(&config, &set, &err);
    if (here) {
        must(r, &err);
        must_be(&set, "cpu.cfs_burst_us", "10000", "cpu.max.burst", "10000");
    } else {
        must_fail(r, ENOENT, "/linux/resources/cpu/burst", "this kernel has no such file", &err);
    }
    finish(&set);
}

static void test_refusals(void **state)
{
    struct config_pair unified[] = { { "memory.min", "131072" } };
    struct config_pair wrong[] = { { "../x", "1" } };
    struct lc_config config = plain();
    struct lc_error *err = NULL;
    struct cgroup_set set = { 0 };
    int r;

    (void)state;
    NEED_ROOT();
    config.cgroups.systemd = true;
    config.cgroups.path = "/not/systemds";
    must_fail(cgroup_plan(&config, "id", &set, &err), EINVAL, "/linux/cgroupsPath", "between colons", &err);
    config.cgroups.path = NULL;
    assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus", 1), 0);
    must_fail(cgroup_plan(&config, "id", &set, &err), cgroup_has_systemd() ? ENOENT : ENOTSUP,
            "/linux/cgroupsPath", cgroup_has_systemd() ? "no D-Bus socket /nowhere/bus" : "built without",
            &err);
    config = plain();
    config.cgroups.path = "/";
    must_fail(cgroup_plan(&config, "id", &set, &err), EINVAL, "/linux/cgroupsPath", "root", &err);
    config.cgroups.path = "/a/../../b";
    must_fail(cgroup_plan(&config, "id", &set, &err), EINVAL, "/linux/cgroupsPath", "is not a path", &err);
    config = plain();
    config.cgroups.unified = wrong;
    config.cgroups.n_unified = 1;
    must_fail(cgroup_plan(&config, "id", &set, &err), EINVAL, "/linux/resources/unified/../x",
            "invalid configuration", &err);
    config.cgroups.unified = unified;
    r = cgroup_plan(&config, "id", &set, &err);
    if (r < 0)
        must_fail(r, ENOTSUP, "/linux/resources/unified/memory.min", "invalid configuration", &err);
    else
        cgroup_set_done(&set);
    config = plain();
    config.cgroups.limits[LIMIT_CPU_SHARES] = (struct config_number){ true, 1 };
    must_fail(cgroup_plan(&config, "id", &set, &err), EINVAL, "/linux/resources/cpu/shares", "minimum", &err);
    config = plain();
    config.cgroups.limits[LIMIT_MEMORY_SWAP] = (struct config_number){ true, 4096 };
    must_fail(cgroup_plan(&config, "id", &set, &err), EINVAL, "/linux/resources/memory/swap", "not limited",
            &err);
    config = plain();
    config.cgroups.limits[LIMIT_CPU_PERIOD] = (struct config_number){ true, 100 };
    r = make(&config, &set, &err);
    must_fail(r, EINVAL, "/linux/resources/cpu/period", "Invalid argument", &err);
    finish(&set);
}

/* A group that was there: used when empty, shared with a warning, refused when frozen; not removed in any case, as the
 * specification says. */
static void test_existing(void **state)
{
    const struct lc_config config = plain();
    struct cgroup_set first, second;
    struct lc_error *err = NULL;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    must(make(&config, &first, &err), &err);
    must(make(&config, &second, &err), &err);
    for (size_t i = 0; i < second.count; i++)
        assert_true(second.groups[i].made && second.groups[i].adopted);
    assert_int_equal(cgroup_remove(&second, 100), 0);
    for (size_t i = 0; i < second.count; i++)
        assert_int_equal(access(second.groups[i].path, F_OK), 0);
    cgroup_set_done(&second);
    must(cgroup_freeze(&first, true, 1000, &err), &err);
    must_fail(cgroup_plan(&config, "id", &second, &err), EBUSY, "/linux/cgroupsPath",
            "container's cgroup unexpectedly frozen", &err);
    must(cgroup_freeze(&first, false, 1000, &err), &err);
    pid = inmate(&first);
    must(make(&config, &second, &err), &err);
    assert_non_null(strstr(second.warning, "container's cgroup is not empty"));
    assert_int_equal(cgroup_kill(&second, 100), 0);
    assert_int_equal(cgroup_remove(&second, 100), 0);
    cgroup_set_done(&second);
    assert_int_equal(kill(pid, 0), 0);
    finish(&first);
    must_be_killed(pid);
}

/* A short look at what the process is doing. */
static char process_state(pid_t pid)
{
    char path[64], *text = NULL, found;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    assert_int_equal(cgroup_read_text(AT_FDCWD, path, &text), 0);
    found = strrchr(text, ')')[2];
    free(text);
    return found;
}

static void test_freeze(void **state)
{
    const struct lc_config config = plain();
    struct cgroup_set set;
    struct lc_error *err = NULL;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    must(make(&config, &set, &err), &err);
    assert_int_equal(cgroup_frozen(&set), 0);
    pid = inmate(&set);
    must(cgroup_freeze(&set, true, 2000, &err), &err);
    assert_int_equal(cgroup_frozen(&set), 1);
    print_message("frozen: %c\n", process_state(pid));
    must(cgroup_freeze(&set, true, 2000, &err), &err);
    must(cgroup_freeze(&set, false, 2000, &err), &err);
    assert_int_equal(cgroup_frozen(&set), 0);
    /* It has been let go; how soon it sleeps again is for the scheduler to say. */
    for (int i = 0; i < 2000 && process_state(pid) != 'S'; i++)
        (void)usleep(1000);
    assert_true(process_state(pid) == 'S');
    /* A frozen group is killed too. */
    must(cgroup_freeze(&set, true, 2000, &err), &err);
    finish(&set);
    must_be_killed(pid);
}

static void test_processes(void **state)
{
    static const char *const up[] = { "../.." }, *const none[] = { "nonexistent" },
                             *const who[] = { "whaaat:/" }, *const top[] = { "/" };
    const struct lc_config config = plain();
    int fds[CGROUP_HIERARCHIES_MAX];
    struct cgroup_set set;
    struct lc_error *err = NULL;
    CLEAN_FREE pid_t *pids = NULL;
    size_t count;
    pid_t one, two;

    (void)state;
    NEED_ROOT();
    must(make(&config, &set, &err), &err);
    one = inmate(&set);
    two = inmate(&set);
    assert_int_equal(cgroup_processes(&set, &pids, &count), 0);
    assert_int_equal(count, 2);
    assert_true(pids[0] == one && pids[1] == two);
    assert_int_equal(cgroup_open_entries_below(&set, up, 1, fds, &err), -EINVAL);
    assert_non_null(strstr(error_text(err), "bad sub cgroup path"));
    error_free(err);
    err = NULL;
    assert_int_equal(cgroup_open_entries_below(&set, none, 1, fds, &err), -ENOENT);
    error_free(err);
    err = NULL;
    assert_int_equal(cgroup_open_entries_below(&set, who, 1, fds, &err), -EINVAL);
    error_free(err);
    err = NULL;
    must(cgroup_open_entries_below(&set, top, 1, fds, &err), &err);
    for (size_t i = 0; i < set.count; i++)
        close(fds[i]);
    assert_int_equal(cgroup_signal(&set, SIGUSR1), 0);
    must_be_killed(one);
    must_be_killed(two);
    one = inmate(&set);
    must(cgroup_freeze(&set, true, 2000, &err), &err);
    assert_int_equal(cgroup_signal(&set, SIGKILL), 0);
    must_be_killed(one);
    finish(&set);
}

/* A hog is killed at its limit, and counted. */
static void test_out_of_memory(void **state)
{
    struct lc_config config = plain();
    int fds[CGROUP_HIERARCHIES_MAX], status;
    struct pollfd event = { .events = POLLIN | POLLPRI };
    struct cgroup_memory_facts facts;
    struct cgroup_set set;
    struct lc_error *err = NULL;
    CLEAN_FD int fd = -EBADF;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    set_limit(&config.cgroups, LIMIT_MEMORY, MIB(8));
    set_limit(&config.cgroups, LIMIT_MEMORY_SWAP, MIB(8));
    must(make(&config, &set, &err), &err);
    fd = cgroup_oom_fd(&set);
    assert_true(fd >= 0);
    cgroup_memory_facts(&set, &facts);
    assert_int_equal(facts.oom_kill, 0);
    must(cgroup_open_entries_below(&set, NULL, 0, fds, &err), &err);
    pid = fork();
    if (pid == 0) {
        char *memory;

        for (size_t i = 0; i < set.count; i++)
            if (cgroup_write_text(fds[i], "0") < 0)
                _exit(1);
        memory = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(memory, 1, MIB(64));
        _exit(0);
    }
    must_be_killed(pid);
    event.fd = fd;
    assert_int_equal(poll(&event, 1, 2000), 1);
    status = cgroup_oom_take(fd);
    assert_true(status > 0);
    cgroup_memory_facts(&set, &facts);
    assert_int_equal(facts.oom_kill, 1);
    assert_true(
            facts.peak == CGROUP_UNKNOWN || (facts.peak > facts.limit * 9 / 10 && facts.peak <= facts.limit));
    for (size_t i = 0; i < set.count; i++)
        close(fds[i]);
    finish(&set);
}

/* The numbers are the kernel's own, under runc's names. */
static void test_stats(void **state)
{
    static const char *const words[] = { "{\"cpu\":{\"usage\":{\"total\":", "\"throttling\":{",
        "\"cpuset\":{", "\"memory\":{", "\"usage\":{\"limit\":33554432,\"usage\":", "\"raw\":{",
        "\"pids\":{\"current\":1,\"limit\":20", "\"blkio\":{", "\"hugetlb\":{", "\"intel_rdt\":{}",
        "\"network_interfaces\":null}" };
    struct lc_config config = plain();
    struct buffer out = { 0 };
    struct cgroup_set set;
    struct lc_error *err = NULL;
    CLEAN_FREE char *text = NULL;
    json_t *parsed;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    set_limit(&config.cgroups, LIMIT_MEMORY, MIB(32));
    set_limit(&config.cgroups, LIMIT_PIDS, 20);
    must(make(&config, &set, &err), &err);
    pid = inmate(&set);
    assert_int_equal(cgroup_stats_json(&set, &(struct cgroup_rest){ 0 }, &out), 0);
    text = buffer_take_text(&out);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strstr(text, words[i]) == NULL)
            fail_msg("%s is not in %s", words[i], text);
    parsed = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (parsed == NULL)
        fail_msg("not JSON: %s", text);
    json_decref(parsed);
    finish(&set);
    must_be_killed(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_hierarchy),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_existing),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_stats),
    };

    return cmocka_run_group_tests_name("config.json's cgroups on this kernel", tests, NULL, NULL);
}
