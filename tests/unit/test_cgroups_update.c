/* New limits for groups that exist: all of them, or the old ones. */
#include "cgroups-helpers.h"

/* What is written, and what the file then says. */
static void test_in_force(void **state)
{
    static const struct {
        const char *key, *value, *neutral, *text;
        bool good;
    } rows[] = {
        { NULL, "4096", NULL, "4096\n", true },
        { NULL, "5000", NULL, "4096\n", true },
        { NULL, "4096", NULL, "8192\n", false },
        { NULL, "5000", NULL, "4999\n", false },
        { NULL, "1", NULL, "0\n", false },
        { NULL, "200000", NULL, "4096\n", false },
        { NULL, "0", NULL, "0\n", true },
        { NULL, "0", NULL, "1\n", false },
        { NULL, "-1", NULL, "-1\n", true },
        { NULL, "-1", NULL, "9223372036854771712\n", true },
        { NULL, "-1", NULL, "100000\n", false },
        { NULL, "max", NULL, "max\n", true },
        { NULL, "max", NULL, "9223372036854771712\n", true },
        { NULL, "max", NULL, "20\n", false },
        { NULL, "9223372036854775807", NULL, "max\n", true },
        { NULL, "20", NULL, "max\n", false },
        { NULL, "20000 50000", NULL, "20000 50000\n", true },
        { NULL, "20000 50000", NULL, "20000 100000\n", false },
        { NULL, "0,1", NULL, "0-1\n", true },
        { NULL, "0-2", NULL, "0-1\n", false },
        { NULL, "0", NULL, "\n", false },
        { NULL, "1", NULL, "oom_kill_disable 1\nunder_oom 0\n", true },
        { NULL, "1", NULL, "oom_kill_disable 0\nunder_oom 0\n", false },
        { NULL, "4950", NULL, "default 4950\n8:0 100\n", true },
        { "8:0", "8:0 1048576", "8:0 0", "7:0 5\n8:0 1048576\n", true },
        { "8:0", "8:0 1048576", "8:0 0", "8:0 5\n", false },
        { "8:0", "8:0 1048576", "8:0 0", "8:01 1048576\n", false },
        { "8:0", "8:0 0", "8:0 0", "", true },
        { "8:0", "8:0 rbps=5", "8:0 rbps=max", "8:0 rbps=5 wbps=max riops=max wiops=max\n", true },
        { "8:0", "8:0 rbps=5", "8:0 rbps=max", "8:0 rbps=55 wbps=5 riops=max wiops=max\n", false },
        { "8:0", "8:0 rbps=max", "8:0 rbps=max", "", true },
        { "a", "a hca_handle=3", "a hca_handle=max hca_object=max", "a hca_handle=3 hca_object=max\n", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (cgroup_in_force("memory.max", rows[i].key, rows[i].value, rows[i].neutral, rows[i].text) !=
                rows[i].good)
            fail_msg("%s against %s", rows[i].value, rows[i].text);
    }
    assert_true(cgroup_in_force("hugetlb.2MB.max", NULL, "3145728", NULL, "2097152\n"));
    assert_true(cgroup_in_force("hugetlb.2MB.max", NULL, "1048576", NULL, "0\n"));
}

/* Growing and shrinking what the kernel compares with one another. */
static void test_update(void **state)
{
    struct lc_config config = plain();
    struct config_cgroups change = { .oci = true };
    struct cgroup_set set;
    struct lc_error *err = NULL;

    (void)state;
    NEED_ROOT();
    set_limit(&config.cgroups, LIMIT_MEMORY, MIB(30));
    set_limit(&config.cgroups, LIMIT_MEMORY_SWAP, MIB(50));
    set_limit(&config.cgroups, LIMIT_CPU_QUOTA, 500000);
    set_limit(&config.cgroups, LIMIT_CPU_PERIOD, 1000000);
    set_limit(&config.cgroups, LIMIT_PIDS, 20);
    must(make(&config, &set, &err), &err);
    set_limit(&change, LIMIT_MEMORY, MIB(60));
    set_limit(&change, LIMIT_MEMORY_SWAP, MIB(80));
    set_limit(&change, LIMIT_CPU_SHARES, 200);
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "memory.limit_in_bytes", "62914560", "memory.max", "62914560");
    must_be(&set, "memory.memsw.limit_in_bytes", "83886080", "memory.swap.max", "20971520");
    must_be(&set, "cpu.shares", "200", NULL, NULL);
    must_be(&set, "cpu.cfs_quota_us", "500000", "cpu.max", "500000 1000000");
    set_limit(&change, LIMIT_MEMORY, MIB(20));
    set_limit(&change, LIMIT_MEMORY_SWAP, MIB(20));
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "memory.memsw.limit_in_bytes", "20971520", "memory.swap.max", "0");
    change = (struct config_cgroups){ 0 };
    set_limit(&change, LIMIT_MEMORY, -1);
    set_limit(&change, LIMIT_PIDS, -1);
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max");
    must_be(&set, "memory.memsw.limit_in_bytes", "9223372036854771712", "memory.swap.max", "max");
    must_be(&set, "pids.max", "max", NULL, NULL);
    change = (struct config_cgroups){ 0 };
    set_limit(&change, LIMIT_CPU_PERIOD, 900000);
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "cpu.cfs_period_us", "900000", "cpu.max", "500000 900000");
    must_be(&set, "cpu.cfs_quota_us", "500000", NULL, NULL);
    change = (struct config_cgroups){ .cpuset_cpus = "0" };
    set_limit(&change, LIMIT_CPU_QUOTA, -1);
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "cpu.cfs_quota_us", "-1", "cpu.max", "max 900000");
    must_be(&set, "cpuset.cpus", "0", NULL, NULL);
    finish(&set);
}

/* One of three is impossible: nothing has changed. */
static void test_update_fails(void **state)
{
    struct lc_config config = plain();
    struct config_cgroups change = { .oci = true, .cpuset_cpus = "4000" };
    struct cgroup_set set;
    struct lc_error *err = NULL;
    int r;

    (void)state;
    NEED_ROOT();
    set_limit(&config.cgroups, LIMIT_MEMORY, MIB(30));
    set_limit(&config.cgroups, LIMIT_MEMORY_SWAP, MIB(50));
    set_limit(&config.cgroups, LIMIT_PIDS, 20);
    must(make(&config, &set, &err), &err);
    set_limit(&change, LIMIT_MEMORY, MIB(60));
    set_limit(&change, LIMIT_MEMORY_SWAP, MIB(80));
    set_limit(&change, LIMIT_PIDS, 30);
    r = cgroup_apply_update(&set, &change, NULL, &err);
    must_fail(r, -r, "/linux/resources/cpu/cpus", "cpuset.cpus", &err);
    must_be(&set, "memory.limit_in_bytes", "31457280", "memory.max", "31457280");
    must_be(&set, "memory.memsw.limit_in_bytes", "52428800", "memory.swap.max", "20971520");
    must_be(&set, "pids.max", "20", NULL, NULL);
    change = (struct config_cgroups){ .check_before_update = true };
    set_limit(&change, LIMIT_MEMORY, 1);
    r = cgroup_apply_update(&set, &change, NULL, &err);
    if (r == -EBUSY)
        must_fail(r, EBUSY, "/linux/resources/memory/limit", "in use", &err);
    error_free(err);
    finish(&set);
}

/* `most` below zero: no burst, for a kernel without. */
static void burst(struct config_cgroups *change, int64_t period, int64_t quota, int64_t most)
{
    *change = (struct config_cgroups){ 0 };
    set_limit(change, LIMIT_CPU_PERIOD, period);
    set_limit(change, LIMIT_CPU_QUOTA, quota);
    if (most >= 0)
        set_limit(change, LIMIT_CPU_BURST, most);
}

/* The kernel wants burst <= quota at any moment: up and down need opposite orders. */
static void test_order(void **state)
{
    struct lc_config config = plain();
    struct config_cgroups change;
    struct cgroup_set set;
    struct lc_error *err = NULL;
    bool bursts;

    (void)state;
    NEED_ROOT();
    bursts = kernel_has_cpu("cpu.cfs_burst_us", "cpu.max.burst");
    burst(&config.cgroups, 100000, 20000, bursts ? 20000 : -1);
    config.cgroups.present = config.cgroups.oci = true;
    config.cgroups.path = group_path();
    config.cgroups.cpuset_cpus = "0";
    must(make(&config, &set, &err), &err);
    burst(&change, 1000000, 500000, bursts ? 500000 : -1);
    change.cpuset_cpus = "0-1";
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "cpu.cfs_burst_us", "500000", "cpu.max.burst", "500000");
    must_be(&set, "cpu.cfs_period_us", "1000000", "cpu.max", "500000 1000000");
    must_be(&set, "cpuset.cpus", "0-1", NULL, NULL);
    burst(&change, 5000, 1000, bursts ? 1000 : -1);
    change.cpuset_cpus = "1";
    must(cgroup_apply_update(&set, &change, NULL, &err), &err);
    must_be(&set, "cpu.cfs_burst_us", "1000", "cpu.max.burst", "1000");
    must_be(&set, "cpu.cfs_quota_us", "1000", "cpu.max", "1000 5000");
    must_be(&set, "cpuset.cpus", "1", NULL, NULL);
    finish(&set);
}

/* A failure behind each of the others: what is written is taken back, and what the kernel changed by itself. */
static void test_taken_back(void **state)
{
    struct lc_config config = plain();
    struct config_blkio_rule nowhere = { "/linux/resources/blockIO/x", BLKIO_READ_BPS, 4000, 0, 1048576 };
    struct config_cgroups change = { .blkio = &nowhere, .n_blkio = 1 };
    struct cgroup_set set;
    struct lc_error *err = NULL;
    bool bursts, idles;
    int r;

    (void)state;
    NEED_ROOT();
    bursts = kernel_has_cpu("cpu.cfs_burst_us", "cpu.max.burst");
    idles = kernel_has_cpu("cpu.idle", "cpu.idle");
    set_limit(&config.cgroups, LIMIT_CPU_SHARES, 512);
    set_limit(&config.cgroups, LIMIT_CPU_QUOTA, 40000);
    set_limit(&config.cgroups, LIMIT_PIDS, 20);
    config.cgroups.cpuset_cpus = "0";
    must(make(&config, &set, &err), &err);
    burst(&change, 1000000, 500000, bursts ? 100000 : -1);
    change.blkio = &nowhere;
    change.n_blkio = 1;
    change.cpuset_cpus = "0-1";
    if (idles)
        set_limit(&change, LIMIT_CPU_IDLE, 1);
    set_limit(&change, LIMIT_PIDS, -1);
    r = cgroup_apply_update(&set, &change, NULL, &err);
    must_fail(r, -r, nowhere.pointer, "", &err);
    must_be(&set, "cpu.idle", "0", NULL, NULL);
    must_be(&set, "cpu.shares", "512", "cpu.weight", "59");
    must_be(&set, "cpu.cfs_quota_us", "40000", "cpu.max", "40000 100000");
    must_be(&set, "cpu.cfs_period_us", "100000", NULL, NULL);
    must_be(&set, "cpu.cfs_burst_us", "0", "cpu.max.burst", "0");
    must_be(&set, "pids.max", "20", NULL, NULL);
    must_be(&set, "cpuset.cpus", "0", NULL, NULL);
    finish(&set);
}

static void must_hold(const struct cgroup_group *group, pid_t pid)
{
    CLEAN_FREE char *text = NULL;
    char line[16];

    (void)snprintf(line, sizeof(line), "%d\n", (int)pid);
    assert_int_equal(cgroup_read_file(group, "cgroup.procs", &text), 0);
    assert_string_equal(text, line);
}

/* The one of `set` in the same hierarchy. */
static struct cgroup_group *beside(struct cgroup_set *set, const struct cgroup_group *group)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->groups[i].mount, group->mount) == 0)
            return &set->groups[i];
    fail_msg("no group in %s", group->mount);
    return NULL;
}

/* Taken away again, a late group gives its processes back to the group they came from, never to one with other limits. */
static void test_late_undo(void **state)
{
    struct lc_config config = plain();
    struct cgroup_set set, late = { 0 };
    struct lc_error *err = NULL;
    char below[48];
    char *path;
    int status;
    pid_t pid;

    (void)state;
    NEED_ROOT();
    must(make(&config, &set, &err), &err);
    pid = inmate(&set);
    (void)snprintf(below, sizeof(below), "/nsrun-test-%d/late", (int)getpid());
    must(cgroup_late_plan(&late, CGROUP_FREEZER, NULL, below, &err), &err);
    must(cgroup_late_make(&late, NULL, &err), &err);
    assert_int_equal(cgroup_late_move(&late, &pid, 1), 0);
    must_hold(&late.groups[0], pid);
    path = strdup(late.groups[0].path);
    assert_non_null(path);
    /* Unknown: it stays. */
    free(late.groups[0].origin);
    late.groups[0].origin = NULL;
    assert_int_equal(cgroup_late_undo(&late), -EXDEV);
    assert_int_equal(late.count, 1);
    must_hold(&late.groups[0], pid);

    late.groups[0].origin = strdup(beside(&set, &late.groups[0])->path);
    assert_int_equal(cgroup_late_undo(&late), 0);
    assert_int_equal(late.count, 0);
    assert_int_equal(access(path, F_OK), -1);
    free(path);

    must(cgroup_late_plan(&late, CGROUP_FREEZER, NULL, below, &err), &err);
    must(cgroup_late_make(&late, NULL, &err), &err);
    assert_int_equal(cgroup_late_move(&late, &pid, 1), 0);
    assert_string_equal(late.groups[0].origin, beside(&set, &late.groups[0])->path);
    assert_int_equal(cgroup_late_undo(&late), 0);
    for (size_t i = 0; i < set.count; i++)
        must_hold(&set.groups[i], pid);

    finish(&set);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_force),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_update_fails),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_late_undo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
