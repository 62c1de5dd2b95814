/* Units of systemd: how a container's is called, and what systemd is told of it. */
#include "unit.h"

#include "../../src/cgroups/unit.h"

#include <config/unit-properties.h>

static void test_names(void **state)
{
    static const struct {
        const char *path;
        bool user;
        const char *slice, *name, *below; /* name NULL: refused */
    } rows[] = {
        { NULL, false, "system.slice", "nsrun-id.scope", "/system.slice/nsrun-id.scope" },
        { NULL, true, "user.slice", "nsrun-id.scope", "/user.slice/nsrun-id.scope" },
        { "::web", false, "system.slice", "web.scope", "/system.slice/web.scope" },
        { ":docker:web", true, "user.slice", "docker-web.scope", "/user.slice/docker-web.scope" },
        { "machine.slice:libpod:abc", false, "machine.slice", "libpod-abc.scope",
                "/machine.slice/libpod-abc.scope" },
        { "a-b-c.slice:x:y", false, "a-b-c.slice", "x-y.scope", "/a.slice/a-b.slice/a-b-c.slice/x-y.scope" },
        { "-.slice:x:y", false, "-.slice", "x-y.scope", "/x-y.scope" },
        { "kubepods-burstable-pod1_2.slice:cri-containerd:f00", false, "kubepods-burstable-pod1_2.slice",
                "cri-containerd-f00.scope",
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/"
                "cri-containerd-f00.scope" },
        { "::a-b.slice", false, NULL, "a-b.slice", "/a.slice/a-b.slice" },
        { "system.slice::cpu", false, "system.slice", "cpu.scope", "/system.slice/_cpu.scope" },
        { "system.slice::cpu.x", false, "system.slice", "cpu.x.scope", "/system.slice/cpu.x.scope" },
        { "system.slice::cgroup.x", false, "system.slice", "cgroup.x.scope",
                "/system.slice/_cgroup.x.scope" },
        { "io.slice::x", false, "io.slice", "x.scope", "/_io.slice/x.scope" },
        { "system.slice::cpux", false, "system.slice", "cpux.scope", "/system.slice/cpux.scope" },
        { "system.slice::_x", false, "system.slice", "_x.scope", "/system.slice/__x.scope" },
        { "system.slice:x:a\\x2bb", false, "system.slice", "x-a\\x2bb.scope",
                "/system.slice/x-a\\x2bb.scope" },
        { "/web", false, NULL, NULL, NULL },
        { "system.slice:web", false, NULL, NULL, NULL },
        { "system.slice:a:b:c", false, NULL, NULL, NULL },
        { "system:a:b", false, NULL, NULL, NULL },
        { ".slice:a:b", false, NULL, NULL, NULL },
        { "a--b.slice:a:b", false, NULL, NULL, NULL },
        { "-a.slice:a:b", false, NULL, NULL, NULL },
        { "a-.slice:a:b", false, NULL, NULL, NULL },
        { "x/y.slice:a:b", false, NULL, NULL, NULL },
        { "system.slice:a/../b:c", false, NULL, NULL, NULL },
        { "system.slice:a:b c", false, NULL, NULL, NULL },
        { "system.slice:a:", false, NULL, NULL, NULL },
    };
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct config_cgroups cgroups = { .oci = true, .path = rows[i].path };
        struct unit_place place = { 0 };
        struct lc_error *err = NULL;
        int r = unit_place_find(&place, &cgroups, "id", rows[i].user, &err);
        bool good = rows[i].name == NULL
                            ? r == -EINVAL && strcmp(error_site(err)->pointer, "/linux/cgroupsPath") == 0
                            : r == 0 && strcmp(place.name, rows[i].name) == 0 &&
                                      strcmp(place.below, rows[i].below) == 0 &&
                                      (rows[i].slice == NULL) == (place.slice == NULL) &&
                                      (rows[i].slice == NULL || strcmp(place.slice, rows[i].slice) == 0);

        if (!good) {
            print_error("%s: %d %s %s\n", rows[i].path, r, place.name, place.below);
            wrong++;
        }
        unit_place_done(&place);
        error_free(err);
    }
    ASSERT_ROWS(wrong);
}

static void test_names_of_our_own(void **state)
{
    static const struct {
        const char *parent, *name, *id, *slice, *unit, *pointer;
    } rows[] = {
        { "nsinit", "web", "id", "system.slice", "nsinit-web.scope", NULL },
        { "nsinit", NULL, "fe00-12", "system.slice", "nsinit-fe00-12.scope", NULL },
        { "machine-x.slice", "web", "id", "machine-x.slice", "nsinit-web.scope", NULL },
        { "nsinit", "a+b c", "id", "system.slice", "nsinit-a\\x2bb\\x20c.scope", NULL },
        { "", "web", "id", "system.slice", "web.scope", NULL },
        { "a/b", "web", "id", NULL, NULL, "/cgroups/name" },
        { "a--b.slice", "web", "id", NULL, NULL, "/cgroups/parent" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct config_cgroups cgroups = { .parent = rows[i].parent, .name = rows[i].name };
        struct unit_place place = { 0 };
        struct lc_error *err = NULL;
        int r = unit_place_find(&place, &cgroups, rows[i].id, false, &err);

        if (rows[i].pointer != NULL) {
            assert_int_equal(r, -EINVAL);
            assert_string_equal(error_site(err)->pointer, rows[i].pointer);
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(place.name, rows[i].unit);
            assert_string_equal(place.slice, rows[i].slice);
        }
        unit_place_done(&place);
        error_free(err);
    }
    assert_true(unit_name_is_valid("a.scope"));
    assert_false(unit_name_is_valid("a.service"));
    assert_false(unit_name_is_valid("../a.scope"));
    assert_false(unit_name_is_valid(".scope"));
}

static void test_allowed_properties(void **state)
{
    static const struct {
        const char *name, *text, *line; /* line NULL: refused */
    } rows[] = {
        { "TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec\tt\t123456789" },
        { "TimeoutStopSec", "10", "TimeoutStopUSec\tt\t10000000" },
        { "TimeoutStopSec", "uint32 10", "TimeoutStopUSec\tt\t10000000" },
        { "TimeoutStopSec", "0.5", "TimeoutStopUSec\tt\t500000" },
        { "RuntimeMaxUSec", "18446744073709551615", "RuntimeMaxUSec\tt\t18446744073709551615" },
        { "CollectMode", "'inactive-or-failed'", "CollectMode\ts\tinactive-or-failed" },
        { "CollectMode", "\"inactive\"", "CollectMode\ts\tinactive" },
        { "CollectMode", " 'it\\'s' ", "CollectMode\ts\tit's" },
        { "DefaultDependencies", "true", "DefaultDependencies\tb\ttrue" },
        { "DefaultDependencies", "false", "DefaultDependencies\tb\tfalse" },
        { "After", "['a.service', 'b.service']", "After\tas\ta.service\tb.service" },
        { "After", "[]", "After\tas" },
        { "KillSignal", "15", "KillSignal\ti\t15" },
        { "KillSignal", "0x0f", "KillSignal\ti\t15" },
        /* not for a container to set */
        { "ExecStart", "'x'", NULL },
        { "ExecStartPre", "'touch /x'", NULL },
        { "OnFailure", "['poweroff.target']", NULL },
        { "Wants", "['poweroff.target']", NULL },
        { "Description", "'x'", NULL },
        { "Slice", "'x.slice'", NULL },
        { "Delegate", "false", NULL },
        { "BPFProgram", "'x'", NULL },
        { "DeviceAllow", "[]", NULL },
        { "KillMode", "'none'", NULL },
        { "", "'x'", NULL },
        { "USec", "1", NULL },
        { "Sec", "1", NULL },
        { "TimeoutStopUSec\tt\t1\nKillMode", "1", NULL },
        /* of another type, or no value at all */
        { "TimeoutStopUSec", "'10'", NULL },
        { "TimeoutStopUSec", "1.5", NULL },
        { "TimeoutStopUSec", "-1", NULL },
        { "TimeoutStopUSec", "10s", NULL },
        { "TimeoutStopUSec", "18446744073709551616", NULL },
        { "TimeoutStopSec", "18446744073709551615", NULL },
        { "KillSignal", "4294967296", NULL },
        { "CollectMode", "inactive", NULL },
        { "CollectMode", "'inactive", NULL },
        { "CollectMode", "'a' 'b'", NULL },
        { "CollectMode", "'a\nb'", NULL },
        { "CollectMode", "'a\tb'", NULL },
        { "DefaultDependencies", "1", NULL },
        { "After", "'a'", NULL },
        { "After", "['a', 1]", NULL },
        { "After", "['a'", NULL },
        { "After", "['a',]", NULL },
        { "After", "", NULL },
    };
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buffer out = { 0 };
        const char *why = NULL;
        int r = unit_property_from_text(rows[i].name, rows[i].text, &out, &why);
        CLEAN_FREE char *line = buffer_take_text(&out);
        bool good = rows[i].line == NULL ? r < 0 && why != NULL : r == 0 && strcmp(line, rows[i].line) == 0;

        if (!good) {
            print_error("%s: %s: %d %s (%s)\n", rows[i].name, rows[i].text, r, line, why);
            wrong++;
        }
    }
    ASSERT_ROWS(wrong);
}

#define SET(number)                                                                                          \
    {                                                                                                        \
        true, number                                                                                         \
    }
static void test_limits(void **state)
{
    static struct config_pair unified[] = { { "memory.max", "max" }, { "pids.max", "5" },
        { "cpuset.cpus", "0,9" }, { "cpu.max", "50000 100000" }, { "hugetlb.2MB.max", "1" } };
    static struct config_blkio_rule io[] = { { "", BLKIO_READ_BPS, 8, 0, 1048576 },
        { "", BLKIO_WRITE_IOPS, 8, 0, 0 }, { "", BLKIO_WEIGHT, 8, 16, 500 } };
    static const struct {
        struct config_cgroups cgroups;
        uint32_t v1;
        const char *lines;
    } rows[] = {
        { { .oci = true }, 0, "" },
        { { .oci = true, .limits[LIMIT_MEMORY] = SET(1048576) }, 0, "\nMemoryMax\tt\t1048576" },
        { { .oci = true, .limits[LIMIT_MEMORY] = SET(1048576) }, CGROUP_BIT(CGROUP_MEMORY),
                "\nMemoryLimit\tt\t1048576" },
        { { .oci = true, .limits = { [LIMIT_MEMORY] = SET(100), [LIMIT_MEMORY_SWAP] = SET(150) } }, 0,
                "\nMemoryMax\tt\t100\nMemorySwapMax\tt\t50" },
        { { .oci = true, .limits = { [LIMIT_MEMORY] = SET(100), [LIMIT_MEMORY_SWAP] = SET(-1) } }, 0,
                "\nMemoryMax\tt\t100\nMemorySwapMax\tt\t18446744073709551615" },
        { { .oci = true, .limits[LIMIT_CPU_SHARES] = SET(1024) }, 0, "\nCPUWeight\tt\t100" },
        { { .oci = true, .limits[LIMIT_CPU_SHARES] = SET(1024) }, CGROUP_BIT(CGROUP_CPU),
                "\nCPUShares\tt\t1024" },
        { { .oci = true, .limits[LIMIT_PIDS] = SET(-1) }, 0, "\nTasksMax\tt\t18446744073709551615" },
        { { .oci = true, .limits[LIMIT_CPU_QUOTA] = SET(50000) }, 0,
                "\nCPUQuotaPeriodUSec\tt\t100000\nCPUQuotaPerSecUSec\tt\t500000" },
        /* systemd keeps whole percents: up, never down */
        { { .oci = true, .limits = { [LIMIT_CPU_QUOTA] = SET(1001), [LIMIT_CPU_PERIOD] = SET(1000000) } }, 0,
                "\nCPUQuotaPeriodUSec\tt\t1000000\nCPUQuotaPerSecUSec\tt\t10000" },
        { { .oci = true, .limits[LIMIT_CPU_QUOTA] = SET(-1) }, 0,
                "\nCPUQuotaPeriodUSec\tt\t100000\nCPUQuotaPerSecUSec\tt\t18446744073709551615" },
        { { .oci = true, .limits[LIMIT_CPU_QUOTA] = SET(INT64_MAX) }, 0,
                "\nCPUQuotaPeriodUSec\tt\t100000\nCPUQuotaPerSecUSec\tt\t18446744073709551615" },
        { { .oci = true, .cpuset_cpus = "0-2,8", .cpuset_mems = "1" }, 0,
                "\nAllowedCPUs\tay\t0701\nAllowedMemoryNodes\tay\t02" },
        { { .oci = true, .cpuset_cpus = "0-2,8" }, CGROUP_BIT(CGROUP_CPUSET), "" },
        { { .oci = true, .unified = unified, .n_unified = ARRAY_SIZE(unified) }, 0,
                "\nMemoryMax\tt\t18446744073709551615\nTasksMax\tt\t5\nAllowedCPUs\tay\t0102"
                "\nCPUQuotaPeriodUSec\tt\t100000\nCPUQuotaPerSecUSec\tt\t500000" },
        { { .oci = true, .blkio = io, .n_blkio = ARRAY_SIZE(io), .limits[LIMIT_BLKIO_WEIGHT] = SET(10) }, 0,
                "\nIOWeight\tt\t1\nIOReadBandwidthMax\ta(st)\t/dev/block/8:0\t1048576"
                "\nIOWriteIOPSMax\ta(st)\t/dev/block/8:0\t18446744073709551615"
                "\nIODeviceWeight\ta(st)\t/dev/block/8:16\t4950" },
        { { .oci = true, .blkio = io, .n_blkio = ARRAY_SIZE(io), .limits[LIMIT_BLKIO_WEIGHT] = SET(10) },
                CGROUP_BIT(CGROUP_BLKIO),
                "\nBlockIOWeight\tt\t10\nBlockIOReadBandwidth\ta(st)\t/dev/block/8:0\t1048576"
                "\nBlockIODeviceWeight\ta(st)\t/dev/block/8:16\t500" },
    };
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buffer out = { 0 };
        CLEAN_FREE char *lines = NULL;

        unit_properties_limits(&rows[i].cgroups, rows[i].v1, &out);
        lines = buffer_take_text(&out);
        if (strcmp(lines, rows[i].lines) != 0) {
            print_error("row %zu: %s\n", i, lines);
            wrong++;
        }
    }
    ASSERT_ROWS(wrong);
}

static void test_devices(void **state)
{
    static struct config_device_rule none[] = { { 'a', -1, -1, "rwm", false } },
                                     one[] = { { 'a', -1, -1, "rwm", false }, { 'c', 10, 229, "rw", true },
                                         { 'b', 8, -1, "r", true } },
                                     all[] = { { 'a', -1, -1, "rwm", true } },
                                     hole[] = { { 'a', -1, -1, "rwm", true }, { 'c', 1, 1, "rwm", false } };
    static const struct {
        struct config_device_rule *rules;
        size_t count;
        int r;
        const char *begin, *inside;
    } rows[] = {
        { none, 1, 0, "\nDevicePolicy\ts\tstrict\nDeviceAllow\ta(ss)\t", "\t/dev/char/1:3\trwm" },
        { one, 3, 0, "\nDevicePolicy\ts\tstrict", "\nDeviceAllow\ta(ss)\t/dev/char/10:229\trw" },
        { one, 3, 0, "\nDevicePolicy", "\nDeviceAllow\ta(ss)\tblock-8\tr" },
        { none, 1, 0, "\nDevicePolicy", "\tchar-136\trwm" },
        { all, 1, 0, "", "" },
        { hole, 2, -ENOTSUP, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct lc_config config = {
            .cgroups = { .present = true, .oci = true, .rules = rows[i].rules, .n_rules = rows[i].count }
        };
        struct lc_error *err = NULL;
        struct buffer out = { 0 };
        int r = unit_properties_devices(&config, &out, &err);
        CLEAN_FREE char *lines = buffer_take_text(&out);

        assert_int_equal(r, rows[i].r);
        if (r == 0) {
            assert_true(strncmp(lines, rows[i].begin, strlen(rows[i].begin)) == 0);
            if (strstr(lines, rows[i].inside) == NULL)
                fail_msg("row %zu: %s", i, lines);
            assert_true(rows[i].begin[0] != '\0' || lines[0] == '\0');
        } else {
            assert_string_equal(error_site(err)->pointer, "/linux/resources/devices");
        }
        error_free(err);
    }
}

static void test_annotations(void **state)
{
    struct config_pair good[] = { { "io.kubernetes.cri", "x" },
        { "org.systemd.property.After", "['x.service']" }, { "org.systemd.property.TimeoutStopSec", "3" } };
    struct config_pair bad[] = { { "org.systemd.property.ExecStopPost", "'/bin/sh'" } };
    struct lc_config config = { .oci = { .annotations = good, .n_annotations = ARRAY_SIZE(good) } };
    struct lc_error *err = NULL;
    struct buffer out = { 0 };
    CLEAN_FREE char *lines = NULL;

    (void)state;
    assert_int_equal(unit_properties_asked(&config, &out, &err), 0);
    lines = buffer_take_text(&out);
    assert_string_equal(lines, "\nAfter\tas\tx.service\nTimeoutStopUSec\tt\t3000000");
    config.oci.annotations = bad;
    config.oci.n_annotations = 1;
    assert_int_equal(unit_properties_asked(&config, &out, &err), -EPERM);
    assert_string_equal(error_site(err)->pointer, "/annotations/org.systemd.property.ExecStopPost");
    error_free(err);
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_of_our_own),
        cmocka_unit_test(test_allowed_properties),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_annotations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
