/* From files of a group to statistics: directories with the kernel's words in them stand for groups. */
#include "unit.h"

#include <base/buffer.h>
#include <base/util.h>
#include <cgroups/cgroups.h>

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct file {
    const char *name, *text;
};

static const struct file v2_files[] = {
    { "cpu.weight", "100\n" },
    { "cpu.stat",
            "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\ncore_sched.force_idle_usec 0\nnr_periods 7\n"
            "nr_throttled 2\nthrottled_usec 44\nnr_bursts 1\nburst_usec 9\n" },
    { "cpu.pressure", "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 "
                      "avg300=0.00 total=0\n" },
    { "cpu.stat.local", "throttled_usec 11\n" },
    { "cgroup.stat", "nr_descendants 2\nnr_dying_descendants 1\n" },
    { "memory.max", "max\n" },
    { "memory.high", "max\n" },
    { "memory.low", "1024\n" },
    { "memory.min", "512\n" },
    { "memory.numa_stat", "anon N0=60 N1=40\nfile N0=200 N1=0\n" },
    { "memory.zswap.current", "7\n" },
    { "memory.zswap.max", "9\n" },
    { "memory.swap.high", "18\n" },
    { "memory.current", "4096\n" },
    { "memory.peak", "8192\n" },
    { "memory.stat", "anon 100\nfile 200\nkernel 300\nsock 400\n" },
    { "memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n" },
    { "memory.events.local", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n" },
    { "memory.swap.current", "10\n" },
    { "memory.swap.max", "20\n" },
    { "memory.swap.peak", "15\n" },
    { "memory.swap.events", "high 0\nmax 8\nfail 9\n" },
    { "pids.max", "30\n" },
    { "pids.current", "3\n" },
    { "pids.peak", "12\n" },
    { "pids.events", "max 2\n" },
    { "pids.events.local", "max 1\n" },
    { "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"
                 "8:16 rbytes=10 wbytes=20 rios=30 wios=40 dbytes=50 dios=60 "
                 "cost.usage=70 cost.wait=80\n" },
    { "hugetlb.2MB.max", "max\n" },
    { "hugetlb.2MB.current", "0\n" },
    { "hugetlb.2MB.events", "max 4\n" },
    { "hugetlb.2MB.numa_stat", "total=2097152 N0=0 N1=2097152\n" },
    { "hugetlb.2MB.rsvd.current", "2097152\n" },
    { "rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n" },
    { "rdma.current", "mlx4_0 hca_handle=1 hca_object=20\n" },
    { "misc.current", "res_a 3\nres_b 0\n" },
    { "misc.max", "res_a max\nres_b 4\n" },
    { "misc.events.local", "res_a.max 6\n" },
};

static const struct file v1_files[] = {
    { "cpuacct.usage", "9000\n" },
    { "cpuacct.usage_user", "6000\n" },
    { "cpuacct.usage_sys", "3000\n" },
    { "memory.limit_in_bytes", "9223372036854771712\n" },
    { "memory.usage_in_bytes", "4096\n" },
    { "memory.max_usage_in_bytes", "8192\n" },
    { "memory.failcnt", "2\n" },
    { "memory.memsw.failcnt", "3\n" },
    { "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n" },
    { "memory.numa_stat", "total=5 N0=3 N1=2\nhierarchical_total=9 N0=9 N1=0\n" },
    { "blkio.throttle.read_bps_device", "" },
    { "blkio.throttle.io_service_bytes_recursive",
            "8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 300\n"
            "8:16 Read 1\n8:16 Write 2\n8:16 Total 3\nTotal 303\n" },
    { "blkio.throttle.io_serviced_recursive", "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n" },
    { "pids.max", "max\n" },
    { "pids.current", "3\n" },
};

struct directory {
    char path[64];
    struct cgroup_set set;
};

static void write_file(const char *directory, const struct file *file)
{
    char path[PATH_MAX];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, file->name);
    out = fopen(path, "we");
    assert_non_null(out);
    assert_true(fputs(file->text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void make_directory(struct directory *directory, const struct file *files, size_t count, bool v2)
{
    (void)snprintf(directory->path, sizeof(directory->path), "/tmp/test-stats-XXXXXX");
    assert_non_null(mkdtemp(directory->path));
    for (size_t i = 0; i < count; i++)
        write_file(directory->path, &files[i]);
    directory->set = (struct cgroup_set){ .count = 1 };
    directory->set.groups[0].path = strdup(directory->path);
    directory->set.groups[0].mount = strdup("/tmp");
    directory->set.groups[0].v2 = v2;
}

static void remove_directory(struct directory *directory, const struct file *files, size_t count)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory->path, files[i].name);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(directory->path), 0);
    cgroup_set_done(&directory->set);
}

static json_t *take(const struct cgroup_set *set, const struct cgroup_rest *rest)
{
    struct buffer out = { 0 };
    CLEAN_FREE char *text = NULL;
    json_t *parsed;

    assert_int_equal(cgroup_stats_json(set, rest, &out), 0);
    text = buffer_take_text(&out);
    assert_non_null(text);
    parsed = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (parsed == NULL)
        fail_msg("not JSON: %s", text);
    return parsed;
}

/* "memory/usage/max"; -1: there is no such number. */
static double at(const json_t *value, const char *path)
{
    CLEAN_FREE char *copy = strdup(path);
    char *rest = copy, *name;

    while ((name = strsep(&rest, "/")) != NULL)
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name))
                                     : json_object_get(value, name);
    return json_is_number(value) ? json_number_value(value) : -1;
}

struct expected {
    const char *path;
    double value;
};

static void check(const json_t *stats, const struct expected *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (at(stats, rows[i].path) != rows[i].value)
            fail_msg("%s is %f instead of %f", rows[i].path, at(stats, rows[i].path), rows[i].value);
}

static void test_v2(void **state)
{
    static const struct expected rows[] = { { "cpu/usage/total", 5000000 }, { "cpu/usage/user", 3000000 },
        { "cpu/usage/kernel", 2000000 }, { "cpu/throttling/periods", 7 },
        { "cpu/throttling/throttledPeriods", 2 }, { "cpu/throttling/throttledTime", 44000 },
        { "cpu/throttling/bursts", 1 }, { "cpu/throttling/burstTime", 9000 }, { "cpu/psi/some/avg10", 1.5 },
        { "cpu/psi/some/total", 77 }, { "cpu/psi/full/total", 0 }, { "memory/usage/limit", 0x1p64 },
        { "memory/usage/usage", 4096 }, { "memory/usage/max", 8192 }, { "memory/usage/failcnt", 3 },
        { "memory/swap/limit", 0x1p64 }, { "memory/swap/usage", 4106 }, { "memory/swap/max", -1 },
        { "memory/swap/failcnt", 9 }, { "memory/swapOnly/limit", 20 }, { "memory/swapOnly/usage", 10 },
        { "memory/swapOnly/max", 15 }, { "memory/swapOnly/failcnt", 9 }, { "memory/cache", 200 },
        { "memory/kernel/usage", 300 }, { "memory/kernelTCP/usage", 400 }, { "memory/raw/anon", 100 },
        { "memory/events/outOfMemory", 4 }, { "memory/events/killed", 5 }, { "memory/events/groupKilled", 6 },
        { "memory/eventsLocal/killed", 0 }, { "memory/swapEvents/max", 8 }, { "pids/current", 3 },
        { "pids/limit", 30 }, { "pids/peak", 12 }, { "pids/events/max", 2 },
        { "blkio/ioServiceBytesRecursive/2/value", 5 }, { "blkio/ioServiceBytesRecursive/4/value", 20 },
        { "blkio/ioServicedRecursive/5/value", 60 }, { "hugetlb/2MB/failcnt", 4 },
        { "hugetlb/2MB/rsvd/usage", 2097152 }, { "rdma/current/mlx4_0/hca_object", 20 },
        { "rdma/max/mlx4_0/hca_handle", 2 }, { "rdma/max/mlx4_0/hca_object", -1 },
        { "misc/current/res_a", 3 }, { "misc/max/res_a", -1 }, { "misc/max/res_b", 4 },
        { "misc/eventsLocal/res_a.max", 6 }, { "cpu/rawLocal/throttled_usec", 11 },
        { "cgroup/raw/nr_dying_descendants", 1 }, { "memory/usage/high", 0x1p64 },
        { "memory/usage/low", 1024 }, { "memory/usage/min", 512 }, { "memory/swapOnly/high", 18 },
        { "memory/swapOnly/low", -1 }, { "memory/numa/anon/N1", 40 }, { "memory/zswap/usage", 7 },
        { "memory/zswap/limit", 9 }, { "pids/eventsLocal/max", 1 }, { "blkio/raw/8:16/cost.wait", 80 },
        { "blkio/raw/8:0/rbytes", 1 }, { "hugetlb/2MB/numa/total/N1", 2097152 },
        { "hugetlb/2MB/numa/total/total", 2097152 }, { "from_processes/0", -1 } };
    struct directory directory;
    struct cgroup_final final;
    json_t *stats;

    (void)state;
    make_directory(&directory, v2_files, ARRAY_SIZE(v2_files), true);
    stats = take(&directory.set, &(struct cgroup_rest){ 0 });
    check(stats, rows, ARRAY_SIZE(rows));
    json_decref(stats);
    cgroup_final(&directory.set, &final);
    assert_true(final.memory.peak == 8192 && final.memory.limit == CGROUP_UNKNOWN);
    assert_true(final.memory.max == 3 && final.memory.oom == 4 && final.memory.oom_kill == 5);
    assert_true(final.memory.swap_peak == 15 && final.total == 5000000 && final.throttled == 44000);
    assert_true(
            final.read_bytes == 11 && final.written_bytes == 22 && final.reads == 33 && final.writes == 44);
    assert_true(final.pids_peak == 12 && final.pids_refused == 2);
    write_file(directory.path, &(struct file){ "memory.max", "5000\n" });
    stats = take(&directory.set, &(struct cgroup_rest){ 0 });
    check(stats, (struct expected[]){ { "memory/usage/limit", 5000 }, { "memory/swap/limit", 5020 } }, 2);
    json_decref(stats);
    remove_directory(&directory, v2_files, ARRAY_SIZE(v2_files));
}

static void test_v1(void **state)
{
    static const struct expected rows[] = { { "cpu/usage/total", 9000 }, { "cpu/usage/user", 6000 },
        { "memory/usage/usage", 4096 }, { "memory/usage/failcnt", 2 }, { "memory/events/killed", 5 },
        { "blkio/ioServiceBytesRecursive/1/value", 200 }, { "blkio/ioServicedRecursive/0/value", 10 },
        { "pids/current", 3 }, { "pids/limit", -1 }, { "memory/numa/total/total", 5 },
        { "memory/numa/hierarchical_total/N0", 9 }, { "cgroup/raw", -1 }, { "from_processes/0", -1 } };
    struct directory directory;
    struct cgroup_final final;
    json_t *stats;

    (void)state;
    make_directory(&directory, v1_files, ARRAY_SIZE(v1_files), false);
    stats = take(&directory.set, &(struct cgroup_rest){ .known = true, .pids = 99, .user = 99 });
    check(stats, rows, ARRAY_SIZE(rows));
    json_decref(stats);
    cgroup_final(&directory.set, &final);
    assert_true(final.memory.peak == 8192 && final.memory.limit == CGROUP_UNKNOWN);
    assert_true(final.memory.max == 5 && final.memory.oom == CGROUP_UNKNOWN && final.memory.oom_kill == 5);
    assert_true(final.total == 9000 && final.kernel == 3000);
    assert_true(final.read_bytes == 101 && final.written_bytes == 202 && final.reads == 10);
    assert_true(final.pids_peak == CGROUP_UNKNOWN);
    remove_directory(&directory, v1_files, ARRAY_SIZE(v1_files));
}

/* What no group counts is said to come from the processes; what nobody counts is left out. */
static void test_nothing(void **state)
{
    static const struct expected rows[] = { { "cpu/usage/total", 30 }, { "cpu/usage/kernel", 20 },
        { "memory/usage/usage", 4096 }, { "pids/current", 2 } };
    const struct cgroup_rest rest = {
        .known = true, .user = 10, .kernel = 20, .resident = 4096, .pids = 2, .network = "[]"
    };
    struct cgroup_set set = { .count = 0 };
    struct cgroup_final final;
    json_t *stats = take(&set, &rest);

    (void)state;
    check(stats, rows, ARRAY_SIZE(rows));
    assert_int_equal(json_array_size(json_object_get(stats, "from_processes")), 3);
    assert_true(json_is_array(json_object_get(stats, "network_interfaces")));
    json_decref(stats);
    stats = take(&set, &(struct cgroup_rest){ 0 });
    assert_true(at(stats, "pids/current") == -1 && json_object_get(stats, "from_processes") == NULL);
    json_decref(stats);
    cgroup_final(&set, &final);
    assert_true(final.total == CGROUP_UNKNOWN && final.memory.oom_kill == CGROUP_UNKNOWN);
    assert_true(final.reads == CGROUP_UNKNOWN);
}

/* A kernel before 5.19 has no memory.peak: unknown is not 0. */
static void test_old_kernel(void **state)
{
    static const struct file files[] = { { "memory.max", "1000\n" }, { "memory.current", "10\n" },
        { "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n" }, { "cpu.stat", "usage_usec 5\n" } };
    struct directory directory;
    struct cgroup_final final;
    json_t *stats;

    (void)state;
    make_directory(&directory, files, ARRAY_SIZE(files), true);
    cgroup_final(&directory.set, &final);
    assert_true(final.memory.peak == CGROUP_UNKNOWN && final.memory.limit == 1000);
    assert_true(final.memory.oom_kill == 0 && final.throttled == CGROUP_UNKNOWN && final.total == 5000);
    stats = take(&directory.set, &(struct cgroup_rest){ 0 });
    assert_true(at(stats, "memory/usage/max") == -1 && at(stats, "cpu/throttling/periods") == -1);
    json_decref(stats);
    remove_directory(&directory, files, ARRAY_SIZE(files));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_v1),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_old_kernel),
    };

    return cmocka_run_group_tests_name("statistics from files", tests, NULL, NULL);
}
