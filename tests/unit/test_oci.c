/* Every field of config.json, and what becomes of it. */
#include "test_oci.h"

#include <jansson.h>
#include <linux/mount.h>

#define CAP(n) (UINT64_C(1) << (n)) /* CHOWN 0, KILL 5, SETUID 7 */

static struct lc_config *every_field(void)
{
    size_t length;
    char *text = read_data(TEST_DATA, "every-field.json", &length);
    struct lc_config *config = oci_good(text);

    free(text);
    return config;
}

static void test_top(void **state)
{
    struct lc_config *c = every_field();

    (void)state;
    assert_true(c->from_oci && c->pointers == &config_pointers_oci);
    assert_string_equal(c->oci.version, "1.3.0");
    assert_string_equal(c->oci.bundle, "/b");
    assert_string_equal(c->oci.rootfs, "rootfs");
    assert_true(c->readonly_fs);
    assert_string_equal(c->hostname, "box");
    assert_string_equal(c->domainname, "example");
    assert_int_equal(c->oci.n_annotations, 2);
    assert_string_equal(c->oci.annotations[0].name, "org.example.key");
    assert_string_equal(c->oci.annotations[0].value, "value");
    assert_string_equal(c->oci.annotations[1].value, "");
    config_free(c);
}

static void test_process(void **state)
{
    struct lc_config *c = every_field();

    (void)state;
    assert_true(c->tty && c->no_new_privileges);
    assert_int_equal(c->oci.rows, 24);
    assert_int_equal(c->oci.columns, 80);
    assert_int_equal(c->oci.uid, 1000);
    assert_int_equal(c->oci.gid, 1001);
    assert_true(c->umask.set && c->umask.value == 23);
    assert_int_equal(c->n_additional_groups, 2);
    assert_int_equal(c->additional_groups[1], 6);
    assert_int_equal(c->oci.n_argv, 3);
    assert_string_equal(c->oci.argv[2], "true");
    assert_null(c->oci.argv[3]);
    assert_int_equal(c->n_environment, 2);
    assert_string_equal(c->environment[1], "novalue");
    assert_null(c->environment[2]);
    assert_string_equal(c->working_dir, "/work");
    assert_true(c->oci.capabilities_present);
    assert_int_equal(c->oci.capabilities[CAPS_BOUNDING], CAP(5) | CAP(0));
    assert_int_equal(c->capabilities, CAP(5) | CAP(0));
    assert_int_equal(c->oci.capabilities[CAPS_EFFECTIVE], CAP(5));
    assert_int_equal(c->oci.capabilities[CAPS_PERMITTED], CAP(5) | CAP(7));
    assert_int_equal(c->oci.capabilities[CAPS_INHERITABLE], CAP(0));
    assert_int_equal(c->oci.capabilities[CAPS_AMBIENT], 0);
    assert_int_equal(c->n_rlimits, 2);
    assert_int_equal(c->rlimits[0].soft, 1024);
    assert_true(c->rlimits[0].hard == UINT64_MAX);
    assert_true(c->rlimits[1].hard == UINT64_C(1) << 63);
    assert_string_equal(c->apparmor_profile, "unconfined");
    assert_string_equal(c->process_label, "a:b:c:d");
    assert_true(c->oom_score_adj.set && c->oom_score_adj.value == -5);
    config_free(c);
}

static void test_scheduling(void **state)
{
    struct lc_config *c = every_field();
    const struct config_scheduler *s = &c->oci.scheduler;

    (void)state;
    assert_true(s->set && s->policy == 6 && s->nice == -3 && s->flags == 3);
    assert_true(s->runtime == 10 && s->deadline == 20 && s->period == 30);
    assert_true(c->oci.io_priority.set && c->oci.io_priority.value == (2 << 13 | 4));
    assert_string_equal(c->oci.affinity_initial, "0-3,7");
    assert_null(c->oci.affinity_final);
    assert_true(c->oci.personality.set && c->oci.personality.value == 8);
    assert_true(c->oci.memory_policy.set && c->oci.memory_policy.mode == 2);
    assert_int_equal(c->oci.memory_policy.flags, 1 << 15);
    assert_string_equal(c->oci.memory_policy.nodes, "0");
    config_free(c);
}

static void test_warnings(void **state)
{
    struct lc_config *c = every_field();

    (void)state;
    assert_int_equal(c->n_warnings, 3);
    assert_non_null(strstr(c->warnings[0], "config.json:17:45: /process/capabilities/bounding/2: "));
    assert_non_null(strstr(c->warnings[0], "unknown capability \"CAP_NOBODY_KNOWS\""));
    assert_non_null(strstr(c->warnings[1], "unknown capability \"kill\""));
    assert_non_null(strstr(c->warnings[2], "/linux/resources/memory/kernel"));
    config_free(c);
}

/* What of a bind mount the kernel does not look at. */
static void test_bind_options(void **state)
{
    struct lc_config *c =
            oci_good("{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},\"linux\":{\"namespaces\":["
                     "{\"type\":\"mount\"}]},\"mounts\":[{\"destination\":\"/x\",\"source\":\"/y\",\"type\":"
                     "\"tmpfs\",\"options\":[\"rbind\",\"mode=755\",\"sync\",\"ro\",\"rshared\"]}]}");

    (void)state;
    assert_string_equal(c->mounts[0].type, "bind");
    assert_null(c->mounts[0].data);
    assert_int_equal(c->mounts[0].super_flags | c->mounts[0].super_clear, 0);
    assert_int_equal(c->mounts[0].attr_set, MOUNT_ATTR_RDONLY);
    assert_int_equal(c->n_warnings, 2);
    assert_non_null(strstr(c->warnings[0], "/mounts/0/options/1: ignoring the option \"mode=755\""));
    assert_non_null(strstr(c->warnings[1], "\"sync\""));
    config_free(c);
}

static void test_mounts(void **state)
{
    struct lc_config *c = every_field();
    const struct config_mount *m = c->mounts;

    (void)state;
    assert_int_equal(c->n_mounts, 6);
    assert_string_equal(m[0].type, "proc");
    assert_null(m[0].data);
    assert_string_equal(m[1].destination, "/tmp/x");
    assert_string_equal(m[1].source, "tmpfs");
    assert_string_equal(m[1].data, "size=1m,mode=1777");
    assert_true(m[1].copy_up && m[1].super_flags == MS_SYNCHRONOUS && m[1].attr_set == MOUNT_ATTR_NOSUID);
    assert_string_equal(m[2].type, "bind");
    assert_string_equal(m[2].source, "/b/data");
    assert_true(m[2].recursive_bind && m[2].recursive_attr && !m[2].remount);
    assert_int_equal(m[2].attr_set, 0);
    assert_int_equal(m[2].attr_clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC);
    assert_int_equal(m[2].propagation, MS_SLAVE | MS_REC);
    assert_true(m[3].idmap && m[3].recursive_idmap && !m[3].recursive_bind);
    assert_int_equal(m[3].mappings.n_uid, 1);
    assert_int_equal(m[3].mappings.uid[0].host_id, 1000);
    assert_int_equal(m[3].mappings.gid[0].host_id, 2000);
    assert_true(m[4].remount && m[4].source == NULL && strcmp(m[4].type, "bind") == 0);
    assert_int_equal(m[4].attr_set, MOUNT_ATTR_RDONLY);
    assert_string_equal(m[5].type, "cgroup");
    assert_true(m[5].super_clear == MS_SYNCHRONOUS && m[5].data == NULL);
    assert_string_equal(m[5].pointer, "/mounts/5");
    config_free(c);
}

static void test_hooks(void **state)
{
    struct lc_config *c = every_field();
    const struct config_hooks *h = c->oci.hooks;

    (void)state;
    assert_int_equal(h[HOOK_PRESTART].count, 1);
    assert_string_equal(h[HOOK_PRESTART].list[0].args[1], "b");
    assert_null(h[HOOK_PRESTART].list[0].args[2]);
    assert_string_equal(h[HOOK_PRESTART].list[0].env[0], "X=1");
    assert_int_equal(h[HOOK_PRESTART].list[0].timeout, 5);
    assert_string_equal(h[HOOK_CREATE_RUNTIME].list[0].path, "/b");
    assert_null(h[HOOK_CREATE_RUNTIME].list[0].args);
    assert_null(h[HOOK_CREATE_CONTAINER].list[0].args);
    assert_string_equal(h[HOOK_START_CONTAINER].list[1].pointer, "/hooks/startContainer/1");
    assert_int_equal(h[HOOK_POSTSTART].count, 0);
    assert_int_equal(h[HOOK_POSTSTOP].count, 0);
    config_free(c);
}

static void test_linux(void **state)
{
    struct lc_config *c = every_field();

    (void)state;
    assert_int_equal(c->namespaces, ((1u << NAMESPACE_MAX_) - 1) & ~NAMESPACE_BIT(NAMESPACE_NET));
    assert_string_equal(c->oci.namespace_paths[NAMESPACE_NET], "/run/netns/x");
    assert_null(c->oci.namespace_paths[NAMESPACE_UTS]);
    assert_int_equal(c->uid_mappings[0].host_id, 100000);
    assert_int_equal(c->gid_mappings[0].size, 65536);
    assert_true(
            c->oci.monotonic.set && c->oci.monotonic.seconds == -100 && c->oci.monotonic.nanoseconds == 5);
    assert_true(c->oci.boottime.set && c->oci.boottime.seconds == 7);
    assert_int_equal(c->n_devices, 3);
    assert_true(c->devices[0].type == 'c' && c->devices[0].mode == 0666 && c->devices[0].minor == 229);
    assert_true(c->devices[1].type == 'p' && c->devices[2].type == 'b');
    assert_int_equal(c->oci.n_net_devices, 2);
    assert_string_equal(c->oci.net_devices[0].name, "in%d");
    assert_string_equal(c->oci.net_devices[1].name, "eth2");
    assert_string_equal(c->cgroups.path, "/b/c");
    assert_int_equal(c->n_sysctls, 2);
    assert_string_equal(c->sysctls[0].key, "net/ipv4/ip_forward");
    assert_int_equal(c->oci.rootfs_propagation, MS_SLAVE | MS_REC);
    assert_true(c->masked_paths_given && c->n_masked_paths == 1);
    assert_true(c->readonly_paths_given && c->n_readonly_paths == 2);
    assert_string_equal(c->mount_label, "e:f:g:h");
    assert_true(c->oci.rdt.present && c->oci.rdt.monitoring && c->oci.rdt.n_schemata == 1);
    assert_string_equal(c->oci.rdt.clos_id, "gold");
    assert_string_equal(c->oci.rdt.l3_cache, "L3:0=ff");
    assert_string_equal(c->oci.rdt.memory_bandwidth, "MB:0=50");
    config_free(c);
}

static bool is_limit(const struct lc_config *c, enum config_limit limit, int64_t value)
{
    return c->cgroups.limits[limit].set && c->cgroups.limits[limit].value == value;
}

static void test_resources(void **state)
{
    struct lc_config *c = every_field();
    const struct config_cgroups *g = &c->cgroups;

    (void)state;
    assert_true(g->present && g->oci && g->disable_oom_killer && g->check_before_update && g->n_rules == 2);
    assert_true(!g->rules[0].allow && g->rules[0].type == 'a' && g->rules[0].major == -1);
    assert_true(g->rules[1].type == 'c' && g->rules[1].major == 1 && g->rules[1].minor == -1);
    assert_string_equal(g->rules[1].access, "rw");
    assert_true(is_limit(c, LIMIT_MEMORY, 67108864) && is_limit(c, LIMIT_MEMORY_SWAP, -1));
    assert_false(g->limits[LIMIT_MEMORY_RESERVATION].set);
    assert_true(is_limit(c, LIMIT_MEMORY_KERNEL, 5) && is_limit(c, LIMIT_MEMORY_KERNEL_TCP, 6));
    assert_true(is_limit(c, LIMIT_MEMORY_SWAPPINESS, 0) && is_limit(c, LIMIT_CPU_SHARES, 512));
    assert_true(is_limit(c, LIMIT_CPU_QUOTA, 20000) && is_limit(c, LIMIT_CPU_BURST, 10000));
    assert_true(is_limit(c, LIMIT_CPU_PERIOD, 100000) && is_limit(c, LIMIT_CPU_RT_RUNTIME, 950000));
    assert_true(is_limit(c, LIMIT_CPU_RT_PERIOD, 1000000) && is_limit(c, LIMIT_CPU_IDLE, 1));
    assert_true(is_limit(c, LIMIT_PIDS, -1) && is_limit(c, LIMIT_NET_CLASS, 1048577));
    assert_true(is_limit(c, LIMIT_BLKIO_WEIGHT, 100) && is_limit(c, LIMIT_BLKIO_LEAF_WEIGHT, 200));
    assert_string_equal(g->cpuset_cpus, "0-1");
    assert_string_equal(g->cpuset_mems, "0");
    assert_int_equal(g->n_blkio, 6);
    assert_true(g->blkio[0].kind == BLKIO_WEIGHT && g->blkio[1].kind == BLKIO_LEAF_WEIGHT);
    assert_true(g->blkio[2].kind == BLKIO_READ_BPS && g->blkio[2].value == UINT64_MAX);
    assert_true(g->blkio[5].kind == BLKIO_WRITE_IOPS && g->blkio[5].minor == 4 && g->blkio[5].value == 0);
    assert_true(g->n_hugepages == 1 && g->hugepages[0].limit == 4194304);
    assert_true(g->n_net_priorities == 1 && g->net_priorities[0].priority == 5);
    assert_true(g->n_rdma == 2 && g->rdma[0].handles.value == 3 && !g->rdma[0].objects.set);
    assert_true(g->n_unified == 2);
    assert_string_equal(g->unified[1].name, "hugetlb.1GB.max");
    config_free(c);
}

static void test_seccomp(void **state)
{
    struct lc_config *c = every_field();
    const struct config_seccomp *s = &c->oci.seccomp;

    (void)state;
    assert_true(
            s->present && s->flags_given && s->n_flags == 1 && s->n_architectures == 3 && s->n_rules == 3);
    assert_string_equal(s->default_action, "SCMP_ACT_ERRNO");
    assert_true(s->default_errno.set && s->default_errno.value == 38);
    assert_string_equal(s->listener_path, "/run/agent.sock");
    assert_string_equal(s->listener_metadata, "data");
    assert_string_equal(s->rules[0].names[1], "no_such_call");
    assert_true(s->rules[1].errno_ret.set && s->rules[1].n_args == 1);
    assert_true(s->rules[1].args[0].value == UINT64_MAX && s->rules[1].args[0].value_two == 21523);
    assert_string_equal(s->rules[1].args[0].op, "SCMP_CMP_MASKED_EQ");
    assert_string_equal(s->rules[2].pointer, "/linux/seccomp/syscalls/2");
    config_free(c);
}

/* What says nothing: absent, null, empty. */
static void test_absent(void **state)
{
    static const char *const texts[] = { "{" HEAD "}",
        "{\"ociVersion\":\"1.0.0-rc5\",\"root\":{\"path\":\"r\",\"readonly\":null},\"process\":null,"
        "\"linux\":null}",
        TOP("\"linux\":{\"resources\":{\"memory\":{\"limit\":0,\"swappiness\":18446744073709551615},"
            "\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,\"cpus\":\"\",\"idle\":0},\"pids\":{\"limit\":0},"
            "\"blockIO\":{\"weight\":0},\"network\":{\"classID\":0}},\"maskedPaths\":null,\"cgroupsPath\":"
            "\"\","
            "\"rootfsPropagation\":\"\",\"uidMappings\":[],\"netDevices\":{}},\"hooks\":{},\"mounts\":[],"
            "\"hostname\":\"\"") };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct lc_config *c = oci_good(texts[i]);

        assert_null(c->oci.argv);
        assert_false(c->oci.capabilities_present);
        assert_int_equal(c->capabilities, 0);
        assert_int_equal(c->namespaces, 0);
        assert_null(c->hostname);
        assert_true(c->cgroups.present && c->cgroups.oci && c->cgroups.path == NULL);
        for (int limit = 0; limit < LIMIT_MAX_; limit++)
            assert_false(c->cgroups.limits[limit].set);
        assert_true(c->masked_paths_given && c->readonly_paths_given);
        assert_int_equal(c->n_warnings, 0);
        config_free(c);
    }
}

/* A limit of 0 is one since 1.3. */
static void test_no_processes(void **state)
{
    static const struct {
        const char *text;
        bool set;
    } rows[] = {
        { "{\"ociVersion\":\"1.2.1\",\"root\":{\"path\":\"r\"},\"linux\":{\"resources\":{\"pids\":{\"limit\":"
          "0}}}}",
                false },
        { "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"resources\":{\"pids\":{\"limit\":"
          "0}}}}",
                true },
        { "{\"linux\":{\"resources\":{\"pids\":{\"limit\":0}}},\"root\":{\"path\":\"r\"},\"ociVersion\":\"1."
          "10.0\"}",
                true },
        { "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"resources\":{}}}", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lc_config *c = oci_good(rows[i].text);

        assert_int_equal(c->cgroups.limits[LIMIT_PIDS].set, rows[i].set);
        assert_int_equal(c->cgroups.limits[LIMIT_PIDS].value, 0);
        config_free(c);
    }
}

static void test_update(void **state)
{
    static const char text[] =
            "{\"cpu\":{\"idle\":0,\"burst\":0,\"shares\":0,\"quota\":-1},\"memory\":{},"
            "\"pids\":{\"limit\":50},\"blockIO\":null,\"unified\":{\"memory.high\":\"1\"}}";
    struct arena arena = { 0 };
    struct config_cgroups g;

    (void)state;
    assert_int_equal(oci_parse_resources(text, sizeof(text) - 1, "r.json", &arena, &g, NULL), 0);
    assert_true(g.limits[LIMIT_CPU_IDLE].set && g.limits[LIMIT_CPU_BURST].set);
    assert_true(!g.limits[LIMIT_CPU_SHARES].set && g.limits[LIMIT_CPU_QUOTA].value == -1);
    assert_int_equal(g.limits[LIMIT_PIDS].value, 50);
    assert_string_equal(g.unified[0].name, "memory.high");
    arena_done(&arena);
}

/* "systemd" groups, relative ones, ways out. */
static void test_cgroups_path(void **state)
{
    static const struct {
        const char *written, *kept;
    } table[] = { { "/x", "/x" }, { "x/y", "x/y" }, { "../../x", "x" }, { "/../x", "/x" }, { "a/..", NULL },
        { "machine.slice:libpod:abc", "machine.slice:libpod:abc" }, { "/", "/" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char text[256];
        struct lc_config *c;

        (void)snprintf(text, sizeof(text), TOP("\"linux\":{\"cgroupsPath\":\"%s\"}"), table[i].written);
        c = oci_good(text);
        if (table[i].kept == NULL)
            assert_null(c->cgroups.path);
        else
            assert_string_equal(c->cgroups.path, table[i].kept);
        config_free(c);
    }
}

static void test_options(void **state)
{
    char text[512];

    (void)state;
    /* All words of the specification on a file system; the words of binds on a bind. */
    for (size_t i = 0; i < 2; i++) {
        const char *words =
                i == 0 ? "\"async\",\"dirsync\",\"iversion\",\"lazytime\",\"loud\",\"noiversion\","
                         "\"nolazytime\",\"silent\",\"mand\",\"nomand\",\"defaults\",\"dev\""
                       : "\"rbind\",\"rnodev\",\"nostrictatime\",\"rnosymfollow\",\"rshared\",\"silent\"";
        struct lc_config *c;

        (void)snprintf(
                text, sizeof(text), MOUNT("\"type\":\"tmpfs\",\"source\":\"/s\",\"options\":[%s]"), words);
        c = oci_good(text);
        assert_null(c->mounts[0].data);
        config_free(c);
    }
}

static void test_other_process(void **state)
{
    static const char process[] = "{\"args\":[\"b\"],\"cwd\":\"/x\",\"rlimits\":null}";
    static const char config[] = PROCESS("\"terminal\":true,\"env\":[\"A=1\"]");
    const struct oci_text texts[] = { { config, sizeof(config) - 1, "config.json" },
        { process, sizeof(process) - 1, "process.json" } };
    struct lc_config *c = NULL;

    (void)state;
    assert_int_equal(oci_parse_process(&texts[0], &texts[1], "/b", &c, NULL), 0);
    assert_string_equal(c->oci.argv[0], "b");
    assert_string_equal(c->working_dir, "/x");
    assert_true(!c->tty && c->n_environment == 0 && strcmp(c->file, "config.json") == 0);
    config_free(c);
}

static void test_default(void **state)
{
    (void)state;
    for (int rootless = 0; rootless < 2; rootless++) {
        struct lc_config *c;
        char *text;

        assert_int_equal(oci_default_json(rootless != 0, 1000, 1001, &text, NULL), 0);
        c = oci_good(text);
        assert_int_equal((c->namespaces & NAMESPACE_BIT(NAMESPACE_USER)) != 0, rootless);
        assert_int_equal((c->namespaces & NAMESPACE_BIT(NAMESPACE_NET)) == 0, rootless);
        if (rootless)
            assert_int_equal(c->gid_mappings[0].host_id, 1001);
        assert_string_equal(c->mounts[5].type, rootless ? "bind" : "sysfs");
        assert_int_equal(c->n_masked_paths, 12);
        assert_int_equal(c->n_warnings, 0);
        config_free(c);
        free(text);
    }
}

static void test_features(void **state)
{
    const struct config_pair annotation = { "a", "b" };
    const struct oci_features features = { .namespaces = 3,
        .last_capability = 2,
        .seccomp = true,
        .seccomp_flags = 2,
        .annotations = &annotation,
        .n_annotations = 1 };
    json_t *document, *linux_part, *unsafe;
    char *text;

    (void)state;
    assert_int_equal(oci_features_json(&features, &text, NULL), 0);
    document = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(document);
    linux_part = json_object_get(document, "linux");
    assert_int_equal(json_array_size(json_object_get(document, "hooks")), 6);
    assert_true(json_array_size(json_object_get(document, "mountOptions")) >= 61);
    unsafe = json_object_get(document, "potentiallyUnsafeConfigAnnotations");
    assert_int_equal(json_array_size(unsafe), 2);
    assert_string_equal(json_string_value(json_array_get(unsafe, 0)), "run.oci.keep_original_groups");
    assert_string_equal(json_string_value(json_array_get(unsafe, 1)), "org.systemd.property.");
    assert_int_equal(json_array_size(json_object_get(linux_part, "namespaces")), 2);
    assert_int_equal(json_array_size(json_object_get(linux_part, "capabilities")), 3);
    assert_int_equal(json_object_size(json_object_get(linux_part, "cgroup")), 5);
    assert_int_equal(json_object_size(json_object_get(linux_part, "seccomp")), 6);
    assert_int_equal(json_object_size(json_object_get(linux_part, "intelRdt")), 3);
    assert_int_equal(json_object_size(linux_part), 10);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_scheduling),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_bind_options),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_linux),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_seccomp),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_no_processes),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_cgroups_path),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_other_process),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
